"""Schedules the batteries of a site: first without the rule against charging and discharging at once, then with it.

With prices above zero, doing both only wastes energy that has to be bought: netting the two leaves the state of charge
as it is and never costs more. Where netting would cost (prices below zero, a connection that can take no more), those
batteries and intervals that do both get on/off columns; should others then break the rule, all get them. A schedule
that keeps the rule and is optimal without some of its columns is optimal with all.
"""

from dataclasses import dataclass

import numpy as np

from optimizer.blas import on_one_thread
from optimizer.solve import Verdict
from optimizer.storage_schedule.exclusive import Pairs, solved_exactly
from optimizer.storage_schedule.interior import solved
from optimizer.storage_schedule.relaxation import Relaxation
from optimizer.storage_schedule.site import StorageSite, check_site
from vpp.domain.dispatch import Infeasible
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series

OVERLAP = 1e-6
COST_TOLERANCE = 2e-6
LIMIT_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class StorageSchedule:
    """What each battery does.

    Attributes:
        power_kw: Into each battery, shape (n, H); charging is positive.
        soc_kwh: At the end of each interval, shape (n, H).
        grid_kw: Over the connection, shape (H,).
        cost_cny: Of the energy over the connection.
        bound_cny: No schedule costs less.
        source: ``interior`` (point method of our own), ``linear`` or ``mixed-integer`` (HiGHS).
        exclusive: Batteries and intervals that had an on/off column.
    """

    power_kw: Series
    soc_kwh: Series
    grid_kw: Series
    cost_cny: float
    bound_cny: float
    source: str
    exclusive: int = 0


@on_one_thread
def schedule_storages(site: StorageSite) -> StorageSchedule | Infeasible:
    """The schedule with the cheapest energy, or why there is none.

    Raises:
        InputError: a figure of ``site`` is malformed.
        InvariantError: the solver ended in a way that it should not.
    """
    check_site(site)
    program = Relaxation.of(site)
    pairs = np.zeros(site.shape, dtype=np.bool_)
    relaxed = solved(program)
    if relaxed is not None:
        found = _netted(site, program, _Answer(relaxed.x, relaxed.bound_cny, "interior"))
        if found is not None:
            return found
        pairs = _overlaps(program, relaxed.x)
    for tried in (pairs, np.ones_like(pairs)):
        answer = _from_highs(program, tried)
        if answer is None:
            return Infeasible("no schedule keeps the batteries' states of charge and the connection's limits", ())
        found = _netted(site, program, answer)
        if found is not None:
            return found
    raise InvariantError(f"schedule of {site.shape[0]} batteries breaks a limit though HiGHS calls it optimal")


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """Columns of a relaxation, a lower bound on the cost of any schedule, and who found them."""

    x: Series
    bound_cny: float
    source: str
    exclusive: int = 0


def _from_highs(program: Relaxation, pairs: Pairs) -> _Answer | None:
    """The optimum with on/off columns for ``pairs``; ``None`` where nothing is feasible."""
    solution = solved_exactly(program, pairs)
    if solution.verdict is Verdict.INFEASIBLE:
        return None
    if solution.verdict is not Verdict.OPTIMAL:
        raise InvariantError(f"schedule of {program.count} batteries: HiGHS ended with {solution.status!r}")
    x = solution.values[: program.cost.size].reshape(program.cost.shape)
    cost = float((program.cost * x).sum())
    source = "mixed-integer" if pairs.any() else "linear"
    return _Answer(x, cost - solution.gap * abs(cost), source, int(pairs.sum()))


def _overlaps(program: Relaxation, x: Series) -> Pairs:
    n = program.count
    return np.asarray(np.minimum(x[:n], x[n : 2 * n]) > OVERLAP * program.upper[:n])


def _netted(site: StorageSite, program: Relaxation, answer: _Answer) -> StorageSchedule | None:
    """``answer`` with charging and discharging netted at equal states of charge.

    ``None`` where that costs more than the bound allows, or passes a limit of the connection.
    """
    n = program.count
    low_kwh, bound = site.soc_low_kwh, answer.bound_cny
    soc = np.clip(answer.x[2 * n : 3 * n] + low_kwh, low_kwh, site.capacity_kwh[:, None])
    gained = np.diff(soc, axis=1, prepend=site.soc_kwh[:, None])
    power = np.maximum(gained, 0.0) / program.stored_kwh + np.minimum(gained, 0.0) / program.drawn_kwh
    power = np.clip(power, -site.power_max_kw[:, None], site.power_max_kw[:, None])
    grid = site.grid_kw(power)
    over = max(float(grid.max()) - site.import_limit_kw, float(-grid.min()) - site.export_limit_kw)
    cost = site.energy_cost_cny(grid)
    if over > LIMIT_TOLERANCE * site.reach_kw or cost - bound > COST_TOLERANCE * (1.0 + abs(bound)):
        return None
    return StorageSchedule(power, soc, grid, cost, min(bound, cost), answer.source, answer.exclusive)
