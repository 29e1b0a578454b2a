"""A season of events over one fleet, planned one by one with what is known then: limits, prices of use, past calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np

from optimizer import plan_dispatch
from vpp.domain.control import ControlSettings
from vpp.domain.dispatch import (
    SHORTFALL_CNY_PER_KWH,
    DispatchNode,
    DispatchProblem,
    DispatchResource,
    Infeasible,
    Planned,
)
from vpp.domain.event_days import EventDayPrior, Occasions, expect_events
from vpp.domain.fairness import Choice, fairness_prices, use_excess
from vpp.domain.flexibility import Curtailable, Series
from vpp.domain.scarcity import Fleetwide, scarcity_prices
from vpp.domain.timegrid import INTERVAL, INTERVAL_H, TimeGrid, trading_day
from vpp.domain.use_limits import Call, Period, Season, UseTerms, allowance

SEASON = Season(date(2026, 1, 1), date(2026, 12, 31))
ELEVEN = datetime(2026, 7, 20, 3, tzinfo=UTC)
"""11 h on a Monday in July, district time."""
EVENT, RECOVERY = 4, 2
FAIR_SHARE = ControlSettings().fairness_cost_fraction
MATERIAL_KW = 0.01


@dataclass(frozen=True, slots=True)
class Member:
    """One resource of the fleet."""

    power_kw: float
    cost_cny_per_kwh: float
    terms: UseTerms = field(default_factory=UseTerms)


@dataclass(frozen=True, slots=True)
class Held:
    """What came of one event."""

    met: bool
    cost_cny: float
    called: frozenset[int]


@dataclass
class FleetSeason:
    """The fleet and all that has happened to it.

    Attributes:
        delivery_sd: Of every resource; ``common_sd`` of all together.
        scarcity, fairness: Which prices are charged.
    """

    members: Sequence[Member]
    scarcity: bool = True
    fairness: bool = True
    delivery_sd: float = 0.0
    common_sd: float = 0.0
    calls: dict[int, list[Call]] = field(default_factory=dict)
    seen: list[date] = field(default_factory=list)

    def hold(self, start: datetime, target_kw: float) -> Held:
        """Plans an event exactly and lets it happen as planned."""
        window = Call(start, start + EVENT * INTERVAL)
        allowances = {
            i: allowance(member.terms, self.calls.get(i, ()), window, SEASON) for i, member in enumerate(self.members)
        }
        able = [i for i, found in allowances.items() if found.why_not is None]
        left = {period: np.array([allowances[i].calls_left.get(period, np.inf) for i in able]) for period in Period}
        problem = self._problem(start, target_kw, able, self._prices(start, target_kw, able, left))
        outcome = plan_dispatch(problem, method="exact")
        assert not isinstance(outcome, Infeasible)
        plan = outcome.plan
        called = frozenset(i for i in able if plan.response_kw[str(i)].max() > MATERIAL_KW)
        for i in called:
            self.calls.setdefault(i, []).append(window)
        self.seen.append(trading_day(start))
        return Held(isinstance(outcome, Planned), plan.cost_cny, called)

    def curtailed_h(self) -> list[float]:
        """Hours curtailed per resource."""
        return [len(self.calls.get(i, ())) * EVENT * INTERVAL_H for i in range(len(self.members))]

    def _prices(self, start: datetime, target_kw: float, able: list[int], left: Mapping[Period, Series]) -> Series:
        power = np.array([self.members[i].power_kw for i in able])
        cost = np.array([self.members[i].cost_cny_per_kwh for i in able])
        scarcity, fairness = np.zeros(len(able)), np.zeros(len(able))
        if self.scarcity:
            known = Occasions(trading_day(start), SEASON, tuple(self.seen))
            to_come = {p: expect_events(p, known, EventDayPrior()).probabilities() for p in Period}
            scarcity = scarcity_prices(
                Fleetwide(power, cost, left),
                to_come,
                target_kw=target_kw,
                shortfall_cny_per_kwh=SHORTFALL_CNY_PER_KWH,
                largest_cny_per_kwh=20.0,
            )
        if self.fairness:
            hours = np.array(self.curtailed_h())[able]
            capable = np.full(len(able), len(self.seen) * EVENT * INTERVAL_H)
            excess = use_excess(hours, capable, ["cohort"] * len(able))
            fairness = fairness_prices(Choice(power, cost, scarcity, target_kw), excess, extra_cost_fraction=FAIR_SHARE)
        return scarcity + fairness

    def _problem(self, start: datetime, target_kw: float, able: list[int], prices: Series) -> DispatchProblem:
        grid = TimeGrid(start, EVENT + RECOVERY)
        whole = np.full(len(grid), 1.0)
        none = np.zeros(len(grid))
        resources = tuple(
            DispatchResource(
                id=str(i),
                node_id="root",
                forecast_kw=2.0 * self.members[i].power_kw * whole,
                flexibility=Curtailable(
                    self.members[i].power_kw * whole, none, self.members[i].cost_cny_per_kwh, 10.0, 1e9
                ),
                delivery_sd=self.delivery_sd,
                delivery_class="cohort",
                use_price_cny_per_kwh=float(price),
            )
            for i, price in zip(able, prices, strict=True)
        )
        flow = 2.0 * sum(member.power_kw for member in self.members) * whole
        root = DispatchNode("root", None, flow, 2.0 * flow, np.inf * whole)
        return DispatchProblem(
            grid,
            EVENT,
            np.full(EVENT, target_kw),
            np.full(RECOVERY, 1e6),
            resources,
            (root,),
            common_sd={"cohort": self.common_sd},
        )


def twice_a_day(season: FleetSeason, days: int, target_kw: Callable[[int], float]) -> list[Held]:
    """Events at 11 h and at 15.30 h on consecutive days; ``target_kw`` by number of the event."""
    at = [ELEVEN + timedelta(days=day, hours=hours) for day in range(days) for hours in (0.0, 4.5)]
    return [season.hold(start, target_kw(i)) for i, start in enumerate(at)]
