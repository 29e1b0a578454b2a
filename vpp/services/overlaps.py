"""Events at the same time must not call the same resource: the same energy would be paid twice."""

from vpp.domain.book import Book, EventRecord
from vpp.domain.errors import ConflictError
from vpp.domain.events import Declaration, EventState
from vpp.domain.timegrid import format_instant
from vpp.services.registry import Registry


def require_alone(declaration: Declaration, book: Book, registry: Registry) -> None:
    """Refuses an event that could call what another one calls.

    Raises:
        ConflictError: there is such another one; names both windows.
    """
    for other in book.events.values():
        declared = other.declaration
        if declared.event_id == declaration.event_id or not other.live or other.state is EventState.DRAFT:
            continue
        if _together(declaration, other) and _share_resources(declaration, other, registry):
            raise ConflictError(
                f"event {declaration.event_id!r} ({format_instant(declaration.start)} to "
                f"{format_instant(declaration.end)}) overlaps event {declared.event_id!r}, which may call the same "
                f"resources until {format_instant(other.end)}; cancel that one first, or choose another window"
            )


def called_elsewhere(record: EventRecord, book: Book) -> set[str]:
    """Resources that another event at the same time may call: their line was moved after that one was committed."""
    elsewhere: set[str] = set()
    for other in book.events.values():
        together = other is not record and other.live and _together(record.declaration, other)
        if together and other.commitment is not None:
            elsewhere |= set(other.commitment.resource_ids)
    return elsewhere


def _together(declaration: Declaration, other: EventRecord) -> bool:
    return declaration.start < other.end and other.declaration.start < declaration.end


def _share_resources(declaration: Declaration, other: EventRecord, registry: Registry) -> bool:
    """By scope, or because what the other may call has been moved into this scope since it was committed."""
    if registry.share_resources(declaration.scope_node_id, other.declaration.scope_node_id):
        return True
    members = other.commitment.resource_ids if other.commitment else ()
    return not set(members).isdisjoint(registry.in_scope(declaration.scope_node_id))
