"""Between wire messages and domain types; the only place where the two vocabularies meet."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import assert_never

import numpy as np

from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import Command
from vpp.domain.errors import InputError, MessageError
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import TimeGrid
from vpp.wire.messages import (
    BlockWire,
    CapabilityMessage,
    ChargingWire,
    CoolingWire,
    CurtailableWire,
    FlexibilityWire,
    StorageWire,
    TelemetryMessage,
    WireCommand,
    WireOffer,
)

_DECIMALS = 3


def command_to_wire(command: Command) -> WireCommand:
    """``command`` as it stands in a payload."""
    return WireCommand(
        command_id=command.command_id,
        event_id=command.event_id,
        plan_revision=command.plan_revision,
        epoch=command.epoch,
        sequence=command.sequence,
        resource_id=command.resource_id,
        mode=command.mode,
        schedule_start=command.schedule_start,
        setpoints_kw=list(command.setpoints_kw),
        assumed_forecast_kw=list(command.assumed_forecast_kw),
        valid_from=command.valid_from,
        expires_at=command.expires_at,
        release_after_s=command.release_after_s,
    )


def command_from_wire(wire: WireCommand) -> Command:
    """The command, its instants in UTC.

    Raises:
        MessageError: an instant has no UTC form.
    """
    return Command(
        command_id=wire.command_id,
        event_id=wire.event_id,
        plan_revision=wire.plan_revision,
        epoch=wire.epoch,
        sequence=wire.sequence,
        resource_id=wire.resource_id,
        mode=wire.mode,
        schedule_start=utc(wire.schedule_start, "schedule_start"),
        setpoints_kw=tuple(wire.setpoints_kw),
        assumed_forecast_kw=tuple(wire.assumed_forecast_kw),
        valid_from=utc(wire.valid_from, "valid_from"),
        expires_at=utc(wire.expires_at, "expires_at"),
        release_after_s=wire.release_after_s,
    )


def readings_from_wire(message: TelemetryMessage) -> list[Reading]:
    """The message's readings; ``meter_id`` is the resource's id."""
    at = utc(message.at, "at")
    return [
        Reading(reading.resource_id, at, reading.power_kw, reading.register_wh, reading.quality)
        for reading in message.readings
    ]


def offers_to_wire(offers: Sequence[CapabilityOffer]) -> list[WireOffer]:
    """``offers`` with their series rounded to 1 W and 1 Wh; issue time and grid stand in the message around them."""
    series: list[Series] = []
    for offer in offers:
        series.append(offer.forecast_kw)
        series.extend(_series_of(offer.flexibility))
    if not series:
        return []
    # One rounding for all: this is the gateways' hot path, and small arrays cost by the call.
    flat: list[float] = np.concatenate(series).round(_DECIMALS).tolist()
    lengths = iter([len(values) for values in series])
    position = 0

    def next_list() -> list[float]:
        nonlocal position
        start = position
        position += next(lengths)
        return flat[start:position]

    return [
        WireOffer(
            resource_id=offer.resource_id,
            forecast_kw=next_list(),
            flexibility=_flexibility_to_wire(offer.flexibility, next_list),
            notice_s=offer.notice_s,
            available=offer.available,
            reason=offer.reason,
        )
        for offer in offers
    ]


def offers_from_wire(message: CapabilityMessage) -> list[CapabilityOffer]:
    """The message's offers.

    Raises:
        MessageError: ``grid_start`` is not the start of an interval.
    """
    issued_at = utc(message.issued_at, "issued_at")
    start = utc(message.grid_start, "grid_start")
    offers: list[CapabilityOffer] = []
    for wire in message.offers:
        try:
            grid = TimeGrid(start, len(wire.forecast_kw))
        except InputError as error:
            raise MessageError(f"capability of gateway {message.gateway_id!r}: {error}") from error
        offers.append(
            CapabilityOffer(
                resource_id=wire.resource_id,
                issued_at=issued_at,
                grid=grid,
                forecast_kw=_array(wire.forecast_kw),
                flexibility=_flexibility_from_wire(wire.flexibility),
                notice_s=wire.notice_s,
                available=wire.available,
                reason=wire.reason,
            )
        )
    return offers


def utc(instant: datetime, field: str) -> datetime:
    """``instant`` in UTC.

    Raises:
        MessageError: it lies so near the calendar's end that it has no UTC form.
    """
    if instant.tzinfo is UTC:
        return instant
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise MessageError(f"{field} {instant.isoformat()} has no UTC form: {error}") from error


def _series_of(flexibility: Flexibility) -> tuple[Series, ...]:
    """Its arrays, in the order of its fields."""
    match flexibility:
        case Curtailable():
            return flexibility.segment_1_kw, flexibility.segment_2_kw
        case Block():
            return flexibility.available_kw, flexibility.minimum_kw
        case Charging() as it:
            return it.power_min_kw, it.power_max_kw, it.energy_floor_kwh, it.energy_ceiling_kwh
        case Cooling():
            return (flexibility.available_kw,)
        case Storage():
            return ()
        case _:
            assert_never(flexibility)


def _flexibility_to_wire(flexibility: Flexibility, next_list: Callable[[], list[float]]) -> FlexibilityWire:
    """Takes the series, in the order of ``_series_of``, from ``next_list``."""
    match flexibility:
        case Curtailable() as it:
            return CurtailableWire(
                next_list(),
                next_list(),
                it.cost_1_cny_per_kwh,
                it.cost_2_cny_per_kwh,
                it.energy_max_kwh,
            )
        case Block() as it:
            return BlockWire(
                next_list(),
                next_list(),
                it.cost_cny_per_kwh,
                it.start_cost_cny,
                it.min_run,
                it.max_run,
                it.max_calls,
                it.running_intervals,
            )
        case Charging() as it:
            return ChargingWire(
                next_list(),
                next_list(),
                next_list(),
                next_list(),
                it.cost_cny_per_kwh,
            )
        case Cooling() as it:
            return CoolingWire(
                next_list(),
                it.payback_max_kw,
                it.retention,
                it.gain_k_per_kw,
                it.band_k,
                it.theta_0_k,
                it.cost_cny_per_kwh,
                it.discomfort_cny_per_kh,
            )
        case Storage() as it:
            return StorageWire(
                it.power_max_kw,
                it.capacity_kwh,
                it.soc_kwh,
                it.soc_min_kwh,
                it.soc_end_kwh,
                it.efficiency,
                it.cost_cny_per_kwh,
                it.export_allowed,
            )
        case _:
            assert_never(flexibility)


def _flexibility_from_wire(wire: FlexibilityWire) -> Flexibility:
    match wire:
        case CurtailableWire():
            return Curtailable(
                _array(wire.segment_1_kw),
                _array(wire.segment_2_kw),
                wire.cost_1_cny_per_kwh,
                wire.cost_2_cny_per_kwh,
                wire.energy_max_kwh,
            )
        case BlockWire():
            return Block(
                _array(wire.available_kw),
                _array(wire.minimum_kw),
                wire.cost_cny_per_kwh,
                wire.start_cost_cny,
                wire.min_run,
                wire.max_run,
                wire.max_calls,
                wire.running_intervals,
            )
        case ChargingWire():
            return Charging(
                _array(wire.power_min_kw),
                _array(wire.power_max_kw),
                _array(wire.energy_floor_kwh),
                _array(wire.energy_ceiling_kwh),
                wire.cost_cny_per_kwh,
            )
        case CoolingWire():
            return Cooling(
                _array(wire.available_kw),
                wire.payback_max_kw,
                wire.retention,
                wire.gain_k_per_kw,
                wire.band_k,
                wire.theta_0_k,
                wire.cost_cny_per_kwh,
                wire.discomfort_cny_per_kh,
            )
        case StorageWire():
            return Storage(
                wire.power_max_kw,
                wire.capacity_kwh,
                wire.soc_kwh,
                wire.soc_min_kwh,
                wire.soc_end_kwh,
                wire.efficiency,
                wire.cost_cny_per_kwh,
                wire.export_allowed,
            )
        case _:
            assert_never(wire)


def _array(values: list[float]) -> Series:
    return np.array(values, dtype=np.float64)
