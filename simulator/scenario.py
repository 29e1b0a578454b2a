"""Schema of ``configs/scenarios/*.yaml``: the day, the event, who is enrolled, how people answer, what goes wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simulator.district import KINDS, District, Kind
from simulator.faults import Faults, LinkDrop
from simulator.files import FileModel, read_model
from simulator.history import ZONE, WeatherSpec, Window
from simulator.plant import Plant
from simulator.population import load_district
from simulator.scenario_network import NetworkEvents, NetworkFile, network_events
from simulator.streams import Streams, keys_of

USUAL_REPLY_TIME = timedelta(minutes=25)

Share = Annotated[float, Field(ge=0, le=1)]


class WindowFile(FileModel):
    """Local clock times of the simulated window."""

    start: time
    end: time


class WeatherFile(FileModel):
    """Daily maxima, oldest first, the event day last."""

    tmax_c: list[Annotated[float, Field(ge=-20, le=50)]]
    swing_k: Annotated[float, Field(gt=0, le=25)]


class EventFile(FileModel):
    """The event to declare; local clock times."""

    declare_at: time
    start: time
    end: time
    target_percent: Annotated[float, Field(gt=0, le=100)]
    program: str
    direction: Literal["curtail", "fill"] = "curtail"


class EnrolmentFile(FileModel):
    """Share of the callable resources of each kind that has signed; a kind that is not named has none."""

    share: dict[Kind, Share]
    exclude: tuple[str, ...] = ()


class AcceptanceFile(FileModel):
    """How participants answer an invitation."""

    accept_probability: Share
    delay_minutes: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


class LinkDropFile(FileModel):
    """A gateway whose link is lost for a while."""

    gateway_id: str
    at: time
    minutes: Annotated[int, Field(ge=1)]


class FaultsFile(FileModel):
    """Non-delivery; shares are of the enrolled resources by count, drawn without replacement."""

    delivery_mean: Annotated[float, Field(gt=0, le=1.5)] = 1.0
    delivery_sd: Annotated[float, Field(ge=0, le=1)] = 0.0
    silent_share: Share = 0.0
    refuse_share: Share = 0.0
    ignore_share: Share = 0.0
    late_share: Share = 0.0
    late_minutes: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] = (0.0, 0.0)
    link_drops: tuple[LinkDropFile, ...] = ()


class BusFaultsFile(FileModel):
    """What the broker does to messages."""

    duplicate_rate: Share = 0.0
    late_rate: Share = 0.0
    late_seconds: Annotated[float, Field(ge=0)] = 0.0


class ScenarioFile(FileModel):
    """One scenario.

    ``residential_ready_margin_h`` takes the place of the district's ``ready_margin_h``; ``energy_prices`` is a
    CSV file ``timestamp,price_cny_per_kwh`` of what energy costs.
    """

    name: str
    district: str
    day: date
    window: WindowFile
    history_days: Annotated[int, Field(ge=10, le=120)]
    weather: WeatherFile
    event: EventFile
    residential_ready_margin_h: Annotated[float, Field(gt=0, le=12)] | None = None
    enrolment: EnrolmentFile
    acceptance: AcceptanceFile
    faults: FaultsFile = FaultsFile()
    bus_faults: BusFaultsFile = BusFaultsFile()
    network: NetworkFile = NetworkFile()
    energy_prices: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "ScenarioFile":
        if len(self.weather.tmax_c) != self.history_days + 1:
            raise ValueError(
                f"weather.tmax_c: expected {self.history_days + 1} values (history_days and the event day), "
                f"found {len(self.weather.tmax_c)}"
            )
        times = (self.window.start, self.event.declare_at, self.event.start, self.event.end, self.window.end)
        if not times[0] <= times[1] < times[2] < times[3] <= times[4]:
            raise ValueError("event: expected window.start <= declare_at < start < end <= window.end")
        return self


@dataclass(frozen=True, slots=True)
class EventSpec:
    """The event to declare; UTC instants."""

    declare_at: datetime
    start: datetime
    end: datetime
    target_percent: float
    program: str
    direction: Literal["curtail", "fill"] = "curtail"


@dataclass(frozen=True, slots=True)
class Answer:
    """How one participant answers an invitation.

    Attributes:
        delay_minutes: After the invitation, where the usual time is left; who is given less answers sooner.
    """

    accepts: bool
    delay_minutes: float

    def at(self, invited_at: datetime, reply_by: datetime) -> datetime:
        """When the answer is given."""
        haste = min(1.0, (reply_by - invited_at) / USUAL_REPLY_TIME)
        return invited_at + timedelta(minutes=haste * self.delay_minutes)


@dataclass(frozen=True)
class Scenario:
    """A scenario with its district.

    Attributes:
        enrolled: Ids of the resources that have signed; the same for every seed.
        network: What happens to the network.
    """

    name: str
    path: Path
    spec: ScenarioFile
    district: District
    window: Window
    event: EventSpec
    enrolled: frozenset[str]
    network: NetworkEvents = field(default_factory=NetworkEvents)

    @property
    def energy_price_path(self) -> Path | None:
        """The file of energy prices; ``None`` where energy is not priced."""
        return None if self.spec.energy_prices is None else (self.path.parent / self.spec.energy_prices).resolve()

    @property
    def weather(self) -> WeatherSpec:
        """Temperatures of the history and the event day."""
        return WeatherSpec(tuple(self.spec.weather.tmax_c), self.spec.weather.swing_k)

    def make_plant(self, seed: int) -> Plant:
        """The plant of one seed with this scenario's faults."""
        return Plant(
            self.district,
            seed=seed,
            day=self.window.day,
            start=self.window.start,
            end=self.window.end,
            weather=self.weather,
            faults=draw_faults(self, seed),
        )


