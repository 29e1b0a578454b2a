"""Readings: one metered value of one resource with its quality."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.errors import InputError


class Quality(StrEnum):
    """How far a reading may be trusted; only ``GOOD`` counts as verified."""

    GOOD = "good"
    ESTIMATED = "estimated"
    SUSPECT = "suspect"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Reading:
    """One minute of one meter.

    Attributes:
        meter_id: A resource's sub-meter (its resource id) or ``site:<site_id>``.
        at: End of the minute that the mean covers; also the instant of the register.
        power_kw: Mean power into the resource over that minute.
        register_wh: Energy register at ``at``, monotone for pure consumers; net (may fall) where discharge is possible.
    """

    meter_id: str
    at: datetime
    power_kw: float
    register_wh: int
    quality: Quality = Quality.GOOD

    def __post_init__(self) -> None:
        if not math.isfinite(self.power_kw):
            raise InputError(f"reading of {self.meter_id!r}: power {self.power_kw} kW is not a finite number")
        if self.at.tzinfo is None:
            raise InputError(f"reading of {self.meter_id!r}: instant {self.at.isoformat()} has no UTC offset")
