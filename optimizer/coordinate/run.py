"""Price coordination from end to end: prices, mixture, calls, responses.

Dantzig-Wolfe decomposition over blocks of resources, with exact answers of every kind and a small master problem. The
bound is the Lagrangian one, from those same answers: true whatever the mixture is.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from optimizer.aim import Aim, Delivered, aim_after, certain, delivered
from optimizer.coordinate.ascent import climbed
from optimizer.coordinate.layout import Layout, layout_of
from optimizer.coordinate.master import Asked, Duals, Master
from optimizer.coordinate.rounds import Effort, Rounds, answer_of, mixed
from optimizer.coordinate.sample import SampledFleet
from optimizer.coordinate.settle import fixed_part, settled_calls
from optimizer.cost import energy_worth, response_costs, starts
from optimizer.extract import cleaned, within_capacity
from optimizer.found import Found
from optimizer.penalty import shortfall_price
from optimizer.problem import ProblemArrays
from optimizer.respond.shard import Answer, FleetShard, Part, PriceTables, parts_of
from optimizer.solve import Verdict
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
WARM = Effort(rounds=10, gap=2e-3)
AGAIN = Effort(rounds=6, gap=1e-3)
FINISH = Effort(rounds=3, gap=1e-3)
CREDIT_TURNS = 3
FINISHING_TURNS = 4
NOTHING_KW = 1e-3
GENEROUS = 2e-3
"""Surplus over the target, as a share, that is not worth another turn."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    arrays: ProblemArrays
    layout: Layout
    parts: dict[str, Part]
    shard: FleetShard
    known_kw: Series
    deadline: float | None
    threads: int

    def out_of_time(self) -> bool:
        return self.deadline is not None and time.perf_counter() >= self.deadline

    def asked(self, aim: Aim, node_margin_kw: Series | None = None) -> Asked:
        columns = self.arrays.columns
        margin_kw = np.zeros(len(self.layout.least_kw)) if node_margin_kw is None else node_margin_kw
        return Asked(
            aim.aim_kw,
            aim.credit,
            shortfall_price(self.arrays) * INTERVAL_H,
            columns.rebound_cap_kw,
            columns.rebound_cny_per_kwh * INTERVAL_H,
            energy_worth(self.arrays),
            margin_kw,
        )

    def sample(self, size: int) -> SampledFleet:
        """A sample of about ``size`` resources that stands for all."""
        layout = self.layout
        weight = np.zeros(self.arrays.count)
        for kind in self.arrays.kinds:
            weight[kind.index] = np.maximum(kind.response_bounds()[1][:, : layout.event], 0.0).sum(axis=1)
        return SampledFleet(list(self.parts.values()), layout, weight, size, threads=self.threads)

    def shard_of(self, parts: dict[str, Part]) -> FleetShard:
        layout = self.layout
        return FleetShard(
            list(parts.values()),
            slots=layout.slots,
            event=layout.event,
            intervals=layout.intervals,
            threads=self.threads,
        )


def coordinated(
    arrays: ProblemArrays,
    aim: Aim,
    known_kw: Series,
    *,
    deadline: float | None = None,
    warm: Duals | None = None,
    threads: int = 2,
) -> Found:
    """A plan near the cheapest, with the bound that says how near.

    Args:
        arrays: A checked problem.
        aim: Linear terms of the target at a guess of the plan.
        known_kw: A feasible plan to begin with, shape (N, H).
        deadline: ``time.perf_counter()`` value to be back by; ``None`` for work limits alone.
        warm: Prices of an earlier plan over the same rows.
        threads: That answer prices, where the fleet is large enough.
    """
    layout = layout_of(arrays)
    parts = parts_of(arrays, layout.group_of, layout.slot_of)
    used = threads if arrays.count >= THREADED_FROM else 1
    shard = FleetShard(
        list(parts.values()), slots=layout.slots, event=layout.event, intervals=layout.intervals, threads=used
    )
    work = _Work(arrays, layout, parts, shard, known_kw, deadline, used)
    rounds, aim = _relaxed(work, aim, warm)
    bound = rounds.bound - float(rounds.center.target @ aim.margin_kw)
    final, shard = rounds, work.shard
    if len(arrays.block.index):
        final, shard = _settled(work, rounds)
    final, response_kw = _finished(work, final, shard, aim)
    duals = final.mixture.duals if final.mixture is not None else rounds.center
    return Found(
        response_kw,
        "coordinated",
        f"{len(rounds.columns)} rounds of prices",
        Verdict.STOPPED if work.out_of_time() else Verdict.OPTIMAL,
        bound,
        (duals.target, duals.rebound, duals.nodes),
        layout.node_of_row,
        layout.interval_of_row,
    )


