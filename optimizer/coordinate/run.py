"""Price coordination from end to end: prices, mixture, calls, responses.

Dantzig-Wolfe decomposition over blocks of resources, with exact answers of every kind and a small master problem. The
bound is the Lagrangian one, from those same answers: true whatever the mixture is.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from optimizer.aim import Aim, Delivered, certain, tangents
from optimizer.coordinate.ascent import climbed
from optimizer.coordinate.layout import Layout, layout_of
from optimizer.coordinate.master import Asked, Duals, Master
from optimizer.coordinate.rounds import Effort, Rounds
from optimizer.coordinate.sample import SampledFleet
from optimizer.coordinate.warm import warm_prices
from optimizer.cost import energy_worth
from optimizer.found import Found
from optimizer.penalty import shortfall_price
from optimizer.problem import ProblemArrays
from optimizer.respond.answer import Answer, PriceTables
from optimizer.respond.parts import Places
from optimizer.shards.fleet import Fleet, FleetOf, local_fleet
from optimizer.shards.holding import Holding
from optimizer.shards.settle import Mixing, Weighted
from optimizer.solve import Verdict
from vpp.domain.columns import Flags
from vpp.domain.dispatch import DispatchPlan
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

BLOCK_KIND = 1
SAMPLE = 1500
SUBFLEET = 8000
SUBFLEET_FROM = 30_000
RECENT = 6
THREADED_FROM = 3000
PERTURBED = 4
PERTURBATION = 0.05
SEED = 20260720
FIRST = Effort(rounds=24, gap=1e-3)
LARGE = Effort(rounds=12, gap=2e-3)
WARM = Effort(rounds=10, gap=2e-3, enough=4e-3, after=5)
AGAIN = Effort(rounds=20, gap=1e-3, enough=3e-3, after=4)
FINISH = Effort(rounds=3, gap=1e-3)
FINISHING_TURNS = 4
NOTHING_KW = 1e-3
COVERED_SHARE = 1e-5
"""Of the target: what rounds leave uncovered is mended when they end."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    arrays: ProblemArrays
    layout: Layout
    fleet: Fleet
    deadline: float | None

    def out_of_time(self) -> bool:
        return self.deadline is not None and time.perf_counter() >= self.deadline

    def asked(self, aim: Aim, node_margin_kw: Series | None = None) -> Asked:
        columns = self.arrays.columns
        margin_kw = np.zeros(len(self.layout.least_kw)) if node_margin_kw is None else node_margin_kw
        return Asked(
            aim,
            shortfall_price(self.arrays) * INTERVAL_H,
            columns.rebound_cap_kw,
            columns.rebound_cny_per_kwh * INTERVAL_H,
            energy_worth(self.arrays),
            margin_kw,
        )

    def cover(self, plan: Delivered, missing_kw: Series) -> Aim | None:
        """Rows of the target that a plan with these sums falls short of, but for what is known to be missing."""
        columns = self.arrays.columns
        if certain(columns):
            return None
        enough_kw = columns.target_kw * (1.0 - COVERED_SHARE) - missing_kw - NOTHING_KW
        at = np.flatnonzero(plan.covered_kw(columns) < enough_kw)
        return tangents(columns, plan, at) if at.size else None

    def rounds(self, asked: Asked, center: Duals) -> Rounds:
        """Rounds that have yet to begin."""
        return Rounds(Master(self.layout, asked), self.cover, center)

    def sample(self, size: int) -> SampledFleet:
        """A sample of about ``size`` resources that stands for all."""
        return SampledFleet(self.fleet, self.layout, size)


