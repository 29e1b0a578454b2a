"""What is handed in: the adapter, its resources and devices; and the laboratory in which it is tried."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from adapters.kit.adapter import Adapter
from adapters.kit.driver import DeviceDriver
from adapters.kit.resource_spec import ResourceSpec
from vpp.domain.errors import InputError
from vpp.ports import Bus, Clock

DEFAULT_START = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
"""14:00 in Tianjin on a working Monday."""
LEAST_DEVICES = 2


class Broker(Bus, Protocol):
    """A broker whose links can be lost on purpose."""

    def cut(self, client_id: str) -> None:
        """Loses the client's link and refuses its next ones; its will is published."""

    def restore(self, client_id: str) -> None:
        """Lets a client that was cut off connect again."""

    @property
    def retained(self) -> Mapping[str, bytes]:
        """Retained payloads by topic."""


class Laboratory(Protocol):
    """Virtual time and an empty in-memory broker for each trial."""

    def run(self, trial: Callable[[Broker, Clock], Coroutine[Any, Any, None]], start: datetime) -> None:
        """Runs ``trial`` to its end in virtual time from ``start``; its exception passes through."""


@dataclass(frozen=True, slots=True, eq=False)
class ConformanceCase:
    """One adapter with the devices on which it is tried.

    Attributes:
        name: As it stands in reports.
        specs: Resources of one gateway that the adapter serves; the first is tried, the others must stay untouched.
            At least two of them, and at least two devices in the first.
        driver: Makes fresh devices that run free; the clock is virtual.
        setpoints_kw: Two powers, the higher first, both below the first resource's free power, that its devices can
            add up to exactly and can hold for two hours from ``start``.
        start: Where the trial's clock starts, on a 15-minute boundary.

    Raises:
        InputError: too few resources or devices, or setpoints that are not two descending powers within the rating.
    """

    name: str
    adapter: Adapter
    specs: tuple[ResourceSpec, ...]
    driver: Callable[[Clock], DeviceDriver]
    setpoints_kw: tuple[float, float]
    start: datetime = DEFAULT_START

    def __post_init__(self) -> None:
        if len(self.specs) < LEAST_DEVICES:
            raise InputError(f"case {self.name!r}: {len(self.specs)} resources, it needs at least {LEAST_DEVICES}")
        count = self.subject.device_count
        if count < LEAST_DEVICES:
            raise InputError(
                f"case {self.name!r}: resource {self.subject.id!r} has {count} devices, it needs at least "
                f"{LEAST_DEVICES}"
            )
        upper, lower = self.setpoints_kw
        if not lower < upper < self.subject.rated_kw:
            raise InputError(
                f"case {self.name!r}: setpoints {upper:g} kW and {lower:g} kW do not descend from below the rated "
                f"{self.subject.rated_kw:g} kW"
            )

    @property
    def subject(self) -> ResourceSpec:
        """The resource that is tried."""
        return self.specs[0]
