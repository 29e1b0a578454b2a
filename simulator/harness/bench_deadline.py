"""The deadline's benchmark: many calls with budgets of 100 ms to 2 s, for fleets of up to 10,000 resources."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.harness.dispatch_fleet import synthetic_fleet
from vpp.bootstrap.planner import DeadlinePlanner, plan_within, solver_workers
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import Infeasible, PlanningOutcome
from vpp.domain.feasibility import check_columns
from vpp.infra.anytime import Loss
from vpp.infra.memory.metrics import MemoryMetrics

SIZES = (100, 300, 1_000, 3_000, 10_000)
SHORTEST_S, LONGEST_S = 0.1, 2.0
LATE_S, TOO_LATE_S = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class DeadlineCall:
    """One call.

    Attributes:
        over_s: Wall time beyond the budget; below 0 where the answer came before its end.
        source: Of the plan; ``none`` without one.
        outcome: ``planned``, ``unreachable``, ``timedout`` or ``infeasible``.
    """

    resources: int
    blocks: bool
    budget_s: float
    over_s: float
    feasible: bool
    source: str
    outcome: str


@dataclass(frozen=True, slots=True)
class DeadlineFigures:
    """What came of all calls; ``lost`` counts worker processes by how they were lost."""

    calls: Sequence[DeadlineCall]
    lost: dict[str, int] = field(default_factory=dict)

    def within(self, late_s: float) -> float:
        """Share of calls answered within their budget and ``late_s``."""
        return sum(call.over_s <= late_s for call in self.calls) / max(len(self.calls), 1)

    @property
    def kept(self) -> bool:
        """Whether the deadline held: all feasible, 99.5 % within budget + 100 ms, all within + 500 ms."""
        all_feasible = all(call.feasible for call in self.calls)
        return all_feasible and self.within(LATE_S) >= 0.995 and self.within(TOO_LATE_S) >= 1.0  # noqa: PLR2004

    def as_dict(self) -> dict[str, Any]:
        """As figures to publish."""
        over_s = np.array([call.over_s for call in self.calls])
        return {
            "calls": len(self.calls),
            "kept": self.kept,
            "feasible_share": sum(call.feasible for call in self.calls) / max(len(self.calls), 1),
            "within_100_ms_share": self.within(LATE_S),
            "within_500_ms_share": self.within(TOO_LATE_S),
            "largest_overshoot_s": round(float(over_s.max(initial=-np.inf)), 4),
            "overshoot_p99_s": round(float(np.quantile(over_s, 0.99)), 4) if over_s.size else None,
            "sources": _table(self.calls, "source"),
            "outcomes": _table(self.calls, "outcome"),
            "workers_lost": self.lost,
        }


def bench_deadline(calls: int = 1_000, *, sizes: Sequence[int] = SIZES, seed: int = 0) -> DeadlineFigures:
    """Makes ``calls`` calls, one after the other, each with a size, a fleet and a budget drawn by ``seed``."""
    rng = np.random.default_rng(seed)
    kinds = [(size, blocks) for size in sizes for blocks in (True, False)]
    fleets = {(size, blocks): synthetic_fleet(size, blocks=blocks, seed=seed) for size, blocks in kinds}
    metrics = MemoryMetrics()
    made = []
    with solver_workers(1, metrics) as workers:
        DeadlinePlanner(workers, LONGEST_S).warm()
        for _ in range(calls):
            size, blocks = int(rng.choice(sizes)), bool(rng.random() < 0.5)  # noqa: PLR2004 - either as often
            budget_s = float(rng.uniform(SHORTEST_S, LONGEST_S))
            columns = fleets[size, blocks]
            begun = time.perf_counter()
            outcome = plan_within(workers, columns, budget_s)
            over_s = time.perf_counter() - begun - budget_s
            made.append(_call(columns, budget_s, over_s, outcome))
    return DeadlineFigures(made, {how: n for how in Loss if (n := _lost(metrics, how))})


def _lost(metrics: MemoryMetrics, how: Loss) -> int:
    return int(metrics.counts["planner_workers_lost", (("how", how),)])


def _call(columns: DispatchColumns, budget_s: float, over_s: float, outcome: PlanningOutcome) -> DeadlineCall:
    source, feasible = "none", False
    if not isinstance(outcome, Infeasible):
        plan = outcome.plan
        source = plan.source
        response_kw = np.array([plan.response_kw[name] for name in columns.ids])
        feasible = not check_columns(
            columns, response_kw, shortfall_kw=plan.shortfall_kw, rebound_excess_kw=plan.rebound_excess_kw
        )
    kind = type(outcome).__name__.lower()
    return DeadlineCall(columns.count, len(columns.block.index) > 0, budget_s, over_s, feasible, source, kind)


def _table(calls: Sequence[DeadlineCall], figure: str) -> dict[str, int]:
    return dict(sorted(Counter(getattr(call, figure) for call in calls).items()))
