"""What a row's own process does: makes the case, warms up, measures; prints one line of JSON.

Run as ``python -m simulator.harness.bench_dispatch.measurements ORDER`` by ``measured.measure``.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from optimizer import WorkLimits, plan_columns
from optimizer.plan import Method
from optimizer.search import Builder
from optimizer.storage_schedule import StorageSchedule, schedule_storages
from optimizer.storage_schedule.exclusive import solved_exactly
from optimizer.storage_schedule.relaxation import Relaxation
from optimizer.whole import Solver, solve_whole
from simulator.harness.bench_deadline import SIZES, bench_deadline
from simulator.harness.bench_dispatch.delivery import delivery_figures, uncertain_fleet
from simulator.harness.bench_dispatch.storage_cases import schedule_problems, storage_site
from simulator.harness.dispatch_fleet import synthetic_fleet
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import DispatchPlan, Infeasible, PlanningOutcome
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

KIB_PER_MB = 1024.0
WARM_UP_RESOURCES = 400
WARM_UP_STORAGES = 3
Answer = dict[str, Any]
Call = Callable[[], Answer]


def planned(*, resources: int, blocks: bool, method: Method, event: int = 16, recovery: int = 8) -> tuple[Call, Call]:
    """A plan of a synthetic fleet by a method of ours."""
    fleet = synthetic_fleet(resources, event=event, recovery=recovery, blocks=blocks)
    small = synthetic_fleet(min(resources, WARM_UP_RESOURCES), event=event, recovery=recovery, blocks=blocks)
    return lambda: _planned(small, method), lambda: _planned(fleet, method)


def replanned(*, resources: int, blocks: bool) -> tuple[Call, Call]:
    """A plan for a target moved by a few per cent, starting from the last plan."""
    fleet = synthetic_fleet(resources, blocks=blocks)
    last = _plan_of(plan_columns(fleet, method="coordinated"))
    rng = np.random.default_rng(1)

    def again() -> Answer:
        moved = fleet.target_kw * (1.0 + 0.03 * rng.standard_normal(len(fleet.target_kw)))
        return _planned(_with_target(fleet, moved), "coordinated", previous=last)

    return again, again


def whole(*, resources: int, blocks: bool, builder: Builder, solver: Solver, time_limit_s: float) -> tuple[Call, Call]:
    """The same problem as one model in HiGHS."""
    fleet = synthetic_fleet(resources, blocks=blocks)
    small = synthetic_fleet(min(resources, WARM_UP_RESOURCES), blocks=False)

    def solve(columns: DispatchColumns) -> Answer:
        found = solve_whole(columns, builder=builder, solver=solver, time_limit_s=time_limit_s)
        return {
            "status": found.status,
            "objective_cny": found.objective_cny,
            "bound_cny": found.bound_cny,
            "shortfall_kwh": found.shortfall_kwh,
            "build_s": found.build_s,
            "solve_s": found.solve_s,
        }

    return lambda: solve(small), lambda: solve(fleet)


def scheduled(*, storages: int, seed: int) -> tuple[Call, Call]:
    """Batteries behind one meter over a day."""

    def schedule(count: int) -> Answer:
        site = storage_site(count, seed=seed)
        found = schedule_storages(site)
        if isinstance(found, Infeasible):
            return {"status": found.reason}
        return _checked(found, schedule_problems(site, found.power_kw))

    return lambda: schedule(WARM_UP_STORAGES), lambda: schedule(storages)


def relaxed(*, storages: int, seed: int) -> tuple[Call, Call]:
    """The same without the rule against charging and discharging at once, as a linear programme in HiGHS."""

    def solve(count: int) -> Answer:
        site = storage_site(count, seed=seed)
        program = Relaxation.of(site)
        found = solved_exactly(program, np.zeros(site.shape, dtype=np.bool_))
        return {"status": found.status, "objective_cny": float(program.cost.ravel() @ found.values)}

    return lambda: solve(WARM_UP_STORAGES), lambda: solve(storages)


def deadline(*, calls: int, seed: int) -> tuple[Call, Call]:
    """Calls with budgets, one after the other; the solver's worker process is not part of this one's memory."""
    return lambda: bench_deadline(1, sizes=(WARM_UP_RESOURCES,)).as_dict(), lambda: _deadline(calls, seed)


def delivered(*, resources: int, blocks: bool, draws: int, seed: int) -> tuple[Call, Call]:
    """A plan for uncertain delivery, and how often it is met; time is that of planning and drawing."""
    fleet = uncertain_fleet(resources, blocks=blocks, seed=seed)
    small = uncertain_fleet(min(resources, WARM_UP_RESOURCES), blocks=blocks, seed=seed)

    def draw(columns: DispatchColumns) -> Answer:
        begun = time.perf_counter()
        outcome = plan_columns(columns, method="coordinated", limits=WorkLimits())
        plan_s = time.perf_counter() - begun
        figures = delivery_figures(columns, _plan_of(outcome), draws=draws, seed=seed + 1)
        return {**_figures_of(outcome, columns), "plan_s": plan_s, **figures}

    return lambda: draw(small), lambda: draw(fleet)


def _deadline(calls: int, seed: int) -> Answer:
    return {**bench_deadline(calls, seed=seed).as_dict(), "sizes": list(SIZES)}


def _checked(found: StorageSchedule, problems: list[str]) -> Answer:
    return {
        "status": found.source,
        "objective_cny": found.cost_cny,
        "bound_cny": found.bound_cny,
        "on_off_columns": found.exclusive,
        "problems": problems,
    }


MEASUREMENTS: dict[str, Callable[..., tuple[Call, Call]]] = {
    "planned": planned,
    "replanned": replanned,
    "whole": whole,
    "scheduled": scheduled,
    "relaxed": relaxed,
    "deadline": deadline,
    "delivered": delivered,
}
"""Each makes its case and gives a call that warms up and the call to measure."""


def main(order: str) -> None:
    """Measures what ``order`` says and prints the figures."""
    said = json.loads(order)
    begun = time.perf_counter()
    warm_up, call = MEASUREMENTS[said["measurement"]](**said["arguments"])
    prepared = time.perf_counter()
    warm_up()
    warmed = time.perf_counter()
    times_s, answers = [], []
    for _ in range(said["repeat"]):
        at = time.perf_counter()
        answers.append(call())
        times_s.append(time.perf_counter() - at)
    figures = {
        "prepare_s": prepared - begun,
        "first_s": warmed - prepared,
        "times_s": times_s,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MB,
        "answers": answers,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _plan_of(outcome: PlanningOutcome) -> DispatchPlan:
    if isinstance(outcome, Infeasible):
        raise TypeError(f"the benchmark's own fleet is infeasible: {outcome.reason}")
    return outcome.plan


def _planned(columns: DispatchColumns, method: Method, previous: DispatchPlan | None = None) -> Answer:
    outcome = plan_columns(columns, method=method, limits=WorkLimits(), previous=previous)
    return _figures_of(outcome, columns)


def _figures_of(outcome: PlanningOutcome, columns: DispatchColumns) -> Answer:
    plan = _plan_of(outcome)
    return {
        "outcome": type(outcome).__name__,
        "source": plan.source,
        "status": plan.status,
        "objective_cny": plan.objective_cny,
        "bound_cny": plan.bound_cny,
        "gap": plan.gap,
        "shortfall_kwh": float(plan.shortfall_kw.sum()) * INTERVAL_H,
        "shortfall_share": float(plan.shortfall_kw.sum() / columns.target_kw.sum()),
    }


def _with_target(columns: DispatchColumns, target_kw: Series) -> DispatchColumns:
    return replace(columns, target_kw=target_kw)


if __name__ == "__main__":
    main(sys.argv[1])
