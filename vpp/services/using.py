"""Limits of use and prices of use: who may be called by terms and contract, and what using it now costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.calls import calls_by_resource, event_days, use_hours
from vpp.domain.control import ControlSettings
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.event_days import Occasions, expect_events
from vpp.domain.events import EventState
from vpp.domain.fairness import Choice, fairness_prices, use_excess
from vpp.domain.flexibility import Series, first_cost_cny_per_kwh
from vpp.domain.outcome import called_from, commanded_kw
from vpp.domain.portfolio import most_kw
from vpp.domain.programs import Program
from vpp.domain.scarcity import Fleetwide, scarcity_prices
from vpp.domain.timegrid import INTERVAL, trading_day
from vpp.domain.use_limits import UNLIMITED, Allowance, Call, Period, Season, UseTerms, allowance, season_of
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

EVENTS_MOST = 2
"""Events a day where the programme does not say: the district peaks around 11 h and around 15-16 h."""
LEAST_DELIVERY = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What using each resource of a problem costs besides what is paid, CNY/kWh of response, shape (N,)."""

    scarcity: Series
    fairness: Series


class Using:
    """Reads past use from the book; decides by pure functions."""

    def __init__(
        self, recorder: Recorder, registry: Registry, programs: Mapping[str, Program], settings: ControlSettings
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._programs = programs
        self._settings = settings

    def allowances(self, record: EventRecord) -> dict[str, Allowance]:
        """Whether each committed resource may be called in the event, and what calls it has left."""
        event = record.declaration
        others = calls_by_resource(self._recorder.book.events.values(), but=event.event_id)
        window = Call(event.start, event.end)
        season = self._season(record)
        return {
            resource_id: allowance(self.terms(record, resource_id), others.get(resource_id, ()), window, season)
            for resource_id in (record.commitment.resource_ids if record.commitment else ())
        }

    def terms(self, record: EventRecord, resource_id: str) -> UseTerms:
        """The tighter of programme and contract."""
        program = self._programs.get(record.declaration.program_id)
        resource = self._registry.fleet.resource(resource_id)
        customer_class = self._registry.fleet.site_of(resource_id).customer_class
        return resource.use.and_also(UNLIMITED if program is None else program.use_terms(customer_class, resource.kind))

    def priced(
        self, record: EventRecord, problem: DispatchProblem, allowances: Mapping[str, Allowance]
    ) -> DispatchProblem:
        """The same problem with the prices of use of its resources."""
        prices = self.prices(record, problem, allowances)
        total = prices.scarcity + prices.fairness
        resources = tuple(
            replace(resource, use_price_cny_per_kwh=float(price)) if price > 0 else resource
            for resource, price in zip(problem.resources, total, strict=True)
        )
        return replace(problem, resources=resources)

    def prices(self, record: EventRecord, problem: DispatchProblem, allowances: Mapping[str, Allowance]) -> Prices:
        """Price of scarce calls and price of even use; the call of a resource that has begun is spent already."""
        count = problem.event_intervals
        delivery = np.array([max(r.delivery_fraction, LEAST_DELIVERY) for r in problem.resources])
        power = delivery * np.array([float(most_kw(r, count, problem.direction).mean()) for r in problem.resources])
        cost = np.array([first_cost_cny_per_kwh(r.flexibility) for r in problem.resources]) / delivery
        target_kw = float(problem.target_kw.max(initial=0.0))
        scarcity = scarcity_prices(
            Fleetwide(power, cost, self._calls_left(record, problem, allowances)),
            self._to_come(record),
            target_kw=target_kw,
            shortfall_cny_per_kwh=problem.shortfall_cny_per_kwh,
            largest_cny_per_kwh=self._settings.use_price_max_cny_per_kwh,
        )
        fairness = fairness_prices(
            Choice(power, cost, scarcity, target_kw),
            self._excess(record, problem),
            extra_cost_fraction=self._settings.fairness_cost_fraction,
        )
        return Prices(scarcity * delivery, fairness * delivery)

    def _calls_left(
        self, record: EventRecord, problem: DispatchProblem, allowances: Mapping[str, Allowance]
    ) -> dict[Period, Series]:
        """Per period and resource, ``inf`` without a limit or where this event's call has begun."""
        asked = commanded_kw(record)
        begun = {
            resource_id
            for resource_id, values in asked.items()
            if (first := called_from(values)) is not None and record.grid.start + first * INTERVAL < problem.grid.start
        }
        left = [{} if r.id in begun else allowances[r.id].calls_left for r in problem.resources]
        return {period: np.array([calls.get(period, np.inf) for calls in left]) for period in Period}

    def _to_come(self, record: EventRecord) -> dict[Period, Series]:
        """Probabilities of further events per period."""
        start = record.declaration.start
        real = [r for r in self._recorder.book.events.values() if r is not record]
        program = self._programs.get(record.declaration.program_id)
        per_day = None if program is None else program.limits.max_events_per_day.value
        known = Occasions(
            trading_day(start),
            self._season(record),
            seen=event_days(r for r in real if r.declaration.start < start),
            declared=event_days(r for r in real if r.declaration.start > start),
            season_most=None if program is None else program.limits.max_events_per_season.value,
        )
        prior = self._settings.event_day_prior(EVENTS_MOST if per_day is None else max(per_day, 1))
        return {period: expect_events(period, known, prior).probabilities() for period in Period}

    def _excess(self, record: EventRecord, problem: DispatchProblem) -> Series:
        """Curtailed hours of earlier events against those of the cohort, which is the resource's kind."""
        before = [
            r
            for r in self._recorder.book.events.values()
            if r.declaration.start < record.declaration.start and r.state is not EventState.CANCELLED
        ]
        curtailed, capable = use_hours(before, self._season(record))
        ids = [resource.id for resource in problem.resources]
        return use_excess(
            np.array([curtailed.get(r, 0.0) for r in ids]),
            np.array([capable.get(r, 0.0) for r in ids]),
            [self._registry.fleet.resource(r).kind.value for r in ids],
        )

    def _season(self, record: EventRecord) -> Season:
        program = self._programs.get(record.declaration.program_id)
        day = trading_day(record.declaration.start)
        return season_of(day, None, None) if program is None else season_of(day, program.valid_from, program.valid_to)
