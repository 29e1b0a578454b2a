"""Factory lines as on/off blocks within the shift plan, and processes as divisible curtailment."""

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import DeviceReadings
from adapters.kit.loads import controllable_fraction, line_readings, load_terms, offer_divisible, split_divisible
from adapters.kit.resource_spec import ResourceSpec
from adapters.kit.split import fill_wanted_first
from vpp.domain.capability import CapabilityOffer
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Block, Series


class FactoryAdapter:
    """Factories; the shift plan stands in the spec's profile."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """A ``Block`` for lines, ``Curtailable`` for processes."""
        if request.spec.kind is ResourceKind.FACTORY_PROCESS:
            return offer_divisible(request)
        terms = load_terms(request.spec)
        fraction = terms.segment_1_fraction * controllable_fraction(request)
        available = fraction * request.forecast_kw
        calls_begun = request.calls_made - (1 if request.running_intervals else 0)
        return request.offer(
            Block(
                available_kw=available,
                minimum_kw=terms.block_minimum_fraction * available,
                cost_cny_per_kwh=terms.cost_1_cny_per_kwh,
                start_cost_cny=terms.start_cost_cny,
                min_run=terms.min_run,
                max_run=terms.max_run,
                max_calls=max(terms.max_calls - calls_begun, 0),
                running_intervals=request.running_intervals,
            )
        )

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """Largest lines stay on first, each off or at least at its minimum; processes in proportion."""
        if spec.kind is ResourceKind.FACTORY_PROCESS:
            return split_divisible(spec, setpoint_kw, readings)
        lines = line_readings(spec, readings)
        rated = lines.rated_kw[spec.devices]
        minimum = np.nan_to_num(lines.min_kw[spec.devices])
        scheduled = lines.scheduled_on[spec.devices]
        return fill_wanted_first(setpoint_kw, minimum, rated, wanted=scheduled, order=np.argsort(-rated, kind="stable"))

    def resplits_on_change(self) -> bool:
        """No: a line is not stopped and started within an interval."""
        return False