def _relaxed(work: _Work, aim: Aim, warm: Duals | None) -> tuple[Rounds, Aim]:
    """The best mixture, blocks divisible, once the aim agrees with what the mixture delivers."""
    columns = work.arrays.columns
    master = Master(work.layout, work.asked(aim))
    start, effort, tables = _prices_to_begin_with(work, master, warm)
    rounds = Rounds(master, start)
    known = answer_of(
        work.layout,
        work.known_kw,
        response_costs(work.arrays, work.known_kw),
        columns.delivery_mean,
        columns.delivery_sd,
    )
    rounds.take_in(known, None)
    for prices in tables:
        rounds.take_in(work.shard.respond(prices), prices)
    rounds.run(work.shard, start, effort, work.out_of_time)
    for _ in range(0 if certain(columns) else CREDIT_TURNS):
        if work.out_of_time():
            break
        aim = aim_after(columns, _delivered(work.layout, mixed(rounds.columns, rounds.weights(), work.layout), columns))
        rounds = _again(rounds, Master(work.layout, work.asked(aim)))
        rounds.run(work.shard, rounds.center, AGAIN, work.out_of_time)
    return rounds, aim


def _prices_to_begin_with(work: _Work, master: Master, warm: Duals | None) -> tuple[Duals, Effort, list[PriceTables]]:
    """Prices, how far to go from them, and prices around them whose answers are worth having from the start."""
    if warm is not None:
        return warm, WARM, _perturbed(master, warm)
    start = _climbed(work, master)
    if work.arrays.count < SUBFLEET_FROM:
        return start, FIRST, _perturbed(master, start)
    # A large fleet's prices are those of a part of it, but for a little: most rounds are played with that part alone.
    part = work.sample(SUBFLEET)
    few = Rounds(Master(work.layout, master.asked), start)
    for tables in _perturbed(master, start):
        few.take_in(part.respond(tables), tables)
    few.run(part, start, FIRST, work.out_of_time)
    recent = [column.tables for column in few.columns[-RECENT:] if column.tables is not None]
    return few.center, LARGE, recent


def _delivered(layout: Layout, answer: Answer, columns: object) -> Delivered:
    classes = int(layout.class_of_slot.max(initial=0)) + 1
    class_kw = np.zeros((max(classes, len(columns.class_sd)), layout.event))  # type: ignore[attr-defined]
    np.add.at(class_kw, layout.class_of_slot, answer.mean_kw)
    return Delivered(class_kw, answer.variance_kw2.sum(axis=0))


def _again(rounds: Rounds, master: Master) -> Rounds:
    """The same answers under another aim; its bound has to be found anew."""
    fresh = Rounds(master, rounds.center)
    for column in rounds.columns:
        blocks = np.zeros(master.layout.blocks, dtype=np.bool_)
        blocks[column.blocks] = True
        fresh.take_in(column.answer, column.tables, blocks)
    return fresh


