"""The read models of one application, made once from its door; routes and pages share them."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from vpp.api.door import Door, door_of_request
from vpp.api.streams import OpenStreams
from vpp.services.contributions import Contributions
from vpp.services.decisions import Decisions
from vpp.services.energy_data import EnergyData
from vpp.services.event_figures import EventFigures
from vpp.services.event_listings import EventListings
from vpp.services.listings import Listings
from vpp.services.reachability import Reachability


@dataclass(slots=True)
class Reads:
    """Read models by name.

    Attributes:
        streams: Event streams open right now, and their limits.
    """

    listings: Listings
    events: EventListings
    figures: EventFigures
    decisions: Decisions
    contributions: Contributions
    energy: EnergyData
    reachability: Reachability
    streams: OpenStreams = field(default_factory=OpenStreams)

    @classmethod
    def of(cls, door: Door) -> "Reads":
        """Read models over the door's services."""
        recorder, registry, clock = door.recorder, door.registry, door.clock
        figures = EventFigures(recorder, door.settling, door.tracking, clock)
        return cls(
            listings=Listings(recorder, registry, door.ingest, clock),
            events=EventListings(recorder, registry, clock),
            figures=figures,
            decisions=Decisions(recorder, registry),
            contributions=Contributions(recorder, registry, figures, door.archive, clock),
            energy=EnergyData(recorder, registry, door.archive, clock),
            reachability=Reachability(registry, door.planning, door.reference_peak, clock, door.settings),
        )


def reads_of_request(request: Request) -> Reads:
    """The read models of the app that a request came to."""
    state = request.app.state
    if not hasattr(state, "reads"):
        state.reads = Reads.of(door_of_request(request))
    reads = state.reads
    assert isinstance(reads, Reads)  # noqa: S101 - put there above
    return reads


ReadsDep = Annotated[Reads, Depends(reads_of_request)]
