"""Batteries as one: the declared schedule is the forecast, and export needs permission."""

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import BatteryReadings, DeviceReadings
from adapters.kit.resource_spec import ResourceSpec, StorageTerms
from adapters.kit.split import fill_proportionally
from vpp.domain.capability import CapabilityOffer
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series, Storage
from vpp.domain.timegrid import INTERVAL_H


class StorageAdapter:
    """Storage stations."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """``Storage`` from the states of charge of the batteries that answer."""
        spec = request.spec
        terms = _terms(spec)
        batteries = _batteries(spec, request.readings)
        online = request.online
        capacity = batteries.capacity_kwh[spec.devices] * online
        soc_kwh = float((batteries.soc_kwh[spec.devices] * online).sum())
        capacity_kwh = float(capacity.sum())
        efficiency = batteries.efficiency[spec.devices]
        # A state of charge that is already below the owner's reserve must not make the problem contradict itself.
        soc_min_kwh = min(terms.soc_min_fraction * capacity_kwh, soc_kwh)
        return request.offer(
            Storage(
                power_max_kw=float((batteries.power_max_kw[spec.devices] * online).sum()),
                capacity_kwh=capacity_kwh,
                soc_kwh=soc_kwh,
                soc_min_kwh=soc_min_kwh,
                soc_end_kwh=min(max(terms.soc_end_fraction * capacity_kwh, soc_min_kwh), soc_kwh),
                efficiency=float(efficiency @ capacity) / capacity_kwh if capacity_kwh > 0 else float(efficiency.min()),
                cost_cny_per_kwh=terms.cost_cny_per_kwh,
                export_allowed=terms.export_allowed,
            )
        )

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """In proportion to power, within what each battery can give or take for one interval."""
        batteries = _batteries(spec, readings)
        soc = batteries.soc_kwh[spec.devices]
        capacity = batteries.capacity_kwh[spec.devices]
        power_max = batteries.power_max_kw[spec.devices]
        efficiency = batteries.efficiency[spec.devices]
        reserve = _terms(spec).soc_min_fraction * capacity
        upper = np.minimum(power_max, np.maximum(capacity - soc, 0.0) / efficiency / INTERVAL_H)
        lower = -np.minimum(power_max, np.maximum(soc - reserve, 0.0) * efficiency / INTERVAL_H)
        total_kw = setpoint_kw if _terms(spec).export_allowed else max(setpoint_kw, 0.0)
        return fill_proportionally(total_kw, lower, upper, power_max)

    def resplits_on_change(self) -> bool:
        """No: states of charge are looked at once per interval."""
        return False


def _terms(spec: ResourceSpec) -> StorageTerms:
    if not isinstance(spec.terms, StorageTerms):
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r} is not storage")
    return spec.terms


def _batteries(spec: ResourceSpec, readings: DeviceReadings) -> BatteryReadings:
    if readings.batteries is None:
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r}: the driver reads no batteries")
    return readings.batteries