def coordinated(  # noqa: PLR0913 - what is asked, and how it may be answered
    arrays: ProblemArrays,
    aim: Aim,
    known_kw: Series,
    *,
    deadline: float | None = None,
    previous: DispatchPlan | None = None,
    threads: int = 2,
    fleet_of: FleetOf | None = None,
) -> Found:
    """A plan near the cheapest, with the bound that says how near.

    Args:
        arrays: A checked problem.
        aim: Linear terms of the target at a guess of the plan.
        known_kw: A feasible plan to begin with, shape (N, H).
        deadline: ``time.perf_counter()`` value to be back by; ``None`` for work limits alone.
        previous: An earlier plan, whose prices are begun with.
        threads: That answer prices, where the fleet is large enough.
        fleet_of: Puts the resources into shards; by default into one, in this process.
    """
    layout = layout_of(arrays)
    columns = arrays.columns
    places = Places(columns.delivery_mean, columns.delivery_sd, layout.class_of, layout.group_of, layout.slot_of)
    holding = Holding.of(arrays, places, known_kw, slots=layout.slots, groups=layout.groups)
    used = threads if arrays.count >= THREADED_FROM else 1
    fleet = local_fleet(holding, threads=used) if fleet_of is None else fleet_of(holding)
    work = _Work(arrays, layout, fleet, deadline)
    rounds = _relaxed(work, aim, warm_prices(layout, columns.nodes.ids, previous))
    final = _settled(work, rounds) if len(arrays.block.index) else rounds
    final = _finished(work, final)
    duals = final.mixed.duals
    target = np.zeros(layout.event)
    np.add.at(target, final.master.aim.interval[: len(duals.target)], duals.target)
    return Found(
        fleet.responses(arrays.count),
        "coordinated",
        f"{len(rounds.columns)} rounds of prices",
        Verdict.STOPPED if work.out_of_time() else Verdict.OPTIMAL,
        _true_bound(work, rounds),
        (target, duals.rebound, duals.nodes),
        layout.node_of_row,
        layout.interval_of_row,
    )


def _true_bound(work: _Work, rounds: Rounds) -> float:
    """The bound without the margins for own spreads, which another plan may not need."""
    columns, aim, target = work.arrays.columns, rounds.master.aim, rounds.center.target
    margin_kw = (aim.aim_kw - columns.target_kw[aim.interval])[: len(target)]
    return rounds.bound - float(target @ np.maximum(margin_kw, 0.0))


def _relaxed(work: _Work, aim: Aim, warm: Duals | None) -> Rounds:
    """The best mixture, blocks divisible."""
    master = Master(work.layout, work.asked(aim))
    start, effort, tables = _prices_to_begin_with(work, master, warm)
    rounds = Rounds(master, work.cover, start)
    rounds.take_in(work.fleet.known(), None)
    for prices in tables:
        rounds.take_in(work.fleet.respond(prices), prices)
    rounds.run(work.fleet, start, effort, work.out_of_time)
    return rounds


def _prices_to_begin_with(work: _Work, master: Master, warm: Duals | None) -> tuple[Duals, Effort, list[PriceTables]]:
    """Prices, how far to go from them, and prices around them whose answers are worth having from the start."""
    if warm is not None:
        return warm, WARM, _perturbed(master, warm)
    start = _climbed(work, master)
    if work.arrays.count < SUBFLEET_FROM:
        return start, FIRST, _perturbed(master, start)
    # A large fleet's prices are those of a part of it, but for a little: most rounds are played with that part alone.
    part = work.sample(SUBFLEET)
    few = work.rounds(master.asked, start)
    for tables in _perturbed(master, start):
        few.take_in(part.respond(tables), tables)
    few.run(part, start, FIRST, work.out_of_time)
    recent = [column.tables for column in few.columns[-RECENT:] if column.tables is not None]
    return Duals(few.center.target[: len(master.aim.interval)], few.center.rebound, few.center.nodes), LARGE, recent


def _delivered(layout: Layout, answer: Answer) -> Delivered:
    return Delivered(layout.class_sums_kw(answer.mean_kw), answer.variance_kw2.sum(axis=0))


def _again(work: _Work, rounds: Rounds, asked: Asked) -> Rounds:
    """The same answers under another aim; its bound has to be found anew."""
    fresh = work.rounds(asked, rounds.center)
    for column in rounds.columns:
        blocks = np.zeros(work.layout.blocks, dtype=np.bool_)
        blocks[column.blocks] = True
        fresh.take_in(column.answer, column.tables, blocks)
    return fresh


def _climbed(work: _Work, master: Master) -> Duals:
    layout = work.layout
    nothing = Duals(
        np.full(len(master.aim.interval), _typical_price(work.arrays) * layout.event / len(master.aim.interval)),
        np.zeros(layout.intervals - layout.event),
        np.zeros(len(layout.least_kw)),
    )
    return climbed(work.sample(SAMPLE).respond, master, nothing, work.out_of_time)


def _typical_price(arrays: ProblemArrays) -> float:
    """What a kW costs a resource in the middle of the field, CNY per interval; 0 without resources."""
    costs = np.concatenate(
        [
            arrays.curtailable.cost_1,
            arrays.block.cost,
            arrays.charging.cost,
            arrays.cooling.cost,
            arrays.storage.cost,
        ]
    )
    return float(np.median(costs)) * INTERVAL_H if costs.size else 0.0


