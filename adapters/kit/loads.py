"""Divisible curtailment of loads that run by a plan; shared by factory processes and lighting."""

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import DeviceReadings, LineReadings
from adapters.kit.resource_spec import LoadTerms, ResourceSpec
from adapters.kit.split import fill_proportionally
from vpp.domain.capability import CapabilityOffer
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Curtailable, Series
from vpp.domain.timegrid import INTERVAL_H


def load_terms(spec: ResourceSpec) -> LoadTerms:
    """The spec's terms; the spec has checked them against its kind."""
    if not isinstance(spec.terms, LoadTerms):
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r} is not a load that runs by a plan")
    return spec.terms


def line_readings(spec: ResourceSpec, readings: DeviceReadings) -> LineReadings:
    """What the driver says of such loads.

    Raises:
        InputError: the driver has none of them.
    """
    if readings.lines is None:
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r}: the driver reads no lines")
    return readings.lines


def controllable_fraction(request: OfferRequest) -> float:
    """Share of the rated power that sits in devices which answer and are under remote control."""
    if request.all_able:
        return 1.0
    spec, readings = request.spec, request.readings
    rated = line_readings(spec, readings).rated_kw[spec.devices]
    usable = readings.online[spec.devices]
    if readings.override is not None:
        usable = usable & ~readings.override[spec.devices]
    if usable.all():
        return 1.0
    total = float(rated.sum())
    return float(rated[usable].sum()) / total if total > 0 else 0.0


def offer_divisible(request: OfferRequest) -> CapabilityOffer:
    """Two price segments, each a share of the forecast; devices out of reach are left out."""
    terms = load_terms(request.spec)
    reach = controllable_fraction(request)
    segment_1 = reach * terms.segment_1_fraction * request.forecast_kw
    segment_2 = reach * terms.segment_2_fraction * request.forecast_kw
    largest_kw = float(segment_1.max() + segment_2.max())
    hours = min(terms.energy_max_h, len(request.grid) * INTERVAL_H)
    return request.offer(
        Curtailable(
            segment_1_kw=segment_1,
            segment_2_kw=segment_2,
            cost_1_cny_per_kwh=terms.cost_1_cny_per_kwh,
            cost_2_cny_per_kwh=terms.cost_2_cny_per_kwh,
            energy_max_kwh=largest_kw * hours,
        )
    )


def split_divisible(spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    """In proportion to the ratings, each running load at least at its minimum."""
    lines = line_readings(spec, readings)
    rated = lines.rated_kw[spec.devices]
    lower = np.where(lines.scheduled_on[spec.devices], np.fmin(np.nan_to_num(lines.min_kw[spec.devices]), rated), 0.0)
    return fill_proportionally(setpoint_kw, lower, rated, rated)
