"""Closed-loop control of a running event: what to expect, what to aim at, and when to change the plan.

The controller steers on *verified* kW. It aims above the target by a margin for what a baseline cannot measure, learns
in the event how much of a commanded kW each resource delivers, and re-plans when the projected interval falls short.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vpp.domain.delivery import DeliveryPrior
from vpp.domain.dispatch import DEFAULT_COVERAGE
from vpp.domain.event_days import EventDayPrior
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL, INTERVAL_S

_PRIOR_SD = {
    ResourceKind.FACTORY_LINE: 0.25,
    ResourceKind.FACTORY_PROCESS: 0.20,
    ResourceKind.PUBLIC_CHARGING: 0.35,
    ResourceKind.RESIDENTIAL_CHARGING: 0.30,
    ResourceKind.COOLING: 0.20,
    ResourceKind.LIGHTING: 0.10,
    ResourceKind.STORAGE: 0.08,
}
_PRIOR_COMMON_SD = {
    ResourceKind.FACTORY_LINE: 0.04,
    ResourceKind.FACTORY_PROCESS: 0.04,
    ResourceKind.PUBLIC_CHARGING: 0.15,
    ResourceKind.RESIDENTIAL_CHARGING: 0.12,
    ResourceKind.COOLING: 0.06,
    ResourceKind.LIGHTING: 0.03,
    ResourceKind.STORAGE: 0.01,
}


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """How the loop behaves. Fractions refer to the target unless said otherwise.

    Attributes:
        margin_sigmas: Standard deviations of the portfolio's placebo error held above the target.
        margin_min_fraction, margin_max_fraction: Bounds of that margin.
        coverage: Probability with which a plan covers its aim in each interval, by what is known of delivery.
        deadband_fraction: Shortfall below the aim that is let be.
        urgent_fraction: Shortfall from which at most one cycle is waited.
        urgent_hold_off_s: Least time between two revisions for such a shortfall; less than a cycle, which may be early.
        hold_off_s: Least time between two revisions for smaller shortfalls.
        trim_fraction: Share of the aim above which a surplus is trimmed, after ``trim_cycles`` cycles.
        trim_hold_off_s: Least time between any revision and a trim.
        boost_max: Largest aim for what is left of a running interval, as a multiple of the aim.
        least_remaining_s: A running interval with less time left is not re-planned.
        stage_lead_s: Commands become valid this long before the event.
        prior_delivery: Expected verified kW per commanded kW before anything is learnt, by kind.
        prior_delivery_sd: Its standard deviation from event to event, of one resource; trials elsewhere draw what is
            delivered of what was declared around 0.9 with 0.2, and 5-15 % of calls find no response at all.
        prior_common_sd: The same of the kind's common factor from day to day, relative to the mean.
        prior_minutes: Weight of that prior, in minutes of observation.
        settle_minutes: Minutes after a resource's call begins that teach nothing (ramps).
        release_spread_s: Releases after the event are staggered over this time.
        rebound_cap_fraction: Planned increase over the forecast in a recovery interval, at most.
        least_depth: A resource that offers a smaller share of its own baseline is not called: what one site's baseline
            may be off by (10-13 % at the 90th percentile, measured on real meters) would hide it.
        use_price_max_cny_per_kwh: What the price of a scarce call approaches; well below what a missing kWh costs.
        fairness_cost_fraction: Extra cost of an event that spreading calls evenly may cause.
        event_days_per_season, event_persistence, events_per_day: What is expected of a season before it has shown
            itself (``vpp.domain.event_days``).
        baseline_lead_s: Baselines are frozen and the first plan made this long before the event, or as soon as the
            commitment allows.
    """

    margin_sigmas: float = 2.5
    margin_min_fraction: float = 0.06
    margin_max_fraction: float = 0.16
    coverage: float = DEFAULT_COVERAGE
    deadband_fraction: float = 0.04
    urgent_fraction: float = 0.05
    urgent_hold_off_s: float = 45.0
    hold_off_s: float = 300.0
    trim_fraction: float = 1.10
    trim_cycles: int = 2
    trim_hold_off_s: float = 900.0
    boost_max: float = 1.25
    least_remaining_s: float = 240.0
    stage_lead_s: float = 360.0
    prior_delivery: Mapping[ResourceKind, float] = field(
        default_factory=lambda: dict.fromkeys(ResourceKind, 0.85) | {ResourceKind.STORAGE: 0.93}
    )
    prior_delivery_sd: Mapping[ResourceKind, float] = field(default_factory=lambda: dict(_PRIOR_SD))
    prior_common_sd: Mapping[ResourceKind, float] = field(default_factory=lambda: dict(_PRIOR_COMMON_SD))
    prior_minutes: float = 6.0
    settle_minutes: int = 2
    release_spread_s: float = 1800.0
    rebound_cap_fraction: float = 0.5
    baseline_lead_s: float = 3480.0
    recovery_intervals: int = 8
    least_depth: float = 0.12
    use_price_max_cny_per_kwh: float = 20.0
    fairness_cost_fraction: float = 0.018
    event_days_per_season: float = 40.0
    event_persistence: float = 0.7
    events_per_day: float = 1.6

    def delivery_priors(self) -> dict[str, DeliveryPrior]:
        """What is expected of each kind before anything was verified."""
        return {
            kind.value: DeliveryPrior(
                self.prior_delivery[kind], self.prior_delivery_sd[kind], self.prior_common_sd[kind]
            )
            for kind in ResourceKind
        }

    def event_day_prior(self, events_most: int) -> EventDayPrior:
        """What is expected of a season of a programme that allows so many events a day."""
        return EventDayPrior(
            days_per_season=self.event_days_per_season,
            persistence=self.event_persistence,
            events_per_day=self.events_per_day,
            events_most=events_most,
        )

    def margin_kw(self, target_kw: float, portfolio_sigma_kw: float) -> float:
        """What to hold above ``target_kw`` when the portfolio's baseline error has that standard deviation."""
        wished = self.margin_sigmas * portfolio_sigma_kw
        return min(max(wished, self.margin_min_fraction * target_kw), self.margin_max_fraction * target_kw)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one resource has been seen to deliver while called.

    Attributes:
        asked_kwmin: Sum over observed minutes of commanded kW.
        verified_kwmin: The same for verified kW.
        minutes: Observed minutes.
    """

    asked_kwmin: float = 0.0
    verified_kwmin: float = 0.0
    minutes: float = 0.0

    def seen(self, asked_kw: float, verified_kw: float) -> "Delivery":
        """With one more minute."""
        return Delivery(self.asked_kwmin + asked_kw, self.verified_kwmin + verified_kw, self.minutes + 1.0)

    def fraction(self, prior: float, prior_minutes: float) -> float:
        """Expected verified kW per commanded kW, in [0, 1.3]: the prior, moved by what was seen."""
        if self.asked_kwmin <= 0:
            return prior
        observed = self.verified_kwmin / self.asked_kwmin
        mixed = (prior * prior_minutes + observed * self.minutes) / (prior_minutes + self.minutes)
        return min(max(mixed, 0.0), 1.3)

    def sd(self, prior_sd: float, prior_minutes: float) -> float:
        """Standard deviation of that expectation: the prior's, less what was seen.

        With a normal prior that weighs ``prior_minutes``, it falls with the square root of all minutes.
        """
        return prior_sd * math.sqrt(prior_minutes / (prior_minutes + self.minutes))


@dataclass(frozen=True, slots=True)
class Projection:
    """Where a running event stands, seen from one instant.

    Attributes:
        interval: Start of the interval judged.
        projected_kw: Its expected mean response, all known.
        next_kw: Expected response in the interval behind it; ``None`` behind the last one.
        elapsed_s: How much of the interval has passed.
        so_far_kw: Mean verified response since the interval began.
    """

    interval: datetime
    projected_kw: float
    next_kw: float | None
    elapsed_s: float
    so_far_kw: float


@dataclass(frozen=True, slots=True)
class Goal:
    """The target of the interval judged, and what is aimed at to be sure of it.

    Attributes:
        reach_kw: The most that the plan in force expects to reach in the interval judged, where that is less than the
            aim; falling short of the aim is no news then, falling short of this is. ``inf``: the aim was in reach.
        next_reach_kw: The same for the interval behind it.
        next_need_kw: What must be expected in that interval to be sure enough of the aim, by the spread of delivery as
            it is known now; only more than that is a surplus.
    """

    target_kw: float
    aim_kw: float
    reach_kw: float = float("inf")
    next_reach_kw: float = float("inf")
    next_need_kw: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave the plan as it is."""


