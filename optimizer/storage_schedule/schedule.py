"""Schedules the batteries of a site: first without the rule against charging and discharging at once, then with it.

With prices above zero, doing both only wastes energy that has to be bought: netting the two leaves the state of charge
as it is and never costs more. Where it would (prices below zero, a connection that cannot take more), and only there,
batteries and intervals get on/off columns, until no schedule breaks the rule: its cost is then the optimum with the rule
everywhere.
"""

from dataclasses import dataclass

import numpy as np

from optimizer.solve import Verdict
from optimizer.storage_schedule.exclusive import solved_exactly
from optimizer.storage_schedule.interior import solved
from optimizer.storage_schedule.relaxation import Relaxation
from optimizer.storage_schedule.site import StorageSite, check_site
from vpp.domain.dispatch import Infeasible
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series

OVERLAP = 1e-6
COST_TOLERANCE = 1e-7
LIMIT_TOLERANCE_KW = 1e-6


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
        exclusive: Batteries and intervals that needed an on/off column.
    """

    power_kw: Series
    soc_kwh: Series
    grid_kw: Series
    cost_cny: float
    bound_cny: float
    source: str
    exclusive: int = 0


def schedule_storages(site: StorageSite) -> StorageSchedule | Infeasible:
    """The schedule with the cheapest energy, or why there is none.

    Raises:
        InputError: a figure of ``site`` is malformed.
        InvariantError: the solver ended in a way that it should not.
    """
    check_site(site)
    program = Relaxation.of(site)
    relaxed = solved(program)
    pairs = np.zeros(site.shape, dtype=np.bool_)
    if relaxed is not None:
        found = _netted(site, program, relaxed.x, relaxed.bound_cny, "interior")
        if found is not None:
            return found
        pairs = _overlaps(program, relaxed.x)
    while True:
        answer = solved_exactly(program, pairs)
        if answer.verdict is Verdict.INFEASIBLE:
            return Infeasible("no schedule keeps the batteries' states of charge and the connection's limits", ())
        if answer.verdict is not Verdict.OPTIMAL:
            raise InvariantError(f"schedule of {site.shape[0]} batteries: HiGHS ended with {answer.status!r}")
        x = answer.values[: program.cost.size].reshape(program.cost.shape)
        bound = float((program.cost * x).sum())
        more = _overlaps(program, x) & ~pairs
        found = _netted(site, program, x, bound, "mixed-integer" if pairs.any() else "linear", int(pairs.sum()))
        if found is not None:
            return found
        if not more.any():
            raise InvariantError(f"schedule of {site.shape[0]} batteries breaks a limit though HiGHS calls it optimal")
        pairs |= more


def _overlaps(program: Relaxation, x: Series) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    n = program.count
    return np.asarray(np.minimum(x[:n], x[n : 2 * n]) > OVERLAP * program.upper[:n])


def _netted(
    site: StorageSite, program: Relaxation, x: Series, bound_cny: float, source: str, exclusive: int = 0
) -> StorageSchedule | None:
    """``x`` with charging and discharging netted at equal states of charge; ``None`` where that costs or breaks a limit."""
    n = program.count
    soc = np.clip(x[2 * n : 3 * n] + site.soc_low_kwh, site.soc_low_kwh, site.capacity_kwh[:, None])
    gained = np.diff(soc, axis=1, prepend=site.soc_kwh[:, None])
    power = np.maximum(gained, 0.0) / program.stored_kwh + np.minimum(gained, 0.0) / program.drawn_kwh
    power = np.clip(power, -site.power_max_kw[:, None], site.power_max_kw[:, None])
    grid = site.grid_kw(power)
    over = max(float(grid.max()) - site.import_limit_kw, float(-grid.min()) - site.export_limit_kw)
    cost = site.energy_cost_cny(grid)
    if over > LIMIT_TOLERANCE_KW * site.reach_kw or cost - bound_cny > COST_TOLERANCE * (1.0 + abs(bound_cny)):
        return None
    return StorageSchedule(power, soc, grid, cost, min(bound_cny, cost), source, exclusive)