def _climbed(work: _Work, master: Master) -> Duals:
    layout = work.layout
    nothing = Duals(
        np.full(layout.event, _typical_price(work.arrays)),
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


def _settled(work: _Work, rounds: Rounds) -> tuple[Rounds, FleetShard]:
    """Calls settled, and everything else mixed anew around them."""
    arrays, layout, part = work.arrays, work.layout, work.parts["block"]
    weights = rounds.weights()
    chosen_kw = settled_calls(work.shard, part, layout, rounds.columns, weights, work.known_kw)
    fixed = fixed_part(part, arrays.block, chosen_kw, starts)
    shard = work.shard_of({**work.parts, "block": fixed})
    slots = layout.kind_of_slot == BLOCK_KIND
    of_blocks = np.zeros(layout.blocks, dtype=np.bool_)
    of_blocks[layout.block_of_slot[slots]] = True
    master = Master(layout, rounds.master.asked)
    fresh = Rounds(master, rounds.center)
    for column, weight in zip(rounds.columns, weights, strict=True):
        fresh.take_in(column.answer, column.tables, ~of_blocks)
        if column.tables is not None and (weight[of_blocks] > 0.0).any():
            fresh.take_in(shard.respond(column.tables, slots), column.tables, of_blocks)
    fresh.take_in(shard.respond(master.tables(rounds.center), slots), master.tables(rounds.center), of_blocks)
    assert rounds.mixture is not None
    fresh.run(shard, master.clipped(rounds.mixture.duals), AGAIN, work.out_of_time)
    return fresh, shard


def _finished(work: _Work, rounds: Rounds, shard: FleetShard, aim: Aim) -> tuple[Rounds, Series]:
    """The responses, mixed anew where what they really deliver or do to nodes differs from the mixture's figures."""
    columns, layout = work.arrays.columns, work.layout
    margin_kw, raised_kw = np.zeros(len(layout.least_kw)), np.zeros(layout.event)
    response_kw = _responses(work, rounds, shard)
    for _ in range(FINISHING_TURNS):
        plan = delivered(columns, response_kw)
        off_kw = columns.target_kw - plan.covered_kw(columns)
        reachable = rounds.mixture is not None and rounds.mixture.missing_kw <= NOTHING_KW
        off_kw = np.where(reachable, off_kw, 0.0)
        excess_kw = _node_excess(work, response_kw)
        generous_kw = GENEROUS * columns.target_kw + NOTHING_KW
        if (
            (off_kw <= NOTHING_KW).all()
            and (excess_kw <= NOTHING_KW).all()
            and (certain(columns) or (off_kw >= -generous_kw).all())
        ):
            break
        if work.out_of_time():
            break
        raised_kw = np.maximum(raised_kw + np.maximum(off_kw, 0.0), 0.0)
        margin_kw = margin_kw + np.where(excess_kw > 0.0, 2.0 * excess_kw + NOTHING_KW, 0.0)
        aim = aim_after(columns, plan)
        aim = replace(aim, aim_kw=aim.aim_kw + raised_kw)
        rounds = _again(rounds, Master(layout, work.asked(aim, margin_kw)))
        rounds.run(shard, rounds.center, FINISH, work.out_of_time)
        response_kw = _responses(work, rounds, shard)
    return rounds, response_kw


def _node_excess(work: _Work, response_kw: Series) -> Series:
    """By how much each node row is passed, shape (D,)."""
    layout = work.layout
    sums_kw = (work.arrays.below @ response_kw)[layout.node_of_row, layout.interval_of_row]
    return np.maximum(np.maximum(sums_kw - layout.most_kw, layout.least_kw - sums_kw), 0.0)


def _responses(work: _Work, rounds: Rounds, shard: FleetShard) -> Series:
    response_kw = np.zeros((work.arrays.count, work.arrays.intervals))
    layout = work.layout
    known = layout.slot_of >= 0
    for column, weight in zip(rounds.columns, rounds.weights(), strict=True):
        by_slot = weight[layout.block_of_slot]
        if not (by_slot > 0.0).any():
            continue
        if column.tables is None:
            response_kw[known] += by_slot[layout.slot_of[known], None] * work.known_kw[known]
        else:
            shard.mix(column.tables, by_slot, response_kw)
    return cleaned(work.arrays, within_capacity(work.arrays, response_kw))