@dataclass(frozen=True, slots=True)
class Redispatch:
    """Make a new revision from ``first_interval`` on.

    Attributes:
        first_aim_kw: What to aim at in the first interval (a running one may have to catch up).
        trim: Whether the aim is to give back a surplus.
    """

    first_interval: datetime
    first_aim_kw: float
    reason: str
    before_kw: float
    trim: bool = False


Decision = Hold | Redispatch


@dataclass(slots=True)
class LoopMemory:
    """What the loop remembers between two cycles; all of it may be lost in a restart."""

    last_revision_at: datetime | None = None
    surplus_cycles: int = 0


def project(
    interval: datetime, now: datetime, *, so_far_kw: float, expected_now_kw: float, next_kw: float | None
) -> Projection:
    """Mean of the running interval if what is in force delivers ``expected_now_kw`` for the rest of it."""
    elapsed_s = min(max((now - interval).total_seconds(), 0.0), INTERVAL_S)
    share = elapsed_s / INTERVAL_S
    return Projection(interval, share * so_far_kw + (1.0 - share) * expected_now_kw, next_kw, elapsed_s, so_far_kw)


def decide(
    projection: Projection, now: datetime, *, goal: Goal, memory: LoopMemory, settings: ControlSettings
) -> Decision:
    """Whether to re-plan, and what for. ``memory`` is updated."""
    target_kw, aim_kw = goal.target_kw, goal.aim_kw
    since_s = (now - memory.last_revision_at).total_seconds() if memory.last_revision_at else float("inf")
    remaining_s = INTERVAL_S - projection.elapsed_s
    now_kw, next_kw = min(aim_kw, goal.reach_kw), min(aim_kw, goal.next_reach_kw)
    current_short = now_kw - projection.projected_kw if remaining_s >= settings.least_remaining_s else 0.0
    next_short = next_kw - projection.next_kw if projection.next_kw is not None else 0.0
    short = max(current_short, next_short)
    if short > settings.deadband_fraction * target_kw:
        memory.surplus_cycles = 0
        urgent = short > settings.urgent_fraction * target_kw
        if since_s < (settings.urgent_hold_off_s if urgent else settings.hold_off_s):
            return Hold()
        return _shortfall(projection, current_short, aim_kw, remaining_s, settings)
    return _surplus(projection, since_s, goal, memory, settings)


