"""The dispatch problem and its answer: types only, independent of any solver.

``optimizer`` turns a problem into a plan; ``vpp.domain.feasibility`` checks the plan in plain arithmetic, whoever made
it. Prices are CNY/kWh of response, penalties CNY/kWh of missing or excess energy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vpp.domain.flexibility import Flexibility, Series
from vpp.domain.timegrid import TimeGrid

DEFAULT_RESERVE_FRACTION = 0.15
SHORTFALL_CNY_PER_KWH = 50.0
REBOUND_CNY_PER_KWH = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class DispatchResource:
    """One resource as the optimiser sees it.

    Attributes:
        node_id: The lowest node of the problem that it hangs from.
        forecast_kw: Expected power without an event, shape (H,).
        delivery_fraction: Expected verified response per commanded kW, in (0, 1.5]; targets count
            ``delivery_fraction * response``, limits count the full response.
        reserved: Held back as uncommitted reserve: the plan must not use it.
    """

    id: str
    node_id: str
    forecast_kw: Series
    flexibility: Flexibility
    delivery_fraction: float = 1.0
    reserved: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DispatchNode:
    """A node with hard limits on net flow ``forecast - response`` of everything below it.

    A site with a contracted demand or a no-export rule is a node too. Where the forecast alone already violates a
    limit, the plan makes that violation no worse.

    Attributes:
        parent_id: ``None`` for a root.
        forecast_kw: Net flow without an event, shape (H,), all loads below included, resources too.
        import_limit_kw: Upper bound on net flow, shape (H,); ``inf`` where there is none.
        export_limit_kw: Net flow must stay >= ``-export_limit_kw``, shape (H,); ``inf`` where there is none.
    """

    id: str
    parent_id: str | None
    forecast_kw: Series
    import_limit_kw: Series
    export_limit_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class DispatchProblem:
    """What is asked and what there is to answer it.

    Attributes:
        grid: H intervals; the first ``event_intervals`` are the event, the rest is recovery.
        target_kw: Response asked for, shape (T,), >= 0.
        rebound_cap_kw: Largest total increase over the forecast in each recovery interval, shape (R,).
        reserve_fraction: Share of the portfolio's reachable response to hold uncommitted, in [0, 1).
    """

    grid: TimeGrid
    event_intervals: int
    target_kw: Series
    rebound_cap_kw: Series
    resources: tuple[DispatchResource, ...]
    nodes: tuple[DispatchNode, ...]
    reserve_fraction: float = DEFAULT_RESERVE_FRACTION
    shortfall_cny_per_kwh: float = SHORTFALL_CNY_PER_KWH
    rebound_cny_per_kwh: float = REBOUND_CNY_PER_KWH


@dataclass(frozen=True, slots=True)
class BindingLimit:
    """A limit that stops the plan from reaching more.

    Attributes:
        name: ``node:<id>:import``, ``node:<id>:export``, ``resource:<id>:<limit>``, ``kind:<kind>``, ``rebound``,
            ``reserve`` or ``capability``.
        interval: Index into the grid, or ``None`` for a limit over the whole horizon.
        text: One sentence with the figure and unit.
    """

    name: str
    interval: int | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class DispatchPlan:
    """A feasible answer.

    Attributes:
        response_kw: Per resource id, shape (H,), full response asked (before ``delivery_fraction``).
        source: ``exact``, ``greedy`` or, later, others.
        status: The solver's own word.
        gap: Relative optimality gap, ``nan`` where the method has none.
        shortfall_kw: Missing expected response, shape (T,), >= 0.
        rebound_excess_kw: Rebound above its cap, shape (R,), >= 0.
    """

    response_kw: Mapping[str, Series]
    source: str
    status: str
    cost_cny: float
    gap: float
    shortfall_kw: Series
    rebound_excess_kw: Series
    wall_s: float
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The target is reached in every interval (expected values, tolerance 1 W)."""

    plan: DispatchPlan


@dataclass(frozen=True, slots=True, eq=False)
class Unreachable:
    """The target cannot be reached; ``plan`` is the largest reachable answer.

    Attributes:
        largest_kw: Reachable response per event interval under this plan, shape (T,).
        binding: The limits that stop more, most important first.
    """

    plan: DispatchPlan
    largest_kw: Series
    binding: tuple[BindingLimit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Infeasible:
    """Hard limits contradict each other, so that no plan exists at all; nothing is returned in disguise."""

    reason: str
    binding: tuple[BindingLimit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TimedOut:
    """The work limit was used up; ``plan`` is the best feasible one so far (at least the greedy one)."""

    plan: DispatchPlan
    reason: str


PlanningOutcome = Planned | Unreachable | Infeasible | TimedOut
