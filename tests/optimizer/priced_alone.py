"""One resource facing prices: what its kernel answers, and what HiGHS makes of the same question."""

from dataclasses import dataclass, replace

import numpy as np

from optimizer.aim import expected_aim
from optimizer.cost import energy_worth, response_costs
from optimizer.direct import direct_model
from optimizer.limits import WorkLimits
from optimizer.problem import ProblemArrays, problem_arrays
from optimizer.respond.shard import FleetShard, PriceTables, parts_of
from optimizer.solve import run
from optimizer.validate import check_columns_sound
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series

PROVEN = WorkLimits(mip_gap=0.0, node_limit=1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """The kernel's answer: what it promises to earn, its response, and what that response earns."""

    arrays: ProblemArrays
    profit_cny: float
    response_kw: Series
    earned_cny: float

    def best_by_highs(self) -> float:
        """The largest profit, by the exact model."""
        model = direct_model(self.arrays, expected_aim(self.arrays.columns), shortfall_price=0.0)
        nothing = np.zeros(0, dtype=np.int32), np.zeros(0)
        return -model.objective(run(model, PROVEN, fixed=nothing).values)


def alone(asked: DispatchProblem, resource: DispatchResource, worth: Series, direction: Direction) -> Alone | None:
    """The answer of one resource of ``asked`` without network or target; ``None`` where it contradicts itself.

    ``worth``: CNY per kWh that consumption costs, shape (H,).
    """
    unlimited = np.full(asked.grid.count, np.inf)
    columns = columns_of(
        replace(
            asked,
            resources=(replace(resource, reserved=False),),
            target_kw=np.zeros(asked.event_intervals),
            rebound_cap_kw=np.full(asked.grid.count - asked.event_intervals, 1e9),
            nodes=tuple(replace(node, import_limit_kw=unlimited, export_limit_kw=unlimited) for node in asked.nodes),
            direction=direction,
            energy_price_cny_per_kwh=worth,
        )
    )
    if check_columns_sound(columns) is not None:
        return None
    arrays = problem_arrays(columns)
    one = np.zeros(1, dtype=np.intp)
    parts = list(parts_of(arrays, one, one).values())
    shard = FleetShard(parts, slots=1, event=asked.event_intervals, intervals=asked.grid.count)
    price = energy_worth(arrays)
    tables = PriceTables(np.zeros((1, asked.event_intervals)), price[None, :])
    response_kw = np.zeros((1, asked.grid.count))
    shard.mix(tables, np.ones(1), response_kw)
    earned = float(price @ response_kw[0] - response_costs(arrays, response_kw)[0])
    return Alone(arrays, float(shard.respond(tables).profit_cny[0]), response_kw, earned)
