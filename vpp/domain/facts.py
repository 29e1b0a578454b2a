"""Facts: what has happened, in the past tense. The ledger keeps nothing else."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of all facts.

    Attributes:
        at: When it happened, by the controller's clock.
        event_id: The event it belongs to, if any.
    """

    at: datetime
    event_id: str | None = None


FACT_TYPES: dict[str, type[Fact]] = {}
"""Every kind of fact by its name, for reading the ledger back."""

WALL_CLOCK_FIELDS = frozenset({"wall_s"})
"""Left out of the log hash: they differ between two runs of the same seed."""
