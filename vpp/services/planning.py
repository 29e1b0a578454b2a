"""Planning: what may be called, what it is asked for, and a plan that passed the independent check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.bids import Bid, hold_bids
from vpp.domain.book import EventRecord
from vpp.domain.commands import AckState
from vpp.domain.control import ControlSettings, Delivery
from vpp.domain.dispatch import (
    DispatchPlan,
    DispatchProblem,
    Infeasible,
    Planned,
    PlanningOutcome,
    TimedOut,
    Unreachable,
)
from vpp.domain.errors import InvariantError
from vpp.domain.events import EventState
from vpp.domain.facts import Binding, PlanIssued
from vpp.domain.feasibility import check_plan
from vpp.domain.flexibility import Block, Charging, Series, first_cost_cny_per_kwh
from vpp.domain.network import flow_on
from vpp.domain.outcome import MATERIAL_KW, called_from, commanded_kw, commanded_response_kw
from vpp.domain.portfolio import Ask, Candidate, depth, dispatch_problem, reachable_kw
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.ports import NO_PRICES, Clock, EnergyPrices, Metrics, NetworkForecasts, Planner, Workers
from vpp.services.forecasting import Forecasting
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.track_record import TrackRecord
from vpp.services.using import LEAST_DELIVERY, Using

LIKELY_LOAD_FACTOR = 1.6
PLANNED_STATES = frozenset({EventState.COMMITTED, EventState.ACTIVE})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a revision is to achieve.

    Attributes:
        first_interval: First interval that it covers; may be the running one.
        first_aim_kw: Aim of that interval where it differs from the others.
        seen: What the running event has shown of delivery, per resource.
        before_kw: What was expected without a new revision.
    """

    reason: str
    first_interval: datetime
    first_aim_kw: float | None
    seen: Mapping[str, Delivery] = field(default_factory=dict)
    before_kw: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """What a revision is made from.

    Attributes:
        skipped: Reason codes of what the problem leaves out.
        margin_kw: The margin in its aim.
        network_changes: How many changes of the network it knows of.
    """

    problem: DispatchProblem
    skipped: Mapping[str, str]
    margin_kw: float
    network_changes: int


