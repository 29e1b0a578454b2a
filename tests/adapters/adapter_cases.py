"""Readings and requests for the adapters' tests."""

from datetime import UTC, datetime

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import BatteryReadings, DeviceReadings, LineReadings, PileReadings, ZoneReadings
from adapters.kit.resource_spec import ResourceSpec, Terms
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid

NOW = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)


def readings(
    count: int,
    *,
    online: list[bool] | None = None,
    lines: LineReadings | None = None,
    piles: PileReadings | None = None,
    zones: ZoneReadings | None = None,
    batteries: BatteryReadings | None = None,
) -> DeviceReadings:
    return DeviceReadings(
        power_kw=np.full(count, 50.0),
        register_wh=np.zeros(count, dtype=np.int64),
        online=np.array(online if online is not None else [True] * count),
        setpoint_kw=np.full(count, np.nan),
        lines=lines,
        piles=piles,
        zones=zones,
        batteries=batteries,
    )


def spec(kind: ResourceKind, terms: Terms, *, rated_kw: float = 400.0, devices: int = 4) -> ResourceSpec:
    return ResourceSpec("r1", "s1", kind, rated_kw, 0, devices, terms)


def request(
    resource: ResourceSpec, read: DeviceReadings, forecast_kw: Series, *, running: int = 0, calls: int = 0
) -> OfferRequest:
    return OfferRequest(resource, read, TimeGrid(NOW, len(forecast_kw)), NOW, forecast_kw, running, calls)
