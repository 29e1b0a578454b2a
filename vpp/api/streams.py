"""Live streams: how many may be open, and how long whoever opened one may read on."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from vpp.api.door import door_of_request
from vpp.api.identity import Identity, still_valid
from vpp.api.problems import ProblemError
from vpp.domain.access import Principal
from vpp.domain.errors import StoreError

STREAMS_MOST = 200
STREAMS_EACH = 8
OPERATORS_OWN = 20
"""Streams out of ``STREAMS_MOST`` that participants cannot take, however many of them listen."""
RETRY_AFTER_S = 30


@dataclass(eq=False, frozen=True, slots=True)
class StreamPlace:
    """One open stream; ``owner`` is whom it is counted for."""

    owner: tuple[str, str]


class OpenStreams:
    """The streams that are open right now, within their limits."""

    def __init__(self) -> None:
        """None yet."""
        self._places: set[StreamPlace] = set()
        self._open: Counter[tuple[str, str]] = Counter()
        self._of_participants = 0

    def __len__(self) -> int:
        """How many are open."""
        return len(self._places)

    def take(self, principal: Principal) -> StreamPlace:
        """A place for one more stream; looked at and taken in one step, so that many at once cannot pass a limit.

        Raises:
            ProblemError: 503, naming the limit that is reached.
        """
        owner = _owner(principal)
        if self._open[owner] >= STREAMS_EACH:
            raise _full(f"{' '.join(owner)} has {self._open[owner]} streams open, the limit is {STREAMS_EACH} for each")
        if len(self) >= STREAMS_MOST:
            raise _full(f"{len(self)} streams are open, the limit is {STREAMS_MOST}")
        most = STREAMS_MOST - OPERATORS_OWN
        if not principal.runs_the_district and self._of_participants >= most:
            raise _full(
                f"participants have {self._of_participants} streams open, their limit is {most}: "
                f"{OPERATORS_OWN} of {STREAMS_MOST} are kept for operators"
            )
        place = StreamPlace(owner)
        self._places.add(place)
        self._open[owner] += 1
        self._of_participants += owner[0] == "participant"
        return place

    def release(self, place: StreamPlace) -> None:
        """Gives the place back; doing it again changes nothing."""
        if place not in self._places:
            return
        self._places.remove(place)
        self._open[place.owner] -= 1
        if not self._open[place.owner]:
            del self._open[place.owner]
        self._of_participants -= place.owner[0] == "participant"


class Welcome:
    """Whether whoever opened a stream may read on: looked up again from time to time, by real time."""

    def __init__(self, look: Callable[[], Awaitable[bool]], every_s: float) -> None:
        """Welcome as from now.

        Args:
            look: Whether it still is.
            every_s: Real time between two looks, in s.
        """
        self._look = look
        self._every_s = every_s
        self._due_at = asyncio.get_running_loop().time() + every_s

    @property
    def due_in_s(self) -> float:
        """Time until the next look, in s; 0 when it is due."""
        return max(0.0, self._due_at - asyncio.get_running_loop().time())

    async def lasts(self) -> bool:
        """Looks if that is due. A store that does not answer takes nothing back: it is asked again the next time."""
        if self.due_in_s > 0:
            return True
        self._due_at = asyncio.get_running_loop().time() + self._every_s
        try:
            return await self._look()
        except StoreError:
            return True


def welcome_of(request: Request, identity: Identity, may_see: Callable[[], bool] = lambda: True) -> Welcome:
    """Lasts as long as the request's session or API key, and as ``may_see`` says so."""

    async def look() -> bool:
        return await still_valid(request, identity) and may_see()

    return Welcome(look, door_of_request(request).facts.look_again_s)


def _owner(principal: Principal) -> tuple[str, str]:
    """A participant is counted as one, whichever of its people and keys ask."""
    if principal.participant_id is not None:
        return "participant", repr(principal.participant_id)
    return principal.role.value, repr(principal.name)


def _full(what: str) -> ProblemError:
    return ProblemError(503, f"{what}; close one, or poll instead", headers={"Retry-After": str(RETRY_AFTER_S)})
