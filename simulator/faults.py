"""What goes wrong in a run: who does not move, moves late, delivers less, refuses, or loses the link."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LinkDrop:
    """A gateway's link is down during ``[start, end)``; the harness cuts it."""

    gateway_id: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Faults:
    """Behaviour per resource, each shape (resources,), and the link drops.

    Attributes:
        delivery: Delivered over asked; carried out by the plant.
        silent: Accepts, acknowledges, does not move; its meter still reports; carried out by the plant.
        late_minutes: Minutes until a command takes effect; carried out by the plant.
        refuses: Its gateway refuses every command; carried out by the harness.
        ignores: Its gateway answers nothing for it; carried out by the harness.
        link_drops: Lost links; carried out by the harness.
    """

    delivery: Floats
    silent: Flags
    late_minutes: Floats
    refuses: Flags
    ignores: Flags
    link_drops: tuple[LinkDrop, ...] = ()

    @classmethod
    def none(cls, resources: int) -> "Faults":
        """Everything works as asked."""
        no = np.zeros(resources, dtype=bool)
        return cls(delivery=np.ones(resources), silent=no, late_minutes=np.zeros(resources), refuses=no, ignores=no)
