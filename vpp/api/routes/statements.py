"""Statements: what events pay, to the last digit."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from vpp.api.identity import CallerDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import Reads, ReadsDep
from vpp.api.routes.events import EventId
from vpp.api.schemas import Page, ThingId
from vpp.api.schemas_money import StatementShown
from vpp.domain.access import Principal, may_see
from vpp.domain.book import EventRecord
from vpp.domain.errors import UnknownThingError
from vpp.services.contributions import StatementLine

statements_router = APIRouter(prefix="/api/v1", tags=["statements"])


def statement_shown(line: StatementLine) -> StatementShown:
    """A statement as it is answered."""
    fields: dict[str, Any] = {name: getattr(line.statement, name) for name in line.statement.__dataclass_fields__}
    fields |= {"provisional": line.provisional, "issued_sha256": line.issued_sha256}
    return StatementShown.model_validate(fields, from_attributes=True)


async def statements_of(reads: Reads, record: EventRecord, caller: Principal) -> list[StatementLine]:
    """Statements of one event that the caller may see, ordered by participant."""
    lines = await reads.contributions.statements(record.declaration.event_id)
    return [line for line in lines if may_see(caller, line.statement.participant_id)]


@statements_router.get("/statements", responses=responses(401, 404, 422, 503), summary="List an event's statements")
async def list_statements(
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    event: Annotated[ThingId, Query(description="Whose statements.", examples=["event-1"])],
    participant: Annotated[ThingId | None, Query(description="Only of this participant.")] = None,
) -> Page[StatementShown]:
    """Ordered by participant; provisional until the event is settled. A participant sees its own."""
    found = await statements_of(reads, reads.events.record(event, caller), caller)
    lines, following = cut(
        found,
        page,
        key=lambda line: line.statement.participant_id,
        keep=lambda line: participant is None or line.statement.participant_id == participant,
    )
    return Page[StatementShown](items=[statement_shown(line) for line in lines], next_cursor=following)


@statements_router.get(
    "/events/{event_id}/statements/{participant_id}", responses=responses(401, 404, 422, 503), summary="One statement"
)
async def show_statement(
    event_id: EventId, participant_id: ThingId, reads: ReadsDep, caller: CallerDep
) -> StatementShown:
    """Baseline, meter and response of every called interval, the rule that applied, and the payment."""
    reads.events.record(event_id, caller)
    if not may_see(caller, participant_id):
        raise UnknownThingError("statement", f"{event_id}/{participant_id}")
    return statement_shown(await reads.contributions.statement(event_id, participant_id))
