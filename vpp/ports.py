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

from vpp.domain.access import ApiKeyRecord, SessionRecord, User
from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import Command
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome
from vpp.domain.facts import AckEntry, Fact
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import TimeGrid
from vpp.domain.upstream import Confirmation, Delivery, ResponseCurve

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
        software: What it says that it runs.
    """

    boot: int
    started_at: datetime
    telemetry_from: int
    acks_from: int
    software: str = ""


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
    """Expected net flow of the network without an event, on the tree as it was registered.

    What has been moved since is reckoned with by the controller (``vpp.domain.network``).
    """

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, NDArray[np.float64]]:
        """Per node id, everything below it included, shape (len(grid),)."""


class EnergyPrices(Protocol):
    """What a kWh of consumption costs, such as in a spot market."""

    async def energy_price_cny_per_kwh(self, grid: TimeGrid) -> NDArray[np.float64] | None:
        """Per interval, shape (len(grid),); ``None`` where the grid is not covered to its end."""


class NoPrices:
    """Implements ``EnergyPrices``: energy is not priced."""

    async def energy_price_cny_per_kwh(self, grid: TimeGrid) -> NDArray[np.float64] | None:
        """Nothing."""
        del grid
        return None


NO_PRICES: EnergyPrices = NoPrices()


class Planner(Protocol):
    """The optimiser as the controller sees it."""

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        """A plan that may still have to pass the feasibility check."""


class Upstream(Protocol):
    """A higher-level platform; every method raises ``UpstreamError`` when it cannot be reached, to be tried again."""

    @property
    def name(self) -> str:
        """What this connection is called in facts; never changes."""

    async def receive(self) -> Sequence[Delivery]:
        """Deliveries not yet taken, in order; the same ones again until they are."""

    async def take(self, delivery: Delivery) -> None:
        """Says that what became of every call in it is on disk; taking it again changes nothing."""

    async def confirm(self, confirmation: Confirmation) -> None:
        """Tells what became of a call; telling it again changes nothing."""

    async def report(self, curve: ResponseCurve) -> None:
        """Tells what an event has delivered; telling it again changes nothing."""


class ExposedMetrics(Metrics, Protocol):
    """Metrics that can be read out."""

    def exposition(self) -> bytes:
        """All of them in Prometheus's text format."""


class PasswordHasher(Protocol):
    """Slow, salted hashes of passwords; blocks its caller for about 50 ms by design."""

    def hash(self, password: str) -> str:
        """A new hash, its algorithm, cost and salt inside."""

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the hash is one of that password; ``False`` for a hash that is none."""

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than a new one would be."""


class AccountStore(Protocol):
    """Users, sessions and API keys; ``StoreError`` from any method: the store failed, nothing was done."""

    async def users(self) -> list[User]:
        """All users, by name."""

    async def user(self, name: str) -> User | None:
        """One user."""

    async def add_users(self, users: Sequence[User], *, only_if_none: bool = False) -> bool:
        """Adds all of them or none; with ``only_if_none`` adds none and gives ``False`` when there is any user already.

        Raises:
            ConflictError: a name is taken.
        """

    async def replace_user(self, user: User) -> None:
        """Replaces the user of that name.

        Raises:
            UnknownThingError: there is none.
        """

    async def add_session(self, session: SessionRecord) -> None:
        """Keeps a new session."""

    async def session(self, token_digest: str) -> tuple[SessionRecord, User] | None:
        """A session with its user."""

    async def touch_session(self, token_digest: str, seen_at: datetime) -> None:
        """Notes its last use."""

    async def drop_session(self, token_digest: str) -> None:
        """Ends it; ending it again changes nothing."""

    async def drop_sessions_of(self, user_name: str, *, keep: str | None = None) -> None:
        """Ends all sessions of a user, save the one with digest ``keep``."""

    async def drop_sessions_before(self, seen_at: datetime, ends_at: datetime) -> None:
        """Forgets sessions last seen before ``seen_at`` or ending by ``ends_at``."""

    async def add_api_key(self, key: ApiKeyRecord) -> None:
        """Keeps a new key."""

    async def api_key(self, key_id: str) -> ApiKeyRecord | None:
        """One key, valid or not."""

    async def api_keys(self) -> list[ApiKeyRecord]:
        """All keys, oldest first, revoked ones included."""

    async def revoke_api_keys(self, at: datetime, *, key_id: str | None = None, created_by: str | None = None) -> int:
        """Revokes the valid keys that have this id or this maker; returns how many."""


@dataclass(frozen=True, slots=True)
class RequestClaim:
    """One request under an ``Idempotency-Key``.

    Attributes:
        principal: Keys of two principals have nothing to do with each other.
        digest: SHA-256 (hex) of the body.
    """

    principal: str
    key: str
    method: str
    path: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was answered; given again to the same request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """The key is new: do it, then ``finish`` or ``abandon``."""


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The same request was answered before."""

    response: StoredResponse


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The same request is being answered right now."""


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """The key was used for another request."""

    method: str
    path: str


ClaimOutcome = Claimed | AlreadyDone | StillRunning | OtherRequest


class IdempotencyStore(Protocol):
    """Answers by ``Idempotency-Key``; every method raises ``StoreError`` when the store fails."""

    async def claim(self, claim: RequestClaim) -> ClaimOutcome:
        """Takes the key for this request, if nobody has; of two at once exactly one is ``Claimed``."""

    async def finish(self, claim: RequestClaim, response: StoredResponse) -> None:
        """Keeps the answer."""

    async def abandon(self, claim: RequestClaim) -> None:
        """Gives the key back: nothing was done."""

    async def abandon_all(self) -> int:
        """At a start: gives back what an earlier process left unanswered; returns how many."""

    async def drop_before(self, at: datetime) -> None:
        """Forgets answered requests older than ``at``."""
