"""Payload bytes to messages and back; the only place that reads what strangers may send."""

import json
import math
import re
from typing import TypeAlias, TypeVar

import msgspec

from vpp.domain.errors import MessageError
from vpp.wire.messages import (
    AckMessage,
    BirthMessage,
    CapabilityMessage,
    CommandMessage,
    Message,
    NoticeMessage,
    ReplyMessage,
    StatusMessage,
    TelemetryMessage,
)
from vpp.wire.topics import MessageType, Topic, parse_topic

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
MESSAGE_TYPES: dict[MessageType, type[Message]] = {
    MessageType.BIRTH: BirthMessage,
    MessageType.STATUS: StatusMessage,
    MessageType.TELEMETRY: TelemetryMessage,
    MessageType.CAPABILITY: CapabilityMessage,
    MessageType.ACK: AckMessage,
    MessageType.REPLY: ReplyMessage,
    MessageType.COMMAND: CommandMessage,
    MessageType.NOTICE: NoticeMessage,
}
Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"
S = TypeVar("S", bound=msgspec.Struct)

_DECODERS: dict[MessageType, msgspec.json.Decoder[Message]] = {
    message_type: msgspec.json.Decoder(struct) for message_type, struct in MESSAGE_TYPES.items()
}
_ENCODER = msgspec.json.Encoder()
_PATH = re.compile(r" - at `(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.([A-Za-z_0-9]+)|\[(\d+|\.\.\.)\]")
_SHOWN_CHARACTERS = 60


def encode(message: msgspec.Struct) -> bytes:
    """The payload of ``message``.

    Raises:
        MessageError: a number in it is not finite; JSON could not say so.
    """
    payload = _ENCODER.encode(message)
    # JSON has no NaN and the encoder writes null instead, so only a payload with a null needs the slow look.
    if b"null" in payload:
        problem = _non_finite(msgspec.structs.asdict(message), type(message).__name__)
        if problem:
            raise MessageError(problem)
    return payload


def decode(topic: str, payload: bytes) -> Message:
    """The message that ``payload`` holds, read as ``topic`` says.

    Raises:
        MessageError: unknown topic, payload too large, malformed or wrong in a field, or of another gateway than the
            topic's; the message names the field, its value and what was expected.
    """
    parsed = parse_topic(topic)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise MessageError(
            f"{_source(parsed)}: payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES} bytes"
        )
    try:
        message = _DECODERS[parsed.type].decode(payload)
    except msgspec.ValidationError as error:
        raise MessageError(f"{_source(parsed)}: {_invalid(payload, str(error))}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"{_source(parsed)}: {_malformed(payload, str(error))}") from error
    if message.gateway_id != parsed.gateway_id:
        raise MessageError(f"{_source(parsed)}: payload names gateway {message.gateway_id!r}")
    return message


def _source(topic: Topic) -> str:
    return f"{topic.type.value} of gateway {topic.gateway_id!r}"


def _invalid(payload: bytes, error: str) -> str:
    match = _PATH.search(error)
    if match is None:
        return error
    path = match["path"]
    return f"{path} = {_value_at(payload, path)}: {error[: match.start()]}"


def _value_at(payload: bytes, path: str) -> str:
    value: object = json.loads(payload)
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index.isdigit() and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            break
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _malformed(payload: bytes, error: str) -> str:
    try:
        loosely: object = json.loads(payload)
    except (ValueError, RecursionError):
        return error
    return _non_finite(loosely, "$") or error


def _non_finite(value: object, path: str) -> str:
    """A sentence on the first number that is not finite, or an empty text."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{path} = {value}: not a finite number"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        found = (_non_finite(item, f"{path}.{name}") for name, item in value.items())
    elif isinstance(value, list):
        found = (_non_finite(item, f"{path}[{index}]") for index, item in enumerate(value))
    else:
        return ""
    return next((sentence for sentence in found if sentence), "")