def _shortfall(
    projection: Projection, current_short: float, aim_kw: float, remaining_s: float, settings: ControlSettings
) -> Redispatch:
    before_kw = min(projection.projected_kw, projection.next_kw if projection.next_kw is not None else np.inf)
    reason = f"expected {before_kw / 1000:.2f} MW of {aim_kw / 1000:.2f} MW aimed at"
    if remaining_s < settings.least_remaining_s:
        return Redispatch(projection.interval + INTERVAL, aim_kw, reason, before_kw)
    share = remaining_s / INTERVAL_S
    catch_up = (aim_kw - (1.0 - share) * projection.so_far_kw) / share if current_short > 0 else aim_kw
    return Redispatch(projection.interval, min(max(catch_up, aim_kw), settings.boost_max * aim_kw), reason, before_kw)


def _surplus(
    projection: Projection, since_s: float, goal: Goal, memory: LoopMemory, settings: ControlSettings
) -> Decision:
    need_kw = max(goal.aim_kw, goal.next_need_kw)
    if projection.next_kw is None or projection.next_kw <= settings.trim_fraction * need_kw:
        memory.surplus_cycles = 0
        return Hold()
    memory.surplus_cycles += 1
    if memory.surplus_cycles < settings.trim_cycles or since_s < settings.trim_hold_off_s:
        return Hold()
    memory.surplus_cycles = 0
    most = f"{settings.trim_fraction:.0%} of {need_kw / 1000:.2f} MW"
    reason = f"expected {projection.next_kw / 1000:.2f} MW, more than {most}"
    return Redispatch(projection.interval + INTERVAL, goal.aim_kw, reason, projection.next_kw, trim=True)


def stagger_s(resource_ids: tuple[str, ...], spread_s: float) -> dict[str, float]:
    """Release delay per resource: evenly spread over ``spread_s`` in the given order, the first at once."""
    step = spread_s / max(1, len(resource_ids) - 1)
    return {resource_id: round(i * step, 1) for i, resource_id in enumerate(resource_ids)}


def expected_kw(asked: Mapping[str, Series], delivery: Mapping[str, float], lost: frozenset[str], index: int) -> float:
    """Expected verified response of interval ``index``: asked times delivery, nothing from what is lost."""
    return float(sum(values[index] * delivery[r] for r, values in asked.items() if r not in lost))
