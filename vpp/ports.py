"""What the controller and the gateways need from the outside, named by need; ``vpp.infra`` has the real ones.

Fakes that implement a port ship with the code (``vpp.infra.memory``) and pass the same contract tests.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import Command
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome
from vpp.domain.facts import AckEntry, Fact
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import TimeGrid

P = ParamSpec("P")
R = TypeVar("R")


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once ``now() >= instant``; at once when that is already so."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Scaled time of a demonstration: ``now = at + speed * (wall - wall_at)``."""

    at: datetime
    wall_at: datetime
    speed: float


class Workers(Protocol):
    """Where work that would block the event loop is done."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; its exception passes through."""


@dataclass(frozen=True, slots=True)
class BusMessage:
    """One message as received."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class LastWill:
    """What the broker publishes, retained, when the session ends without a farewell."""

    topic: str
    payload: bytes


class BusSession(Protocol):
    """One live connection to the broker."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has taken the message (QoS 1).

        Raises:
            BusError: the link is lost.
        """

    def messages(self) -> AsyncIterator[BusMessage]:
        """Messages of the session's subscriptions in order of arrival; raises ``BusError`` when the link is lost."""


class Bus(Protocol):
    """A broker that sessions can be opened to."""

    def connect(
        self, client_id: str, *, subscriptions: Sequence[str], will: LastWill | None = None
    ) -> AbstractAsyncContextManager[BusSession]:
        """A session; ``BusError`` on entry when the broker cannot be reached."""


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact with its place in the ledger (positions start at 1 and have no gaps)."""

    position: int
    fact: Fact


class Ledger(Protocol):
    """Append-only facts; one writer."""

    async def append(self, facts: Sequence[Fact]) -> int:
        """Position of the last one, once all are durable; all or nothing.

        Raises:
            StoreError: nothing was written.
        """

    def read(self, *, after: int = 0) -> AsyncIterator[StoredFact]:
        """All facts behind position ``after``, in order."""

    async def log_hash(self) -> str:
        """SHA-256 (hex) over the canonical facts, wall-clock fields left out."""


@dataclass(frozen=True, slots=True, eq=False)
class IntervalEnergy:
    """Metered energy per 15-minute interval.

    Attributes:
        energy_wh: Shape (meters, intervals), float64; exact integers, ``nan`` where the meter has no good register
            pair around the interval.
    """

    meter_ids: tuple[str, ...]
    grid: TimeGrid
    energy_wh: NDArray[np.float64]


class MeterArchive(Protocol):
    """Readings as they came, and 15-minute energy derived from their registers."""

    async def store(self, readings: Sequence[Reading]) -> None:
        """Stores readings; the same (meter, instant) again with equal values changes nothing.

        Raises:
            StoreError: nothing was written.
        """

    async def import_day(self, day: date, meter_ids: Sequence[str], energy_wh: NDArray[np.float64]) -> None:
        """Stores a past day's interval energy, shape (meters, 96), ``nan`` for missing."""

    async def interval_energy(self, meter_ids: Sequence[str], grid: TimeGrid) -> IntervalEnergy:
        """Interval energy from register differences, imported days where no register was read."""

    async def readings(self, meter_ids: Sequence[str], start: datetime, end: datetime) -> list[Reading]:
        """Readings in ``[start, end)``, ordered by instant, then meter."""


class Metrics(Protocol):
    """Counters and gauges, by name."""

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Adds to a counter."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge."""

    def note(self, message: str, **details: object) -> None:
        """Logs what an operator should be able to find later."""


class Gateways(Protocol):
    """The way to the gateways; what they say comes in through ``GatewayListener``."""

    async def send_commands(self, gateway_id: str, commands: Sequence[Command]) -> None:
        """Publishes commands, one message for all; returns at once when the link is down (they are re-sent later)."""

    async def confirm(
        self,
        gateway_id: str,
        *,
        through_seq: int | None = None,
        ack_through_seq: int | None = None,
        resend_from: int | None = None,
        ack_resend_from: int | None = None,
    ) -> None:
        """Tells a gateway what is committed and may be forgotten, or what is asked for again."""


@dataclass(frozen=True, slots=True)
class GatewayStart:
    """What a gateway says of its own start; a birth that the broker has kept says the same thing again.

    Attributes:
        boot: Count of its starts, on its disk.
        telemetry_from: Its next telemetry sequence number then.
        acks_from: The same for acks.
    """

    boot: int
    started_at: datetime
    telemetry_from: int
    acks_from: int


class GatewayListener(Protocol):
    """Who takes in what gateways say; every message was decoded and belongs to the gateway whose topic it came on."""

    async def on_birth(self, gateway_id: str, resource_ids: Sequence[str], start: GatewayStart) -> None:
        """A gateway introduced itself."""

    async def on_status(self, gateway_id: str, *, online: bool) -> None:
        """A gateway came or went."""

    async def on_telemetry(self, gateway_id: str, seq: int, readings: Sequence[Reading]) -> None:
        """One minute of a gateway's resources."""

    async def on_not_kept(self, gateway_id: str, *, telemetry_through: int | None, ack_through: int | None) -> None:
        """A gateway answered that it keeps nothing up to these sequence numbers."""

    async def on_offers(self, gateway_id: str, offers: Sequence[CapabilityOffer]) -> None:
        """The latest capability of some of its resources."""

    async def on_acks(self, gateway_id: str, seq: int, acks: Sequence[AckEntry]) -> None:
        """Acknowledgements, in their own sequence."""

    async def on_rejected(self, topic: str, reason: str) -> None:
        """A message could not be read or came from somebody who may not send it."""

    async def on_link(self) -> None:
        """The link to the broker is up again; what is in force must be said again."""


class NetworkForecasts(Protocol):
    """Expected net flow of the network without an event."""

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, NDArray[np.float64]]:
        """Per node id, everything below it included, shape (len(grid),)."""


class Planner(Protocol):
    """The optimiser as the controller sees it."""

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        """A plan that may still have to pass the feasibility check."""
