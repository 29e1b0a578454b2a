"""What a gateway offers for one resource over the coming intervals; kept apart from rated and contracted power."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid


@dataclass(frozen=True, slots=True, eq=False)
class CapabilityOffer:
    """The latest offer of one resource.

    Attributes:
        grid: Intervals covered, the running one first.
        forecast_kw: The gateway's own expectation without a command, shape (len(grid),).
        flexibility: Arrays of the same length; the planner cuts them to the problem's horizon.
        notice_s: Seconds from command to full effect.
        available: ``False`` when the resource cannot follow (offline, local override); ``reason`` says why.
    """

    resource_id: str
    issued_at: datetime
    grid: TimeGrid
    forecast_kw: Series
    flexibility: Flexibility
    notice_s: float
    available: bool = True
    reason: str = ""


def flaw_of(offer: CapabilityOffer) -> str | None:
    """A sentence on the first figure that no device can have, or ``None``; one such offer would stop every plan."""
    for name, values in _never_negative(offer.flexibility).items():
        wrong = np.flatnonzero(~(np.isfinite(values) & (np.asarray(values) >= 0)))
        if wrong.size:
            value = float(np.atleast_1d(values)[wrong[0]])
            return f"offer of {offer.resource_id!r}: {name} is {value}, expected a finite number and at least 0"
    return None


def _never_negative(flexibility: Flexibility) -> dict[str, Series]:
    match flexibility:
        case Curtailable() as f:
            return {"segment_1_kw": f.segment_1_kw, "segment_2_kw": f.segment_2_kw}
        case Block() as f:
            return {"available_kw": f.available_kw, "minimum_kw": f.minimum_kw}
        case Charging() as f:
            return {
                "power_min_kw": f.power_min_kw,
                "power_max_kw": f.power_max_kw,
                "energy_floor_kwh": f.energy_floor_kwh,
                "energy_ceiling_kwh": f.energy_ceiling_kwh,
            }
        case Cooling() as f:
            return {"available_kw": f.available_kw, "band_k": np.array([f.band_k])}
        case Storage() as f:
            return {"power_max_kw": np.array([f.power_max_kw]), "capacity_kwh": np.array([f.capacity_kwh])}
