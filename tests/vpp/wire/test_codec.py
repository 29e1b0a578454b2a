"""Every way in which a payload can be wrong has its message."""

from datetime import UTC, datetime

import pytest

from vpp.domain.errors import MessageError
from vpp.domain.telemetry import Quality
from vpp.wire.codec import MAX_PAYLOAD_BYTES, decode, encode
from vpp.wire.messages import TelemetryMessage, WireReading

AT = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
TOPIC = "vpp/v1/gw-1/telemetry"
GOOD = TelemetryMessage("gw-1", 7, AT, [WireReading("r1", 12.5, 1000, Quality.GOOD)])
COMMAND = (
    b'{"gateway_id":"gw-1","commands":[{"command_id":"c1","event_id":"e1","plan_revision":1,"epoch":1,"sequence":1,'
    b'"resource_id":"r1","mode":"at_most","schedule_start":"2026-07-20T06:00:00Z","setpoints_kw":[1.0],'
    b'"assumed_forecast_kw":[2.0],"valid_from":"2026-07-20T06:00:00Z","expires_at":"2026-07-20T07:00:00Z",'
    b'"release_after_s":0}]}'
)


def test_decode__reads_what_encode_wrote() -> None:
    assert decode(TOPIC, encode(GOOD)) == GOOD


def test_decode__ignores_fields_of_a_newer_sender() -> None:
    assert decode(TOPIC, encode(GOOD)[:-1] + b',"colour":"red"}') == GOOD


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"12.5", b"NaN", "$.readings[0].power_kw = nan: not a finite number"),
        (b"12.5", b"-Infinity", "$.readings[0].power_kw = -inf: not a finite number"),
        (b"12.5", b"1e999", "$.readings[0].power_kw = Infinity: Number out of range"),
        (b"12.5", b'"much"', '$.readings[0].power_kw = "much": Expected `float`, got `str`'),
        (b"12.5", b"null", "$.readings[0].power_kw = null: Expected `float`, got `null`"),
        (b"12.5", b"true", "$.readings[0].power_kw = true: Expected `float`, got `bool`"),
        (b"1000", b"1000.5", "$.readings[0].register_wh = 1000.5: Expected `int`, got `float`"),
        (b"1000", b"9007199254740993", "$.readings[0].register_wh = 9007199254740993: Expected `int` <= 900719925474"),
        (b"00:00Z", b"00:00", '$.at = "2026-07-20T06:00:00": Expected `datetime` with a timezone component'),
        (b'"2026-07-20T06:00:00Z"', b"0", "$.at = 0: Expected `datetime`, got `int`"),
        (b'"seq":7', b'"seq":0', "$.seq = 0: Expected `int` >= 1"),
        (b'"good"', b'"fine"', "$.readings[0].quality = \"fine\": Invalid enum value 'fine'"),
        (b'"gw-1"', b'"gw-2"', "payload names gateway 'gw-2'"),
        (b'"r1"', b'""', '$.readings[0].resource_id = "": Expected `str` of length >= 1'),
        (b'"r1"', b'"' + b"r" * 129 + b'"', "Expected `str` of length <= 128"),
        (b"}]", b"]", "JSON is malformed"),
        (b"r1", b"\xff", "invalid start byte"),
    ],
)
def test_decode__refuses_and_names(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode(TOPIC, encode(GOOD).replace(old, new, 1))
    assert str(caught.value).startswith("telemetry of gateway 'gw-1': ")
    assert message in str(caught.value)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"text"', b"[" * 100_000, b"{}", b"\x00"])
def test_decode__refuses_what_is_no_message(payload: bytes) -> None:
    with pytest.raises(MessageError, match="telemetry of gateway 'gw-1'"):
        decode(TOPIC, payload)


def test_decode__refuses_oversize() -> None:
    with pytest.raises(MessageError, match=r"payload of 4194305 bytes is over the limit of 4194304 bytes"):
        decode(TOPIC, b" " * (MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"[2.0]", b"[2.0,3.0]", "command 'c1': 1 setpoints, but 2 values of assumed_forecast_kw"),
        (b"[1.0]", b"[]", "$.commands[0].setpoints_kw = []: Expected `array` of length >= 1"),
        (b"T07:00", b"T05:00", "valid_from 2026-07-20T06:00:00+00:00 lies behind expires_at 2026-07-20T05:00:00+00:00"),
        (
            b'start":"2026-07-20T06:00',
            b'start":"2026-07-20T06:01',
            "schedule_start 2026-07-20T06:01:00+00:00 is not on a 15-minute boundary",
        ),
        (b'_s":0', b'_s":86401', "release_after_s = 86401: Expected `float` <= 86400.0"),
        (b"at_most", b"at_best", "$.commands[0].mode"),
    ],
)
def test_decode__refuses_a_wrong_command(old: bytes, new: bytes, message: str) -> None:
    topic = "vpp/v1/gw-1/command"
    decode(topic, COMMAND)
    with pytest.raises(MessageError) as caught:
        decode(topic, COMMAND.replace(old, new, 1))
    assert message in str(caught.value)


def test_encode__refuses_what_is_not_finite() -> None:
    message = TelemetryMessage("gw-1", 1, AT, [WireReading("r1", float("nan"), 0, Quality.GOOD)])
    with pytest.raises(MessageError, match=r"TelemetryMessage.readings\[0\].power_kw = nan: not a finite number"):
        encode(message)
