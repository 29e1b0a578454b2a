"""The published schemas are those of the code, and real messages satisfy them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from vpp.domain.telemetry import Quality
from vpp.wire.codec import encode
from vpp.wire.messages import TelemetryMessage, WireReading
from vpp.wire.schema import file_name, render, schema_of, write_schemas
from vpp.wire.topics import MessageType

FOLDER = Path(__file__).parents[3] / "configs" / "wire" / "v1"


@pytest.mark.parametrize("message_type", list(MessageType))
def test_render__published_file_has_not_drifted(message_type: MessageType) -> None:
    published = (FOLDER / file_name(message_type)).read_text(encoding="utf-8")
    assert published == render(message_type), "run: python -m vpp.wire.schema configs/wire/v1"


@pytest.mark.parametrize("message_type", list(MessageType))
def test_schema_of__is_a_valid_schema(message_type: MessageType) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(message_type))


def test_schema_of__accepts_a_message_and_refuses_a_wrong_one() -> None:
    validator = jsonschema.Draft202012Validator(schema_of(MessageType.TELEMETRY))
    at = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
    message = json.loads(encode(TelemetryMessage("g", 1, at, [WireReading("r", 1.0, 2, Quality.GOOD)])))
    validator.validate(message)
    message["readings"][0]["power_kw"] = "much"
    assert not validator.is_valid(message)


def test_write_schemas__writes_every_type(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {file_name(message_type) for message_type in MessageType}
