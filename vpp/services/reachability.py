"""What could be reached in a window before anybody commits to it, by the planner's own arithmetic.

The window is put to the planner as an event that was never declared: everybody who may be called has accepted, and the
gateways' own forecasts stand in for baselines, which are frozen only for real events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.capability import CapabilityOffer
from vpp.domain.control import ControlSettings
from vpp.domain.dispatch import DispatchProblem, Infeasible
from vpp.domain.errors import InputError
from vpp.domain.events import Declaration, Direction, EventKind, EventState
from vpp.domain.facts import BaselinesFrozen, EventApproved, EventCommitted
from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Series
from vpp.domain.portfolio import most_kw
from vpp.domain.timegrid import TimeGrid, floor_interval, format_instant
from vpp.ports import Clock
from vpp.services.intake import ReferencePeak
from vpp.services.planning import Planning, PlanRequest
from vpp.services.registry import Registry

PREVIEW_ID = "preview"


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked about: ``[start, end)``, everything below ``node_id``, or the whole district."""

    start: datetime
    end: datetime
    node_id: str | None = None
    direction: Direction = Direction.CURTAIL


@dataclass(frozen=True, slots=True)
class KindReach:
    """What the resources of one kind could give, per interval in kW."""

    kind: str
    resources: int
    offered_kw: tuple[float, ...]
    expected_kw: tuple[float, ...]
    min_percent: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Resources that could not be called, by reason code."""

    code: str
    resources: int
    rated_kw: float


@dataclass(frozen=True, slots=True)
class PlannedReach:
    """What one plan over all of it would deliver, limits of the network and of every device kept.

    Attributes:
        binding: What stops more, most important first.
    """

    expected_kw: tuple[float, ...]
    min_percent: float
    method: str
    status: str
    binding: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What is reachable in a window, as things stand.

    Attributes:
        connected_kw: Rated power of everything registered in scope.
        offered_kw: Largest response by the latest offers, each resource and interval taken alone.
        expected_kw: Of that, what is likely to be verified.
        min_percent: The smallest interval of ``expected_kw`` in percent of the reference peak.
        covered_until: Up to here the gateways' offers reach; later intervals repeat their last one.
        planned: ``None`` unless a plan was asked for.
    """

    as_of: datetime
    window: Window
    reference_peak_kw: float
    interval_starts: tuple[datetime, ...]
    connected_kw: float
    offered_kw: tuple[float, ...]
    expected_kw: tuple[float, ...]
    expected_percent: tuple[float, ...]
    min_percent: float
    covered_until: datetime | None
    by_kind: tuple[KindReach, ...]
    left_out: tuple[LeftOut, ...]
    planned: PlannedReach | None