class Planning:
    """Makes revisions of an event's plan."""

    def __init__(  # noqa: PLR0913, PLR0917 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        forecasting: Forecasting,
        track_record: TrackRecord,
        using: Using,
        network: NetworkForecasts,
        planner: Planner,
        *,
        workers: Workers,
        clock: Clock,
        metrics: Metrics,
        settings: ControlSettings,
        while_planning: Callable[[bool], None] = lambda _: None,
        prices: EnergyPrices = NO_PRICES,
    ) -> None:
        """Plans from now on; ``while_planning`` is told ``True`` before a solve and ``False`` after it."""
        self._prices = prices
        self._while_planning = while_planning
        self._recorder = recorder
        self._registry = registry
        self._forecasting = forecasting
        self._track_record = track_record
        self._using = using
        self._network = network
        self._planner = planner
        self._workers = workers
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        # The last plan per event, for its prices; lost in a restart, which costs the next plan a little time.
        self._last: dict[str, DispatchPlan] = {}

    async def revise(self, event_id: str, request: PlanRequest) -> PlanIssued | None:
        """Plans, checks and records a revision.

        Returns:
            ``None`` when there is no feasible plan, or the event ended while it was made: what is in force stays.
        """
        record = self._recorder.book.event(event_id)
        self._while_planning(True)  # noqa: FBT003 - hold, then go on
        try:
            draft, outcome = await self._solvable(record, request)
        finally:
            self._while_planning(False)  # noqa: FBT003
        if record.state not in PLANNED_STATES or self._clock.now() >= request.first_interval + INTERVAL:
            self._metrics.count("plans_thrown_away")
            self._metrics.note(
                "plan thrown away", event=event_id, reason=f"the event is {record.state}, or it is too late"
            )
            return None
        if isinstance(outcome, Infeasible):
            self._metrics.count("plans_infeasible")
            self._metrics.note("no feasible plan", event=event_id, reason=outcome.reason)
            return None
        violations = check_plan(draft.problem, outcome.plan)
        if violations:
            raise InvariantError(f"event {event_id!r}: plan by {outcome.plan.source} fails its check: {violations[0]}")
        fact = self._fact(record, request, draft, outcome)
        await self._recorder.record(fact)
        self._last[event_id] = outcome.plan
        self._metrics.count("plans_issued", source=outcome.plan.source)
        self._metrics.gauge("solve_seconds", outcome.plan.wall_s)
        return fact

    async def preview(self, record: EventRecord, request: PlanRequest) -> tuple[DispatchProblem, dict[str, str]]:
        """The problem of an event that nobody has declared, and why resources would be left out; records nothing."""
        candidates, skipped = self.candidates(record, request)
        candidates = self._deep_enough(record, request, candidates, skipped)
        return await self._problem(record, request, candidates, 0.0), skipped

    async def try_out(self, problem: DispatchProblem) -> PlanningOutcome:
        """What the planner makes of a problem that nothing hangs on."""
        return await self._workers.run(self._planner, problem, None)

    async def _solvable(self, record: EventRecord, request: PlanRequest) -> tuple["_Draft", PlanningOutcome]:
        """The problem and its answer, resources left out whose own offer contradicts itself: they stop nobody else."""
        candidates, skipped = self.candidates(record, request)
        candidates = self._deep_enough(record, request, candidates, skipped)
        margin_kw = self._margin_kw(record, candidates)
        while True:
            known = len(self._registry.network)
            whole = await self._problem(record, request, candidates, margin_kw)
            problem, beyond = hold_bids(whole, self._bids(record), record.commands)
            problem = self._using.priced(record, problem, self._using.allowances(record))
            skipped |= dict.fromkeys(beyond, "beyond-bid")
            outcome = await self._workers.run(self._planner, problem, self._last.get(record.declaration.event_id))
            culprits = _culprits(outcome) & {c.offer.resource_id for c in candidates}
            if not culprits:
                return _Draft(problem, skipped, margin_kw, known), outcome
            self._metrics.count("offers_contradictory", len(culprits))
            skipped |= dict.fromkeys(culprits, "bad-offer")
            candidates = [c for c in candidates if c.offer.resource_id not in culprits]

    def _bids(self, record: EventRecord) -> list[Bid]:
        """Quantities that participants bid, with the resources that stand for them."""
        committed: dict[str, list[str]] = {}
        for resource_id in record.commitment.resource_ids if record.commitment else ():
            committed.setdefault(self._registry.fleet.participant_of(resource_id).id, []).append(resource_id)
        quantities = {participant_id: record.bid_kw(participant_id) for participant_id in committed}
        return [Bid(tuple(committed[p]), kw) for p, kw in quantities.items() if kw is not None]

    def unheard(self, record: EventRecord) -> list[str]:
        """Committed resources whose gateway is there but has not offered anything for them since our start."""
        online = self._recorder.book.gateways_online
        return [
            resource_id
            for resource_id in (record.commitment.resource_ids if record.commitment else ())
            if resource_id not in self._registry.offers
            and online.get(self._registry.fleet.resource(resource_id).gateway_id, False)
        ]

    def candidates(self, record: EventRecord, request: PlanRequest) -> tuple[list[Candidate], dict[str, str]]:
        """Resources that may be called now, and the reason code of each committed one that may not."""
        fleet = self._registry.fleet
        recovery = self._settings.recovery_intervals
        first = record.grid.index_of(request.first_interval)
        chosen: list[Candidate] = []
        skipped: dict[str, str] = {}
        allowed = self._using.allowances(record)
        for resource_id in record.commitment.resource_ids if record.commitment else ():
            reason = (
                self._unfit(record, resource_id)
                or self._registry.cannot_fill(resource_id, record.declaration.direction)
                or self._too_slow(record, resource_id, request.first_interval)
                or (None if resource_id in record.commands else allowed[resource_id].why_not)
            )
            if reason is not None:
                skipped[resource_id] = reason
                continue
            mean, sd = self._track_record.expected(resource_id, request.seen)
            offer = self._registry.offers[resource_id]
            running = self._running_intervals(record, resource_id, request.first_interval)
            unseen = (
                1 if isinstance(offer.flexibility, Block) and running and not offer.flexibility.running_intervals else 0
            )
            chosen.append(
                Candidate(
                    offer=offer,
                    baseline_kw=record.baseline_kw(resource_id)[first : len(record.grid) + recovery],
                    delivery_fraction=max(mean, LEAST_DELIVERY),
                    delivery_sd=sd,
                    kind=fleet.resource(resource_id).kind.value,
                    running_intervals=running,
                    calls_unseen=unseen,
                )
            )
        return chosen, skipped

    def _deep_enough(
        self, record: EventRecord, request: PlanRequest, candidates: list[Candidate], skipped: dict[str, str]
    ) -> list[Candidate]:
        """Candidates whose response can be told from the error of their baseline; the others join ``skipped``."""
        first = record.grid.index_of(request.first_interval)
        count = len(record.grid) - first
        grid = TimeGrid(request.first_interval, count + self._settings.recovery_intervals)
        kept: list[Candidate] = []
        for candidate in candidates:
            called = candidate.offer.resource_id in record.commands
            found = depth(candidate, grid, count, self._registry.fleet, direction=record.declaration.direction)
            if called or found >= self._settings.least_depth:
                kept.append(candidate)
            else:
                skipped[candidate.offer.resource_id] = "too-shallow"
        return kept

    def _unfit(self, record: EventRecord, resource_id: str) -> str | None:
        """Why a committed resource cannot be called now."""
        fleet = self._registry.fleet
        offer = self._registry.offers.get(resource_id)
        if fleet.participant_of(resource_id).id in record.opted_out:
            return "opted-out"
        if record.baselines is None or resource_id not in record.baselines.baseline_kw:
            return "no-baseline"
        if offer is None or not offer.available:
            return "unavailable" if offer else "no-offer"
        if not self._recorder.book.gateways_online.get(fleet.resource(resource_id).gateway_id, False):
            return "gateway-offline"
        history = record.commands.get(resource_id)
        if history and history[-1].state is AckState.REFUSED:
            return "refused"
        return None

    def _too_slow(self, record: EventRecord, resource_id: str, first_interval: datetime) -> str | None:
        """Whether a resource not called so far would come too late: after the start, or after the interval planned.

        A ramp's minutes count for nobody, so that being late by less than them is in time.
        """
        if resource_id in record.commands:
            return None
        now, start = self._clock.now(), record.declaration.start
        ramp = timedelta(minutes=self._settings.settle_minutes)
        needed_by = start + ramp if now < start else first_interval + INTERVAL
        notice = timedelta(seconds=self._registry.offers[resource_id].notice_s)
        return "too-slow" if now + notice > needed_by else None

    @staticmethod
    def _running_intervals(record: EventRecord, resource_id: str, first: datetime) -> int:
        """Intervals right before ``first`` for which the resource was called without a break."""
        count = 0
        interval = first - INTERVAL
        while interval >= record.declaration.start:
            issued = record.in_force(resource_id, interval)
            if issued is None or commanded_response_kw(issued, interval, record.declaration.direction) <= MATERIAL_KW:
                break
            count += 1
            interval -= INTERVAL
        return count

    def _margin_kw(self, record: EventRecord, candidates: list[Candidate]) -> float:
        """Margin above the target, from the placebo error of what is (or may be) called; kept over a restart."""
        target_kw = float(record.target_kw.max())
        asked = commanded_kw(record)
        called = [r for r in asked if called_from(asked[r]) is not None] or _likely_called(candidates, target_kw)
        sigma_kw = self._forecasting.portfolio_sigma_kw(record.declaration.event_id, called)
        if sigma_kw is None:
            return record.plans[-1].margin_kw if record.plans else self._settings.margin_max_fraction * target_kw
        return self._settings.margin_kw(target_kw, sigma_kw)

    async def _problem(
        self, record: EventRecord, request: PlanRequest, candidates: list[Candidate], margin_kw: float
    ) -> DispatchProblem:
        first = record.grid.index_of(request.first_interval)
        grid = TimeGrid(request.first_interval, len(record.grid) - first + self._settings.recovery_intervals)
        aim = record.target_kw[first:] + margin_kw
        if request.first_aim_kw is not None:
            aim[0] = request.first_aim_kw
        cap = self._settings.rebound_cap_fraction * float(record.target_kw.max())
        ask = Ask(
            grid,
            aim,
            np.full(self._settings.recovery_intervals, cap),
            coverage=self._settings.coverage,
            common_sd=self._track_record.common_sd(request.seen),
            direction=record.declaration.direction,
            energy_price_cny_per_kwh=await self._prices.energy_price_cny_per_kwh(grid),
        )
        tree = self._registry.fleet
        flow_kw = flow_on(tree, self._registry.registered, await self._network.node_flow_kw(grid))
        return dispatch_problem(ask, candidates, tree, flow_kw, changes=self._registry.network)

    def _fact(
        self,
        record: EventRecord,
        request: PlanRequest,
        draft: "_Draft",
        outcome: Planned | Unreachable | TimedOut,
    ) -> PlanIssued:
        plan, problem = outcome.plan, draft.problem
        count = problem.event_intervals
        called = {r: kw[:count] for r, kw in plan.response_kw.items() if np.any(kw[:count] > MATERIAL_KW)}
        by_id = {resource.id: resource for resource in problem.resources}
        expected = sum((by_id[r].delivery_fraction * kw for r, kw in called.items()), np.zeros(count))
        binding = outcome.binding if isinstance(outcome, Unreachable) else ()
        first = record.grid.index_of(request.first_interval)
        prices = problem.energy_price_cny_per_kwh
        return PlanIssued(
            at=self._clock.now(),
            event_id=record.declaration.event_id,
            revision=record.plans[-1].revision + 1 if record.plans else 1,
            reason=request.reason,
            first_interval=request.first_interval,
            response_kw={r: _floats(kw) for r, kw in called.items()},
            forecast_kw={
                r: _floats(by_id[r].forecast_kw[:count]) for r in called if isinstance(by_id[r].flexibility, Charging)
            },
            aim_kw=_floats(problem.target_kw),
            margin_kw=draft.margin_kw,
            expected_kw=_floats(expected),
            offered_kw=_floats(reachable_kw(problem)),
            shortfall_kw=_floats(plan.shortfall_kw),
            binding=tuple(
                Binding(limit.name, limit.text, None if limit.interval is None else first + limit.interval)
                for limit in binding
            ),
            reasons=dict(plan.reasons) | dict(draft.skipped),
            outcome=type(outcome).__name__.lower(),
            source=plan.source,
            status=plan.status,
            gap=float(plan.gap) if np.isfinite(plan.gap) else None,
            before_kw=request.before_kw,
            wall_s=plan.wall_s,
            network_changes=draft.network_changes,
            energy_price_cny_per_kwh=_floats(prices[:count]) if prices is not None else (),
            delivery_mean_kw=_floats(plan.delivery_mean_kw),
            delivery_q05_kw=_floats(plan.delivery_q05_kw),
            joint_probability=float(plan.joint_probability) if np.isfinite(plan.joint_probability) else None,
        )


def _culprits(outcome: PlanningOutcome) -> set[str]:
    """Resources whose own limits are why there is no plan at all."""
    limits = outcome.binding if isinstance(outcome, Infeasible) else ()
    return {limit.name.split(":", 1)[1].rpartition(":")[0] for limit in limits if limit.name.startswith("resource:")}


def _likely_called(candidates: list[Candidate], target_kw: float) -> list[str]:
    """Before anything is called: resources in order of their price, until their load is 1.6 times the target.

    That is what portfolios look like whose sub-meters are cut by 60 %; only the margin depends on it.
    """
    chosen: list[str] = []
    total = 0.0
    for candidate in sorted(
        candidates, key=lambda c: (first_cost_cny_per_kwh(c.offer.flexibility), c.offer.resource_id)
    ):
        chosen.append(candidate.offer.resource_id)
        total += max(float(candidate.baseline_kw.mean()), 0.0)
        if total >= LIKELY_LOAD_FACTOR * target_kw:
            break
    return chosen


def _floats(values: Series) -> tuple[float, ...]:
    return tuple(round(float(x), 6) for x in values)
