"""Answers about contributions, statements and consents."""

from datetime import date

from pydantic import Field

from vpp.api.schemas import Instant, Plain, Shown
from vpp.api.schemas_events import EventShown, ReplyShown, ResourceDecisionShown
from vpp.domain.consents import ConsentScope


class StatementIntervalShown(Shown):
    """One called interval, summed over the participant's counted meters."""

    start: Instant
    meters_called: int
    meters_counted: int
    baseline_kwh: Plain | None
    metered_kwh: Plain | None
    response_kwh: Plain | None


class StatementShown(Shown):
    """What one participant earned with one event; figures are exact decimals as text."""

    event_id: str
    participant_id: str
    program_id: str
    version: int
    day: date
    provisional: bool = Field(description="The event goes on; nothing is owed yet.")
    issued_sha256: str | None = Field(description="Digest of all of the event's statements as recorded.")
    intervals: list[StatementIntervalShown]
    net_kwh: Plain
    graded_kwh: Plain
    committed_kwh: Plain
    ratio: Plain | None
    factor: Plain | None
    price_cny_per_kwh: Plain
    payment_cny: Plain
    reasons: list[str]
    findings: list[str]
    uncertainty: str


class ContributionShown(Shown):
    """What one participant gave to one event, and why it was asked or not."""

    event: EventShown
    reply: ReplyShown
    statement: StatementShown | None = Field(description="Null when it was not called.")


class ReasonsShown(Shown):
    """Why me, or why not: every own resource of an event."""

    event_id: str
    participant_id: str
    resources: list[ResourceDecisionShown]


class ConsentShown(Shown):
    """One thing that a participant may allow."""

    scope: ConsentScope
    given: bool
    given_at: Instant | None
    by: str | None


class MeShown(Shown):
    """Who one is, as a participant."""

    name: str
    participant_id: str
    participant_name: str
    participant_name_zh: str
    customer_class: str
    rated_kw: float
    resource_ids: list[str]
    site_ids: list[str]
    open_invitations: int
