from datetime import UTC, datetime

import pytest

from tests.vpp.api.district_at_work import RUNNING
from tests.vpp.portal.portal_rig import Portal
from vpp.portal.language import Language
from vpp.portal.sentences import say

AT = datetime(2026, 7, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sentence", "chinese"),
    [
        ("first plan", "首个计划"),
        ("expected 3.25 MW of 3.48 MW aimed at", "预期 3.25 MW，低于调度目标 3.48 MW"),
        ("expected 4.00 MW, more than 110% of 3.48 MW", "预期 4.00 MW，超过 3.48 MW 的 110%"),
        (
            "node quick-snow: import limit 40000 kW binds at 16:15",
            "16:15 节点 quick-snow 受电限值 40000 kW 起约束作用",
        ),
        ("something that nobody has translated", "something that nobody has translated"),
    ],
)
def test_say__in_chinese(sentence: str, chinese: str) -> None:
    assert say(Language.CHINESE, sentence) == chinese


async def test_say__everything_that_a_real_event_has_said(portal: Portal) -> None:
    plans = portal.api.controller.recorder.book.event(RUNNING).plans
    said = [plan.reason for plan in plans] + [limit.text for plan in plans for limit in plan.binding]

    assert said
    for sentence in said:
        assert say(Language.CHINESE, sentence) != sentence
