"""Bodies and answers about the network tree and what has been changed of it."""

from pydantic import Field

from vpp.api.schemas import Asked, Finite, Instant, NewEventId, Shown, ThingId, Words


class ReassignmentAsked(Asked):
    """A line that has been moved below another node."""

    id: NewEventId | None = Field(default=None, description="Chosen by the caller; otherwise made up.")
    node_id: ThingId = Field(description="The line, or any other node that is no root.", examples=["snow-line-1"])
    parent_id: ThingId = Field(description="Below which node it hangs now.", examples=["beicang"])
    reason: Words = Field(examples=["line fault at 14:22, fed by the tie"])


class LimitAsked(Asked):
    """Other limits of a node for a while; null stands for what is registered."""

    id: NewEventId | None = Field(default=None, description="Chosen by the caller; otherwise made up.")
    node_id: ThingId = Field(examples=["beicang"])
    start: Instant = Field(description="Start of the first 15-minute interval; the running one at the earliest.")
    end: Instant = Field(description="End of the last interval.", examples=["2026-07-22T07:00:00Z"])
    import_limit_kw: Finite | None = Field(default=None, gt=0, le=1e9, examples=[31500])
    export_limit_kw: Finite | None = Field(default=None, ge=0, le=1e9)
    reason: Words = Field(examples=["transformer 2 is out"])


class NetworkChangeShown(Shown):
    """One change of the network, as recorded."""

    id: str
    kind: str = Field(description="reassignment or limit.", examples=["reassignment"])
    at: Instant
    node_id: str
    from_parent_id: str | None = Field(description="Reassignments: where it hung until then.")
    parent_id: str | None = Field(description="Reassignments: where it hangs since.")
    start: Instant | None = Field(description="Limits: from when.")
    end: Instant | None = Field(description="Limits: until when.")
    import_limit_kw: float | None = Field(description="Limits: null stands for what is registered.")
    export_limit_kw: float | None
    reason: str
    by: str


class NodeShown(Shown):
    """One node of the tree as it stands; limits are those of the running interval."""

    id: str
    name: str
    parent_id: str | None
    registered_parent_id: str | None
    import_limit_kw: float
    export_limit_kw: float


class NetworkShown(Shown):
    """The network as it stands, and how it came to that."""

    as_of: Instant
    nodes: list[NodeShown]
    changes: list[NetworkChangeShown] = Field(description="Oldest first.")
