"""MQTT topics of the contract, version 1: ``vpp/v1/{gateway_id}/{type}``."""

import re
from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.errors import MessageError

PREFIX = "vpp/v1"
_GATEWAY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


class MessageType(StrEnum):
    """Last level of a topic; it alone decides how the payload is read."""

    BIRTH = "birth"
    STATUS = "status"
    TELEMETRY = "telemetry"
    CAPABILITY = "capability"
    ACK = "ack"
    REPLY = "reply"
    COMMAND = "command"
    NOTICE = "notice"


FROM_GATEWAY = (
    MessageType.BIRTH,
    MessageType.STATUS,
    MessageType.TELEMETRY,
    MessageType.CAPABILITY,
    MessageType.ACK,
    MessageType.REPLY,
)
TO_GATEWAY = (MessageType.COMMAND, MessageType.NOTICE)
RETAINED = frozenset({MessageType.BIRTH, MessageType.STATUS})
"""Types that the broker keeps for late subscribers; a command is never among them."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart."""

    gateway_id: str
    type: MessageType

    def __str__(self) -> str:
        return f"{PREFIX}/{self.gateway_id}/{self.type.value}"


def topic_of(gateway_id: str, message_type: MessageType) -> str:
    """The topic's text.

    Raises:
        MessageError: ``gateway_id`` could not stand in a topic.
    """
    _check_gateway_id(gateway_id)
    return f"{PREFIX}/{gateway_id}/{message_type.value}"


def parse_topic(topic: str) -> Topic:
    """Gateway and type that ``topic`` names.

    Raises:
        MessageError: not a topic of this contract.
    """
    head, _, type_name = topic.rpartition("/")
    prefix, _, gateway_id = head.rpartition("/")
    if prefix != PREFIX:
        raise MessageError(f"topic {topic!r} is not of the form {PREFIX}/<gateway_id>/<type>")
    _check_gateway_id(gateway_id)
    try:
        return Topic(gateway_id, MessageType(type_name))
    except ValueError:
        known = ", ".join(MessageType)
        raise MessageError(f"topic {topic!r} has unknown type {type_name!r} (known: {known})") from None


def controller_subscriptions() -> tuple[str, ...]:
    """Filters by which the controller hears every gateway."""
    return tuple(f"{PREFIX}/+/{message_type.value}" for message_type in FROM_GATEWAY)


def gateway_subscriptions(gateway_id: str) -> tuple[str, ...]:
    """Filters by which a gateway hears what is sent to it."""
    return tuple(topic_of(gateway_id, message_type) for message_type in TO_GATEWAY)


def _check_gateway_id(gateway_id: str) -> None:
    if not _GATEWAY_ID.fullmatch(gateway_id):
        raise MessageError(
            f"gateway id {gateway_id!r} is not 1 to 64 letters, digits, '_', '.', ':' or '-', beginning with a letter "
            "or digit"
        )