def _perturbed(master: Master, start: Duals) -> list[PriceTables]:
    rng = np.random.default_rng(SEED)
    tables = master.tables(start)
    scale = PERTURBATION * max(float(np.abs(tables.class_price).max(initial=0.0)), 1e-6)

    def shaken(prices: Series) -> Series:
        return np.asarray(prices + scale * rng.standard_normal(prices.shape))

    return [PriceTables(shaken(tables.class_price), shaken(tables.group_price)) for _ in range(PERTURBED)]


def _settled(work: _Work, rounds: Rounds) -> Rounds:
    """Calls settled, and everything else mixed anew around them."""
    layout, fleet = work.layout, work.fleet
    slots = layout.kind_of_slot == BLOCK_KIND
    fleet.settle(_mixing(layout, rounds, slots))
    of_blocks = np.zeros(layout.blocks, dtype=np.bool_)
    of_blocks[layout.block_of_slot[slots]] = True
    fresh = work.rounds(replace(rounds.master.asked, aim=rounds.master.aim), rounds.center)
    master = fresh.master
    for column, weight in zip(rounds.columns, rounds.weights(), strict=True):
        fresh.take_in(column.answer, column.tables, ~of_blocks)
        if column.tables is not None and (weight[of_blocks] > 0.0).any():
            fresh.take_in(fleet.respond(column.tables, slots), column.tables, of_blocks)
    tables = master.tables(rounds.center)
    fresh.take_in(fleet.respond(tables, slots), tables, of_blocks)
    fresh.run(fleet, master.clipped(rounds.mixed.duals), AGAIN, work.out_of_time)
    return fresh


def _finished(work: _Work, rounds: Rounds) -> Rounds:
    """Responses formed, and mixed anew where what they really deliver or do to nodes differs from the mixture's."""
    columns, layout, fleet = work.arrays.columns, work.layout, work.fleet
    margin_kw, raised_kw = np.zeros(len(layout.least_kw)), np.zeros(layout.event)
    sums = fleet.finish(_mixing(layout, rounds))
    for _ in range(FINISHING_TURNS):
        plan = _delivered(layout, sums)
        missing_kw = np.zeros(layout.event) if rounds.mixture is None else rounds.mixture.missing_kw
        off_kw = np.where(missing_kw <= NOTHING_KW, columns.target_kw - plan.covered_kw(columns), 0.0)
        excess_kw = _node_excess(layout, sums)
        if work.out_of_time() or ((off_kw <= NOTHING_KW).all() and (excess_kw <= NOTHING_KW).all()):
            break
        at = np.flatnonzero(off_kw > NOTHING_KW)
        # What batteries lose by being fuller than the mixture says comes on top of every row of its interval.
        raised_kw[at] += off_kw[at]
        margin_kw = margin_kw + np.where(excess_kw > 0.0, 2.0 * excess_kw + NOTHING_KW, 0.0)
        aim = rounds.master.aim
        if certain(columns):
            aim = replace(aim, aim_kw=columns.target_kw[aim.interval] + raised_kw[aim.interval])
        else:
            aim = aim.joined(tangents(columns, plan, at, raised_kw[at]))
        rounds = _again(work, rounds, work.asked(aim, margin_kw))
        rounds.run(fleet, rounds.center, FINISH, work.out_of_time)
        sums = fleet.finish(_mixing(layout, rounds))
    return rounds


def _node_excess(layout: Layout, sums: Answer) -> Series:
    """By how much each node row is passed, shape (D,)."""
    sums_kw = layout.node_sums_kw(sums.full_kw)
    return np.maximum(np.maximum(sums_kw - layout.most_kw, layout.least_kw - sums_kw), 0.0)


def _mixing(layout: Layout, rounds: Rounds, slots: Flags | None = None) -> Mixing:
    """The mixture that the rounds ended with, as shards are told of it; of ``slots``, shape (S,), alone."""
    found = []
    for column, weight in zip(rounds.columns, rounds.weights(), strict=True):
        by_slot = weight[layout.block_of_slot]
        if slots is not None:
            by_slot = np.where(slots, by_slot, 0.0)
        if (by_slot > 0.0).any():
            found.append(Weighted(column.tables, by_slot))
    return tuple(found)