class Reachability:
    """Puts windows to the planner; records nothing."""

    def __init__(
        self, registry: Registry, planning: Planning, peak: ReferencePeak, clock: Clock, settings: ControlSettings
    ) -> None:
        self._registry = registry
        self._planning = planning
        self._peak = peak
        self._clock = clock
        self._settings = settings

    async def of(self, window: Window, *, planned: bool = False) -> Reach:
        """What is reachable.

        Args:
            window: 1 to 96 intervals that are not over.
            planned: Also make a plan, which takes the planner's time.

        Raises:
            InputError: no such window, or it begins in the past.
            UnknownThingError: no such node.
        """
        now = self._clock.now()
        if window.start < floor_interval(now):
            raise InputError(
                f"window start {format_instant(window.start)} lies before the running interval, "
                f"which began at {format_instant(floor_interval(now))}"
            )
        if window.node_id is not None:
            self._registry.fleet.node_path(window.node_id)
        record, left_out = self._never_declared(window, now)
        request = PlanRequest(
            reason="what is reachable",
            first_interval=window.start,
            first_aim_kw=None,
        )
        problem, skipped = await self._planning.preview(record, request)
        return await self._reach(window, problem, {**left_out, **skipped}, planned=planned)

    def _never_declared(self, window: Window, now: datetime) -> tuple[EventRecord, dict[str, str]]:
        """A record of the window as if everybody had accepted, and why some may not be called at all."""
        declaration = Declaration(
            event_id=PREVIEW_ID,
            program_id=PREVIEW_ID,
            kind=EventKind.ECONOMIC,
            direction=window.direction,
            start=window.start,
            end=window.end,
            target_percent=100.0,
        )
        grid = TimeGrid(window.start, len(declaration.grid) + self._settings.recovery_intervals)
        left_out: dict[str, str] = {}
        taken: list[str] = []
        for resource_id in self._registry.in_scope(window.node_id):
            reason = self._registry.why_not(resource_id, window.direction)
            if reason is None and resource_id not in self._registry.offers:
                reason = "no-offer"
            if reason is None:
                taken.append(resource_id)
            else:
                left_out[resource_id] = reason
        record = EventRecord(declaration, [(EventState.COMMITTED, now)])
        record.reference_peak = EventApproved(
            at=now,
            event_id=PREVIEW_ID,
            reference_peak_kw=self._peak.kw,
            reference_peak_source=self._peak.source,
            reference_peak_date=self._peak.on,
            target_kw=tuple(self._peak.kw for _ in record.grid),
        )
        record.commitment = EventCommitted(at=now, event_id=PREVIEW_ID, resource_ids=tuple(taken), skipped={})
        record.baselines = BaselinesFrozen(
            at=now,
            event_id=PREVIEW_ID,
            grid_start=grid.start,
            baseline_kw={r: _forecast_kw(self._registry.offers[r], grid) for r in taken},
            methods={},
            findings={},
            placebo={},
            day_baseline_kw={},
        )
        return record, left_out

    async def _reach(
        self, window: Window, problem: DispatchProblem, left_out: Mapping[str, str], *, planned: bool
    ) -> Reach:
        count = problem.event_intervals
        offered: dict[str, Series] = {}
        expected: dict[str, Series] = {}
        members: dict[str, int] = {}
        for resource in problem.resources:
            kind = self._registry.fleet.resource(resource.id).kind.value
            most = most_kw(resource, count, problem.direction)
            offered[kind] = offered.get(kind, np.zeros(count)) + most
            expected[kind] = expected.get(kind, np.zeros(count)) + resource.delivery_fraction * most
            members[kind] = members.get(kind, 0) + 1
        total = np.sum(list(expected.values()), axis=0) if expected else np.zeros(count)
        ends = [self._registry.offers[resource.id].grid.end for resource in problem.resources]
        return Reach(
            as_of=self._clock.now(),
            window=window,
            reference_peak_kw=self._peak.kw,
            interval_starts=tuple(problem.grid)[:count],
            connected_kw=sum(
                self._registry.fleet.resource(r).rated_kw for r in self._registry.in_scope(window.node_id)
            ),
            offered_kw=_floats(np.sum(list(offered.values()), axis=0) if offered else np.zeros(count)),
            expected_kw=_floats(total),
            expected_percent=_floats(100.0 * total / self._peak.kw),
            min_percent=self._percent(total),
            covered_until=min(ends, default=None),
            by_kind=tuple(
                KindReach(kind, members[kind], _floats(offered[kind]), _floats(kw), self._percent(kw))
                for kind, kw in sorted(expected.items())
            ),
            left_out=grouped(self._registry.fleet, left_out),
            planned=await self._planned(problem) if planned else None,
        )

    async def _planned(self, problem: DispatchProblem) -> PlannedReach:
        """The district's peak is asked for, which nobody can give: the answer is the most that there is."""
        count = problem.event_intervals
        outcome = await self._planning.try_out(problem)
        if isinstance(outcome, Infeasible):
            nothing = np.zeros(count)
            texts = tuple(dict.fromkeys(limit.text for limit in outcome.binding)) or (outcome.reason,)
            return PlannedReach(_floats(nothing), 0.0, "none", outcome.reason, texts)
        fraction = {resource.id: resource.delivery_fraction for resource in problem.resources}
        responses = [fraction[r] * kw[:count] for r, kw in outcome.plan.response_kw.items()]
        total = np.sum(responses, axis=0) if responses else np.zeros(count)
        binding = getattr(outcome, "binding", ())
        return PlannedReach(
            expected_kw=_floats(total),
            min_percent=self._percent(total),
            method=outcome.plan.source,
            status=outcome.plan.status,
            binding=tuple(dict.fromkeys(limit.text for limit in binding)),
        )

    def _percent(self, power_kw: Series) -> float:
        return 100.0 * float(power_kw.min()) / self._peak.kw


def _forecast_kw(offer: CapabilityOffer, grid: TimeGrid) -> tuple[float, ...]:
    """The gateway's forecast on ``grid``; where it does not reach, its nearest interval."""
    first = offer.grid.index_of(grid.start)
    take = np.clip(np.arange(first, first + len(grid)), 0, len(offer.grid) - 1)
    return _floats(offer.forecast_kw[take])


def _floats(values: Series) -> tuple[float, ...]:
    return tuple(float(x) for x in values)


def grouped(fleet: Fleet, left_out: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """Resources that cannot be called, by the code of their reason."""
    groups: dict[str, list[float]] = {}
    for resource_id, code in left_out.items():
        groups.setdefault(code, []).append(fleet.resource(resource_id).rated_kw)
    return tuple(LeftOut(code, len(rated), sum(rated)) for code, rated in sorted(groups.items()))
