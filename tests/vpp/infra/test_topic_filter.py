"""Topic filters as MQTT 3.1.1, section 4.7, has them."""

import pytest

from vpp.domain.errors import InvariantError
from vpp.infra.topic_filter import check_filter, check_topic, matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("a/+/c/#", "a/b", False),
        ("a/+/c/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/load", False),
        ("+/load", "$SYS/load", False),
        ("$SYS/#", "$SYS/load", True),
    ],
)
def test_matches__standard_cases(topic_filter: str, topic: str, *, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


@pytest.mark.parametrize("topic_filter", ["", "a+/b", "a/#/b", "a/b#", "a\0"])
def test_check_filter__malformed_is_refused(topic_filter: str) -> None:
    with pytest.raises(InvariantError, match="is not a topic filter"):
        check_filter(topic_filter)


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0"])
def test_check_topic__wildcards_are_refused(topic: str) -> None:
    with pytest.raises(InvariantError, match="is not a topic that can be published to"):
        check_topic(topic)
