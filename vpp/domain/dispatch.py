"""The dispatch problem and its answer: types only, independent of any solver.

``optimizer`` turns a problem into a plan; ``vpp.domain.feasibility`` checks the plan in plain arithmetic, whoever made
it. Prices are CNY/kWh of response, penalties CNY/kWh of missing or excess energy. A response counts in the asked
direction: ``forecast - power`` when curtailing, ``power - forecast`` when filling.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vpp.domain.events import Direction
from vpp.domain.flexibility import Flexibility, Series
from vpp.domain.timegrid import TimeGrid

DEFAULT_COVERAGE = 0.95
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
        delivery_sd: Standard deviation of that fraction from one event to the next, >= 0, independent between
            resources.
        delivery_class: Resources of one class also share a common factor (``DispatchProblem.common_sd``).
        use_price_cny_per_kwh: What using it now costs on top of what is paid, >= 0: the worth of its scarce calls and
            of spreading them evenly. Weighs in the choice, never in ``cost_cny``.
        reserved: Held back: the plan must not use it.
    """

    id: str
    node_id: str
    forecast_kw: Series
    flexibility: Flexibility
    delivery_fraction: float = 1.0
    delivery_sd: float = 0.0
    delivery_class: str = ""
    use_price_cny_per_kwh: float = 0.0
    reserved: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DispatchNode:
    """A node with hard limits on the net flow of everything below it: ``forecast`` less (filling: plus) the responses.

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
        rebound_cap_kw: Largest total response against the asked direction in each recovery interval, shape (R,).
        direction: Whether less consumption is asked for, or more.
        coverage: Probability with which each event interval's target is to be delivered, in [0.5, 1); without spreads
            of delivery, expected values decide.
        common_sd: Standard deviation of each delivery class's common factor on the delivery fraction, relative to
            ``delivery_fraction``; classes not named have none.
        energy_price_cny_per_kwh: What a kWh of consumption costs, shape (H,): less consumption earns it; ``None``
            where energy is not priced.
    """

    grid: TimeGrid
    event_intervals: int
    target_kw: Series
    rebound_cap_kw: Series
    resources: tuple[DispatchResource, ...]
    nodes: tuple[DispatchNode, ...]
    direction: Direction = Direction.CURTAIL
    coverage: float = DEFAULT_COVERAGE
    common_sd: Mapping[str, float] = field(default_factory=dict)
    energy_price_cny_per_kwh: Series | None = None
    shortfall_cny_per_kwh: float = SHORTFALL_CNY_PER_KWH
    rebound_cny_per_kwh: float = REBOUND_CNY_PER_KWH


@dataclass(frozen=True, slots=True)
class BindingLimit:
    """A limit that stops the plan from reaching more, or from being cheaper.

    Attributes:
        name: ``node:<id>:import``, ``node:<id>:export``, ``resource:<id>:<limit>``, ``kind:<kind>``, ``rebound``,
            ``target`` or ``capability``.
        interval: Index into the grid, or ``None`` for a limit over the whole horizon.
        text: One sentence with the figure and unit.
        saves_cny_per_kw: What one more kW of room in that interval would save, ``nan`` where that is not known.
    """

    name: str
    interval: int | None
    text: str
    saves_cny_per_kw: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """What one more kW in an interval is worth at the plan, in CNY per kW and interval.

    Attributes:
        target_cny_per_kw: Cost of one more kW of target, shape (T,), >= 0.
        rebound_cny_per_kw: Saving by one more kW under the rebound cap, shape (R,), >= 0.
        node_cny_per_kw: Per node id, shape (H,): what one more kW of response below it is worth for the node's limits
            alone; below 0 where they leave no room for more response, above 0 where they leave none for less. Nodes
            whose limits bind nowhere are left out.
    """

    target_cny_per_kw: Series
    rebound_cny_per_kw: Series
    node_cny_per_kw: Mapping[str, Series]


@dataclass(frozen=True, slots=True, eq=False)
class DispatchPlan:
    """A feasible answer.

    Attributes:
        response_kw: Per resource id, shape (H,), full response asked (before ``delivery_fraction``).
        source: ``exact``, ``coordinated``, ``greedy`` or ``previous``.
        status: The method's own word.
        cost_cny: Of the responses and the priced rebound; a shortfall is never priced here.
        gap: ``(objective - bound) / |objective|``, ``nan`` where the method has no bound.
        shortfall_kw: What the response delivered with the asked probability misses of the target, shape (T,), >= 0.
        rebound_excess_kw: Rebound above its cap, shape (R,), >= 0.
        objective_cny: What was minimised: ``cost_cny`` with the prices of use, less the worth of energy not consumed.
        bound_cny: No plan with as little shortfall has a smaller objective; ``nan`` where the method has no bound.
        delivery_mean_kw: Expected response delivered, shape (T,).
        delivery_q05_kw: Response delivered with a probability of 95 %, shape (T,).
        joint_probability: Of reaching the target in every interval of the event at once.
        marginals: ``None`` where the method has no prices.
        binding: Limits that keep the plan from being cheaper, those first that save most.
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
    objective_cny: float = float("nan")
    bound_cny: float = float("nan")
    delivery_mean_kw: Series = field(default_factory=lambda: np.empty(0))
    delivery_q05_kw: Series = field(default_factory=lambda: np.empty(0))
    joint_probability: float = float("nan")
    marginals: Marginals | None = None
    binding: tuple[BindingLimit, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The target is reached in every interval with the asked probability (tolerance 1 W)."""

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
