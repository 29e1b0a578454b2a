"""Every reason has both languages."""

import pytest

from vpp.domain.reasons import TEXTS, texts_of


def test_texts_of__known_codes_have_both_languages() -> None:
    assert all(
        english and chinese and english.isascii() and not chinese.isascii() for english, chinese in TEXTS.values()
    )
    assert texts_of("declined") == ("not called: the participant declined", "未调用：参与者拒绝邀约")


@pytest.mark.parametrize(
    "code",
    [
        "cheaper", "price", "not-needed", "limit:node-07", "resting", "opted-out", "protected", "too-slow", "min-run",
        "calls-used-up", "calls-used-up-day", "calls-used-up-week", "calls-used-up-season", "spread", "energy",
        "no-value", "uncertain", "reserve", "unavailable",
    ],
)  # fmt: skip
def test_texts_of__whatever_a_plan_may_say_reads_as_a_sentence(code: str) -> None:
    english, chinese = texts_of(code)
    assert code not in {english, chinese}
    assert len(english.split()) > 2
    assert not chinese.isascii()


def test_texts_of__limits_name_the_node() -> None:
    assert texts_of("limit:line-3") == ("limited by line-3", "受 line-3 限制")


def test_texts_of__an_unknown_code_stands_for_itself() -> None:
    assert texts_of("odd") == ("odd", "odd")