def load_scenario(path: Path) -> Scenario:
    """The scenario at ``path``, its district included.

    Raises:
        ScenarioFileError: either file is unreadable or wrong; names file, key and what was expected.
    """
    spec = read_model(path, ScenarioFile)
    district = load_district((path.parent / spec.district).resolve(), ready_margin_h=spec.residential_ready_margin_h)

    def instant(clock: time) -> datetime:
        return datetime.combine(spec.day, clock, ZONE).astimezone(UTC)

    event = EventSpec(
        declare_at=instant(spec.event.declare_at),
        start=instant(spec.event.start),
        end=instant(spec.event.end),
        target_percent=spec.event.target_percent,
        program=spec.event.program,
        direction=spec.event.direction,
    )
    window = Window(spec.day, instant(spec.window.start), instant(spec.window.end))
    enrolled = enrolled_resources(district, spec.enrolment)
    network = network_events(spec.network, district, path, instant)
    return Scenario(spec.name, path, spec, district, window, event, enrolled, network)


def enrolled_resources(district: District, enrolment: EnrolmentFile) -> frozenset[str]:
    """Ids of the callable resources that have signed: an exact share by count per kind, the same for every seed."""
    streams = Streams(district.population_seed)
    chosen: set[str] = set()
    for kind in KINDS:
        ids = [r.id for r in district.resources if r.kind == kind and district.callable_resource(r)]
        order = np.argsort(streams.uniform(keys_of(ids), "enrolment", 1)[:, 0], kind="stable")
        chosen.update(ids[row] for row in order[: round(enrolment.share.get(kind, 0.0) * len(ids))])
    return frozenset(chosen - set(enrolment.exclude))


def draw_faults(scenario: Scenario, seed: int) -> Faults:
    """Who misbehaves with this seed; shares of the enrolled resources are exact by count and do not overlap."""
    district, spec = scenario.district, scenario.spec.faults
    streams = Streams(seed)
    keys = keys_of([resource.id for resource in district.resources])
    count = keys.size
    order = np.argsort(streams.uniform(keys, "fault/order", 1)[:, 0], kind="stable")
    order = order[[district.resources[row].id in scenario.enrolled for row in order]]
    flags: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    begin = 0
    shares = {
        "silent": spec.silent_share,
        "refuse": spec.refuse_share,
        "ignore": spec.ignore_share,
        "late": spec.late_share,
    }
    for name, share in shares.items():
        end = begin + round(share * order.size)
        flags[name] = np.zeros(count, dtype=bool)
        flags[name][order[begin:end]] = True
        begin = end
    low, high = spec.late_minutes
    delay = low + (high - low) * streams.uniform(keys, "fault/late", 1)[:, 0]
    spread = streams.normal(keys, "fault/delivery", 1)[:, 0]
    drops = tuple(_link_drop(scenario, drop) for drop in spec.link_drops)
    return Faults(
        delivery=np.clip(spec.delivery_mean + spec.delivery_sd * spread, 0.3, 1.15),
        silent=flags["silent"],
        late_minutes=np.where(flags["late"], delay, 0.0),
        refuses=flags["refuse"],
        ignores=flags["ignore"],
        link_drops=drops,
    )


def _link_drop(scenario: Scenario, drop: LinkDropFile) -> LinkDrop:
    start = datetime.combine(scenario.window.day, drop.at, ZONE).astimezone(UTC)
    return LinkDrop(drop.gateway_id, start, start + timedelta(minutes=drop.minutes))


def draw_answers(scenario: Scenario, seed: int) -> Mapping[str, Answer]:
    """How each participant answers with this seed, by participant id."""
    streams = Streams(seed)
    ids = [participant.id for participant in scenario.district.participants]
    keys = keys_of(ids)
    accepts = streams.uniform(keys, "acceptance", 1)[:, 0] < scenario.spec.acceptance.accept_probability
    low, high = scenario.spec.acceptance.delay_minutes
    delay = low + (high - low) * streams.uniform(keys, "acceptance/delay", 1)[:, 0]
    return {name: Answer(bool(accepts[row]), float(delay[row])) for row, name in enumerate(ids)}
