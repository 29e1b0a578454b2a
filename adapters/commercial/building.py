"""Cooling with the warming that it allows, and lighting that can be dimmed."""

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import DeviceReadings, ZoneReadings
from adapters.kit.loads import offer_divisible, split_divisible
from adapters.kit.resource_spec import CoolingTerms, ResourceSpec
from adapters.kit.split import fill_proportionally
from vpp.domain.capability import CapabilityOffer
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Cooling, Series


class CommercialAdapter:
    """Buildings; a resource is the cooling or the lighting of one."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """``Cooling`` from the zones' temperatures, ``Curtailable`` for lighting."""
        if request.spec.kind is ResourceKind.LIGHTING:
            return offer_divisible(request)
        return request.offer(_cooling(request))

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """Warm zones get more of what is left than cool ones; lighting in proportion."""
        if spec.kind is ResourceKind.LIGHTING:
            return split_divisible(spec, setpoint_kw, readings)
        zones = _zones(spec, readings)
        rise = zones.temperature_c[spec.devices] - zones.setpoint_c[spec.devices]
        used = np.clip(rise / np.maximum(zones.band_k[spec.devices], 1e-6), 0.0, 1.0)
        upper = zones.power_max_kw[spec.devices]
        return fill_proportionally(setpoint_kw, np.zeros_like(upper), upper, upper * (0.5 + used))

    def resplits_on_change(self) -> bool:
        """No: temperatures move slowly against an interval."""
        return False


def _cooling(request: OfferRequest) -> Cooling:
    """The zones as one, each weighted by its machine.

    One kW less for the building is shared out by machine size, so that the mean rise per kW is the weighted gain
    divided by the number of times a zone's share fits into the whole.
    """
    spec = request.spec
    terms = spec.terms
    if not isinstance(terms, CoolingTerms):
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r} is not cooling")
    zones = _zones(spec, request.readings)
    power_max = zones.power_max_kw[spec.devices]
    total_kw = float(power_max.sum())
    share = power_max / total_kw if total_kw > 0 else np.full(len(power_max), 1.0 / len(power_max))
    reach = 1.0 if request.all_able else float(share @ request.online)
    rise = zones.temperature_c[spec.devices] - zones.setpoint_c[spec.devices]
    # A zone may be warmer than its band for reasons of its own; then nothing is on offer, not less than nothing.
    band_k = float(zones.band_k[spec.devices].min())
    theta_0_k = min(max(float(share @ rise), 0.0), band_k)
    room = 1.0 if theta_0_k < band_k else 0.0
    return Cooling(
        available_kw=terms.curtail_fraction * reach * room * request.forecast_kw,
        payback_max_kw=terms.payback_fraction * spec.rated_kw,
        retention=float(share @ zones.retention[spec.devices]),
        gain_k_per_kw=float(share @ (zones.gain_k_per_kw[spec.devices] * share)),
        band_k=band_k,
        theta_0_k=theta_0_k,
        cost_cny_per_kwh=terms.cost_cny_per_kwh,
        discomfort_cny_per_kh=terms.discomfort_cny_per_kh,
    )


def _zones(spec: ResourceSpec, readings: DeviceReadings) -> ZoneReadings:
    if readings.zones is None:
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r}: the driver reads no zones")
    return readings.zones
