"""Topics of the contract."""

import pytest

from vpp.domain.errors import MessageError
from vpp.wire.topics import (
    RETAINED,
    MessageType,
    Topic,
    controller_subscriptions,
    gateway_subscriptions,
    parse_topic,
    topic_of,
)


@pytest.mark.parametrize("message_type", list(MessageType))
def test_parse_topic__is_the_inverse_of_topic_of(message_type: MessageType) -> None:
    text = topic_of("gw-1.a", message_type)
    assert parse_topic(text) == Topic("gw-1.a", message_type)
    assert str(parse_topic(text)) == text


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("vpp/v2/gw/telemetry", "is not of the form vpp/v1/<gateway_id>/<type>"),
        ("telemetry", "is not of the form"),
        ("vpp/v1/a/b/telemetry", "is not of the form"),
        ("vpp/v1/gw/weather", "has unknown type 'weather' \\(known: birth, status"),
        ("vpp/v1//telemetry", "gateway id '' is not"),
        ("vpp/v1/+/telemetry", "gateway id '\\+' is not 1 to 64 letters"),
    ],
)
def test_parse_topic__refuses(topic: str, message: str) -> None:
    with pytest.raises(MessageError, match=message):
        parse_topic(topic)


def test_topic_of__refuses_an_id_that_would_change_the_topic() -> None:
    with pytest.raises(MessageError, match="gateway id 'a/b'"):
        topic_of("a/b", MessageType.ACK)


def test_subscriptions__controller_hears_gateways_and_gateways_the_controller() -> None:
    assert "vpp/v1/+/telemetry" in controller_subscriptions()
    assert gateway_subscriptions("g") == ("vpp/v1/g/command", "vpp/v1/g/notice")


def test_retained__never_a_command() -> None:
    assert MessageType.COMMAND not in RETAINED
