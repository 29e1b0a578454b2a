"""What a gateway offers for one resource over the coming intervals; kept apart from rated and contracted power."""

from dataclasses import dataclass
from datetime import datetime

from vpp.domain.flexibility import Flexibility, Series
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
