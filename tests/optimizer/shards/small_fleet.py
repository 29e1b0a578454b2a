"""One fleet of a few hundred resources with what price coordination begins with."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer.aim import Aim, aim_at, expected_aim
from optimizer.coordinate.layout import Layout, layout_of
from optimizer.coordinate.run import coordinated
from optimizer.cost import cost_of
from optimizer.found import Found
from optimizer.greedy import greedy_response
from optimizer.problem import ProblemArrays, problem_arrays
from optimizer.respond.answer import PriceTables
from optimizer.respond.parts import Places
from optimizer.shards.holding import Holding
from simulator.harness.dispatch_fleet import synthetic_fleet
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class SmallFleet:
    arrays: ProblemArrays
    aim: Aim
    known_kw: Series

    @classmethod
    def of(cls, count: int, *, blocks: bool, uncertain: bool = False, seed: int = 3) -> "SmallFleet":
        columns = synthetic_fleet(count, event=8, recovery=4, blocks=blocks, seed=seed)
        if uncertain:
            mean, sd = np.full(count, 0.9), np.full(count, 0.1)
            columns = replace(columns, delivery_mean=mean, delivery_sd=sd, class_sd=np.full(1, 0.05))
        arrays = problem_arrays(columns)
        known_kw = greedy_response(arrays, expected_aim(columns))
        return cls(arrays, aim_at(columns, known_kw), known_kw)

    def plan(self, **options: Any) -> Found:
        return coordinated(self.arrays, self.aim, self.known_kw, **options)

    def gap(self, found: Found) -> float:
        assert found.response_kw is not None
        objective = cost_of(self.arrays, found.response_kw).objective_cny
        return (objective - found.bound_cny) / objective

    @property
    def layout(self) -> Layout:
        return layout_of(self.arrays)

    @property
    def holding(self) -> Holding:
        columns, layout = self.arrays.columns, self.layout
        places = Places(columns.delivery_mean, columns.delivery_sd, columns.class_of, layout.group_of, layout.slot_of)
        return Holding.of(self.arrays, places, self.known_kw, slots=layout.slots, groups=layout.groups)

    def prices(self, cny_per_kw: float) -> PriceTables:
        columns = self.arrays.columns
        group = np.zeros((self.layout.groups, columns.intervals))
        return PriceTables(np.full((len(columns.class_sd), columns.event_intervals), cny_per_kw), group)
