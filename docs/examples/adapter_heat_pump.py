"""An adapter for heat pumps that cool: each pump is off, or runs at no less than 30 % of its power.

Try it: ``vpp adapters conform docs/examples/adapter_heat_pump.py:CASE``.
"""

from datetime import datetime

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.driver import ApplyResult, DeviceReadings, DriverError, Indices, ZoneReadings
from adapters.kit.resource_spec import CoolingTerms, ResourceSpec
from adapters.kit.split import fill_in_order
from vpp.domain.capability import CapabilityOffer
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Cooling, Series
from vpp.ports import Clock

LEAST_FRACTION = 0.3
TERMS = CoolingTerms(curtail_fraction=0.4)


class HeatPumpAdapter:
    """Pure functions; the gateway calls them with what the driver has just read."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """What may go is a share of the forecast, as far as the pumps answer; the rooms' warming goes with it."""
        devices, zones = request.spec.devices, zones_of(request.readings)
        size = zones.power_max_kw[devices] / zones.power_max_kw[devices].sum()
        rise = zones.temperature_c[devices] - zones.setpoint_c[devices]
        band_k = float(zones.band_k[devices].min())
        return request.offer(
            Cooling(
                available_kw=TERMS.curtail_fraction * float(size @ request.online) * request.forecast_kw,
                payback_max_kw=TERMS.payback_fraction * request.spec.rated_kw,
                retention=float(size @ zones.retention[devices]),
                gain_k_per_kw=float(size @ (zones.gain_k_per_kw[devices] * size)),
                band_k=band_k,
                theta_0_k=min(max(float(size @ rise), 0.0), band_k),
                cost_cny_per_kwh=TERMS.cost_cny_per_kwh,
                discomfort_cny_per_kh=TERMS.discomfort_cny_per_kh,
            )
        )

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """The warmest room first; each pump off, or at its least power or above."""
        zones = zones_of(readings)
        largest = zones.power_max_kw[spec.devices]
        warmest_first = np.argsort(-(zones.temperature_c - zones.setpoint_c)[spec.devices], kind="stable")
        return fill_in_order(setpoint_kw, LEAST_FRACTION * largest, largest, warmest_first)

    def resplits_on_change(self) -> bool:
        """No: a pump that stops rests for the interval."""
        return False


def zones_of(readings: DeviceReadings) -> ZoneReadings:
    """The rooms' states; a driver without them is a broken one."""
    if readings.zones is None:
        raise DriverError("heat pumps: the driver reads no zones")
    return readings.zones


class HeatPumpDriver:
    """Eight pumps in memory, 80 kW each without an event; here your protocol would stand."""

    def __init__(self, clock: Clock) -> None:
        """Free pumps in rooms at 25 degrees; a real driver would use ``clock`` for its own time-outs."""
        del clock
        self._free_kw, self._energy_wh = np.full(8, 80.0), np.zeros(8)
        self._held_kw, self._rise_k = np.full(8, np.nan), np.zeros(8)

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``; ``DriverError`` when the bus is down, ``online`` for single pumps."""
        del at
        power_kw = np.where(np.isnan(self._held_kw), self._free_kw, np.minimum(self._held_kw, self._free_kw))
        self._energy_wh += power_kw * 1000 / 60
        self._rise_k = 0.985 * self._rise_k + 0.0007 * (self._free_kw - power_kw)
        return DeviceReadings(
            power_kw=power_kw,
            register_wh=self._energy_wh.astype(np.int64),
            online=np.ones(8, dtype=bool),
            setpoint_kw=self._held_kw.copy(),
            zones=ZoneReadings(
                temperature_c=25.0 + self._rise_k,
                setpoint_c=np.full(8, 25.0),
                band_k=np.full(8, 2.0),
                retention=np.full(8, 0.985**15),
                gain_k_per_kw=np.full(8, 0.0007 * (1 - 0.985**15) / 0.015),
                power_max_kw=np.full(8, 100.0),
            ),
        )

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Write, read back, and say per pump whether it holds what was written."""
        self._held_kw[device_indices] = setpoints_kw
        return ApplyResult(self._held_kw[device_indices] == setpoints_kw)

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Let the pumps run by their own thermostats again."""
        self._held_kw[device_indices] = np.nan
        return ApplyResult(np.isnan(self._held_kw[device_indices]))


SPECS = tuple(ResourceSpec(f"hp-{i}", f"site-{i}", ResourceKind.COOLING, 400.0, 4 * i, 4, TERMS) for i in range(2))
CASE = ConformanceCase("heat_pump", HeatPumpAdapter(), SPECS, HeatPumpDriver, setpoints_kw=(250.0, 200.0))
