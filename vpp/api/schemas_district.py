"""Answers about what is registered and what is reachable."""

from datetime import date

from pydantic import Field

from vpp.api.schemas import Asked, Gappy, Instant, Plain, ReasonShown, Series, Shown
from vpp.domain.events import Direction


class ResourceShown(Shown):
    """One resource and its last full minute."""

    id: str
    kind: str
    site_id: str
    participant_id: str
    node_id: str
    gateway_id: str
    rated_kw: float
    opted_in: bool
    needs_person: bool
    access_round: int
    state: str = Field(description="available, unavailable, offline or never.", examples=["available"])
    reason: ReasonShown | None = Field(description="Why it may not be called now.")
    power_kw: float | None = Field(description="Mean of the last full minute; null where none was read.")
    good: bool = Field(description="That reading's quality.")
    reachable_kw: float | None = Field(description="The most it offers in the running interval.")
    notice_s: float | None = Field(description="From command to full effect.")
    offered_at: Instant | None


class SiteShown(Shown):
    """One site as registered."""

    id: str
    participant_id: str
    node_id: str
    customer_class: str
    contracted_demand_kw: float
    export_allowed: bool
    meter: str = Field(description="net or gross of generation behind it.")
    access_round: int = Field(description="Round of staged onboarding (分轮次接入).")
    protected: bool = Field(description="Never curtailed.")
    resource_ids: list[str]


class ParticipantShown(Shown):
    """One participant."""

    id: str
    name: str
    name_zh: str
    customer_class: str
    site_ids: list[str]
    resource_ids: list[str]
    rated_kw: float


class GatewayShown(Shown):
    """One gateway."""

    id: str
    online: bool
    last_heard: Instant | None = Field(description="Its newest reading since the controller's start.")
    boot: int | None = Field(description="Its own count of starts.")
    started_at: Instant | None
    software: str
    kinds: list[str]
    resource_ids: list[str]


class KindReachShown(Shown):
    """What one kind of resource could give, per interval."""

    kind: str
    resources: int
    offered_kw: Series
    expected_kw: Series
    min_percent: float


class LeftOutShown(Shown):
    """Resources that could not be called."""

    reason: ReasonShown
    resources: int
    rated_kw: float


class PlannedReachShown(Shown):
    """What one plan over everything would deliver."""

    expected_kw: Series
    min_percent: float
    method: str
    status: str
    binding: list[str]


class ReachShown(Shown):
    """What is reachable in a window, as things stand; percentages are of the reference peak."""

    as_of: Instant
    start: Instant
    end: Instant
    node_id: str | None
    direction: Direction
    reference_peak_kw: float
    interval_starts: list[Instant]
    connected_kw: float = Field(description="Rated power of all that is registered in scope.")
    offered_kw: Series = Field(description="By the latest offers, each resource and interval taken alone.")
    expected_kw: Series = Field(description="Of that, what is likely to be verified.")
    expected_percent: Series
    min_percent: float = Field(description="The smallest interval of `expected_percent`.")
    covered_until: Instant | None = Field(description="Where offers end; later intervals repeat their last one.")
    by_kind: list[KindReachShown]
    left_out: list[LeftOutShown]
    planned: PlannedReachShown | None = Field(description="With `planned=true`: limits of network and devices kept.")


class TableRowShown(Shown):
    """One duration at one notice, by start; null where a call can no longer be given in time."""

    notice: str = Field(description="5min, 30min, 4h, or day-ahead: given on the day before.", examples=["30min"])
    notice_s: float | None = Field(description="Null for day-ahead.")
    duration_s: float = Field(examples=[3600.0])
    reachable_kw_prob50: Gappy = Field(description="Held through the whole window as often as not.")
    reachable_kw_prob90: Gappy = Field(description="Held in nine of ten calls.")
    cost_cny_per_kwh: list[list[float] | None] = Field(
        description="Mean price of each fifth of the expected energy, cheapest first; null where nothing is reachable."
    )
    rebound_kw: Gappy = Field(description="Comes back in the worst quarter hour of the two hours after; at most 0.")


class TableShown(Shown):
    """The capability table: each cell is one call of everything, with nothing else called before it."""

    as_of: Instant
    node_id: str | None
    direction: str = Field(examples=["curtail"])
    reference_peak_kw: float
    resources: int = Field(description="That may be called.")
    covered_until: Instant | None = Field(description="Where the offers end; usual loads stand in from there on.")
    left_out: list[LeftOutShown]
    starts: list[Instant]
    rows: list[TableRowShown]


class FigureShown(Shown):
    """One figure of a programme with its source; unknown figures are null and never guessed."""

    key: str = Field(examples=["payment.price_cny_per_kwh"])
    value: str | None = Field(examples=["2"])
    source: str
    confidence: str = Field(examples=["official"])


class ProgramShown(Shown):
    """A programme's rules as data."""

    id: str
    name: str
    name_zh: str
    valid_from: date | None
    valid_to: date | None
    directions: list[str]
    figures: list[FigureShown]


class RoundAsked(Asked):
    """The access round to open: the one behind the highest open one."""

    round: int = Field(ge=1, le=1000, strict=True, examples=[2])


class RoundsShown(Shown):
    """Staged onboarding: sites up to this round may be called."""

    open_round: int
    last_round: int


class ReadingShown(Shown):
    """One minute of one meter, named by its end."""

    at: Instant
    power_kw: float
    register_wh: int
    quality: str


class BaselineShown(Shown):
    """One resource's frozen baseline over an event and its recovery."""

    event_id: str
    resource_id: str
    participant_id: str
    frozen_at: Instant
    method: str | None = Field(description="Null where no sufficient baseline could be formed.")
    findings: list[str]
    interval_starts: list[Instant]
    baseline_kw: Series


class EnergyShown(Shown):
    """One resource and interval of an export."""

    participant_id: str
    resource_id: str
    interval_start: Instant
    energy_kwh: Plain | None = Field(description="Exact register difference; null without a good pair of registers.")
    baseline_kwh: Plain | None
    event_id: str | None


class ExportShown(Shown):
    """A participant's energy data."""

    participant_id: str
    start: Instant
    end: Instant
    rows: list[EnergyShown]


class LoadShown(Shown):
    """A participant's load today against its baseline; kW, null where unknown."""

    participant_id: str
    as_of: Instant
    event_id: str | None = Field(description="Whose frozen baseline is shown.")
    interval_starts: list[Instant]
    actual_kw: Gappy
    baseline_kw: Gappy
    asked_kw: Gappy
    minute_starts: list[Instant]
    minute_kw: Gappy


class ThresholdShown(Shown):
    """One threshold of the rule, with its source; null where nobody has found it."""

    value: float | None
    source: str
    confidence: str


class WarningRuleShown(Shown):
    """The rule that the level follows."""

    name: str
    name_zh: str
    above_percent: dict[str, ThresholdShown]


class OrderlyUseShown(Shown):
    """The orderly-use warning level (有序用电预警等级): shown, never acted on."""

    gap_kw: float
    gap_basis: str
    gap_at: Instant | None
    largest_demand_kw: float
    largest_demand_source: str
    percent: float
    level: str | None
    text_en: str
    text_zh: str
    unknown: list[str]
    acted_on: bool = Field(description="Always false: no command can arise from it.")
    rule: WarningRuleShown
