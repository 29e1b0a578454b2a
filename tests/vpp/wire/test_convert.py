"""Domain to wire and back loses nothing but the stated rounding."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import Command, CommandMode
from vpp.domain.errors import MessageError
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.telemetry import Quality, Reading
from vpp.domain.timegrid import TimeGrid
from vpp.wire.codec import decode, encode
from vpp.wire.convert import (
    command_from_wire,
    command_to_wire,
    offers_from_wire,
    offers_to_wire,
    readings_from_wire,
    utc,
)
from vpp.wire.messages import CapabilityMessage, CommandMessage, TelemetryMessage, WireReading

AT = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
ids = st.text("abcdefghij-0123456789", min_size=1, max_size=20)
powers = st.floats(-1e6, 1e6, allow_nan=False)
amounts = st.floats(0, 1e6, allow_nan=False)
counts = st.integers(0, 2**53)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
LENGTH = 4
series = st.lists(amounts, min_size=LENGTH, max_size=LENGTH).map(np.array)
flexibilities: st.SearchStrategy[Flexibility] = st.one_of(
    st.builds(Curtailable, series, series, powers, powers, amounts),
    st.builds(Block, series, series, powers, powers, counts, counts, counts, counts),
    st.builds(Charging, series, series, series, series, powers),
    st.builds(Cooling, series, amounts, powers, powers, amounts, powers, powers, powers),
    st.builds(Storage, amounts, amounts, amounts, amounts, amounts, st.floats(0.01, 1.0), powers, st.booleans()),
)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    length = draw(st.integers(1, 8))
    values = st.lists(powers, min_size=length, max_size=length).map(tuple)
    valid_from = draw(instants)
    return Command(
        command_id=draw(ids),
        event_id=draw(ids),
        plan_revision=draw(counts),
        epoch=draw(counts),
        sequence=draw(counts),
        resource_id=draw(ids),
        mode=draw(st.sampled_from(CommandMode)),
        schedule_start=AT + timedelta(minutes=15) * draw(st.integers(-1000, 1000)),
        setpoints_kw=draw(values),
        assumed_forecast_kw=draw(values),
        valid_from=valid_from,
        expires_at=valid_from + timedelta(seconds=draw(st.integers(0, 10**6))),
        release_after_s=draw(st.floats(0, 86_400)),
    )


@given(commands())
def test_command__survives_the_wire(command: Command) -> None:
    payload = encode(CommandMessage("g", [command_to_wire(command)]))
    message = decode("vpp/v1/g/command", payload)
    assert isinstance(message, CommandMessage)
    assert command_from_wire(message.commands[0]) == command


@given(st.lists(flexibilities, max_size=6), series, st.booleans(), st.text(max_size=50))
def test_offers__survive_the_wire(kinds: list[Flexibility], forecast_kw: Series, available: bool, reason: str) -> None:
    grid = TimeGrid(AT, LENGTH)
    offers = [
        CapabilityOffer(f"r{i}", AT, grid, forecast_kw, flexibility, 60.0, available=available, reason=reason)
        for i, flexibility in enumerate(kinds)
    ]
    payload = encode(CapabilityMessage("g", AT, grid.start, offers_to_wire(offers)))
    message = decode("vpp/v1/g/capability", payload)
    assert isinstance(message, CapabilityMessage)
    back = offers_from_wire(message)
    assert len(back) == len(offers)
    for one, other in zip(offers, back, strict=True):
        assert type(one.flexibility) is type(other.flexibility)
        assert (one.resource_id, one.grid, one.available, one.reason) == (
            other.resource_id,
            other.grid,
            other.available,
            other.reason,
        )
        np.testing.assert_allclose(one.forecast_kw, other.forecast_kw, rtol=1e-12, atol=5.01e-4)
        for field in dataclasses.fields(one.flexibility):
            np.testing.assert_allclose(
                getattr(one.flexibility, field.name), getattr(other.flexibility, field.name), rtol=1e-12, atol=5.01e-4
            )


@given(st.lists(st.tuples(ids, powers, st.integers(-(2**53), 2**53), st.sampled_from(Quality)), max_size=5), instants)
def test_readings__survive_the_wire(rows: list[tuple[str, float, int, Quality]], at: datetime) -> None:
    sent = TelemetryMessage("g", 1, at, [WireReading(*row) for row in rows])
    message = decode("vpp/v1/g/telemetry", encode(sent))
    assert isinstance(message, TelemetryMessage)
    assert readings_from_wire(message) == [Reading(row[0], at, row[1], row[2], row[3]) for row in rows]


def test_offers_from_wire__refuses_a_start_off_the_grid() -> None:
    offers = offers_to_wire(
        [CapabilityOffer("r", AT, TimeGrid(AT, 1), np.ones(1), Storage(1, 1, 1, 0, 0, 1, 0, export_allowed=False), 0)]
    )
    message = CapabilityMessage("g", AT, AT + timedelta(minutes=1), offers)
    with pytest.raises(MessageError, match=r"grid start 2026-07-20T06:01:00Z is not on a 15-minute boundary"):
        offers_from_wire(message)


def test_utc__refuses_the_calendars_end() -> None:
    instant = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=8)))
    with pytest.raises(MessageError, match=r"valid_from 0001-01-01T00:00:00\+08:00 has no UTC form"):
        utc(instant, "valid_from")
