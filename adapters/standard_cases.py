"""The project's own adapters as conformance cases, each on devices in memory (``vpp adapters conform``)."""

import numpy as np

from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.conformance.twin import TwinDriver
from adapters.kit.driver import BatteryReadings, LineReadings, PileReadings, ZoneReadings
from adapters.kit.resource_spec import ChargingTerms, CoolingTerms, LoadTerms, ResourceSpec, StorageTerms, Terms
from adapters.registry import standard_adapters
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.ports import Clock

_DEVICES = 8
_PER_RESOURCE = 4
_RATED_KW = 400.0
_DEMAND_KW = 80.0


def _specs(kind: ResourceKind, terms: Terms, rated_kw: float = _RATED_KW) -> tuple[ResourceSpec, ...]:
    return tuple(
        ResourceSpec(f"r{i}", f"s{i}", kind, rated_kw, i * _PER_RESOURCE, _PER_RESOURCE, terms) for i in range(2)
    )


def _level(value: float) -> Series:
    return np.full(_DEVICES, value)


def _loads(kind: ResourceKind, terms: LoadTerms, *, min_kw: float) -> ConformanceCase:
    def driver(clock: Clock) -> TwinDriver:
        del clock
        return TwinDriver(
            _level(_DEMAND_KW), lines=LineReadings(np.ones(_DEVICES, dtype=bool), _level(100.0), _level(min_kw))
        )

    return ConformanceCase(kind.value, standard_adapters()[kind], _specs(kind, terms), driver, (260.0, 200.0))


def _piles(kind: ResourceKind, terms: ChargingTerms, *, power_kw: float, need_kwh: float) -> ConformanceCase:
    def driver(clock: Clock) -> TwinDriver:
        del clock
        piles = PileReadings(
            plugged=np.ones(_DEVICES, dtype=bool),
            session_needed_kwh=_level(need_kwh) * np.linspace(0.9, 1.1, _DEVICES),
            minutes_to_departure=_level(110.0),
            power_max_kw=_level(power_kw),
            power_min_kw=_level(4.14),
        )
        return TwinDriver(_level(power_kw), piles=piles)

    rated_kw = power_kw * _PER_RESOURCE
    specs = _specs(kind, terms, rated_kw)
    return ConformanceCase(kind.value, standard_adapters()[kind], specs, driver, (0.75 * rated_kw, 0.6 * rated_kw))


def _cooling() -> ConformanceCase:
    kind = ResourceKind.COOLING

    def driver(clock: Clock) -> TwinDriver:
        del clock
        zones = ZoneReadings(_level(25.0), _level(25.0), _level(2.0), _level(0.8), _level(0.01), _level(100.0))
        return TwinDriver(_level(_DEMAND_KW), zones=zones)

    specs = _specs(kind, CoolingTerms())
    return ConformanceCase(kind.value, standard_adapters()[kind], specs, driver, (240.0, 180.0))


def _storage(name: str, setpoints_kw: tuple[float, float], *, export_allowed: bool) -> ConformanceCase:
    kind = ResourceKind.STORAGE

    def driver(clock: Clock) -> TwinDriver:
        del clock
        batteries = BatteryReadings(_level(100.0), _level(200.0), _level(100.0), _level(0.95))
        return TwinDriver(_level(10.0), batteries=batteries)

    specs = _specs(kind, StorageTerms(export_allowed=export_allowed))
    return ConformanceCase(name, standard_adapters()[kind], specs, driver, setpoints_kw)


FACTORY_LINE = _loads(
    ResourceKind.FACTORY_LINE, LoadTerms(segment_1_fraction=0.8, block_minimum_fraction=0.5), min_kw=40.0
)
FACTORY_PROCESS = _loads(ResourceKind.FACTORY_PROCESS, LoadTerms(), min_kw=10.0)
LIGHTING = _loads(ResourceKind.LIGHTING, LoadTerms(), min_kw=10.0)
PUBLIC_CHARGING = _piles(
    ResourceKind.PUBLIC_CHARGING, ChargingTerms(slowing_consented=True), power_kw=60.0, need_kwh=70.0
)
RESIDENTIAL_CHARGING = _piles(ResourceKind.RESIDENTIAL_CHARGING, ChargingTerms(), power_kw=7.0, need_kwh=8.0)
COOLING = _cooling()
STORAGE = _storage("storage", (20.0, -80.0), export_allowed=True)
STORAGE_WITHOUT_EXPORT = _storage("storage_without_export", (20.0, 8.0), export_allowed=False)

CASES = (
    FACTORY_LINE,
    FACTORY_PROCESS,
    LIGHTING,
    PUBLIC_CHARGING,
    RESIDENTIAL_CHARGING,
    COOLING,
    STORAGE,
    STORAGE_WITHOUT_EXPORT,
)
"""One per kind, storage with and without leave to feed back."""
