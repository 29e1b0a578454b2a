"""The merit-order plan: always ready within milliseconds, feasible by construction, no solver involved.

What nobody can avoid (``base``: running calls, promises already due) stands first. Resources that move energy in time
are used by one share each, cheapest first, up to the price at which the target's energy is covered. Curtailment and
blocks then fill each interval in turn, cheapest first; what is still missing is asked of the dearer movers, and of what
is left of energy budgets. Each takes what the nodes above it and the rebound cap have left when its turn comes; the cap
alone may be passed in the end. Attempts differ in what takes turns; the one that misses least is the plan.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from optimizer.aim import Aim
from optimizer.merit_kernels import fill, top_up, use_movers
from optimizer.problem import ProblemArrays
from optimizer.profiles import charging_profiles, cooling_profiles, storage_profiles
from vpp.domain.columns import Index
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

TINY_KW = 1e-9
LEAST_CREDIT = 0.05
ATTEMPTS = ((True, False), (True, True), (False, True))
"""Whether short calls take turns, and whether movers that come back least go before cheap ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Movers:
    """Resources that move energy: one share scales each.

    Attributes:
        index: Positions in the problem.
        delta_kw: Full use over the base, shape (n, H).
        price: CNY per counted kWh, shape (n,).
    """

    index: Index
    delta_kw: Series
    price: Series


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What is to be filled, and what it may be filled with; the same for all attempts.

    Attributes:
        base: What cannot be avoided, shape (N, H).
        delivery: What a kW of each resource counts, at the least of all intervals, shape (N,).
        price: CNY per counted kWh, shape (N,).
        need_kw: Counted response missing under ``base``, shape (T,); below 0 where it is more than enough.
        path: Nodes above each resource, its own first, -1 behind the root, shape (N, D).
    """

    arrays: ProblemArrays
    base: Series
    delivery: Series
    price: Series
    need_kw: Series
    path: Index


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What is left while an attempt is made; written to.

    Attributes:
        most_kw, least_kw: For more and for less response below each node, shape (M, H).
        recovery_kw: Under the rebound cap, shape (R,).
        need_kw: Shape (T,).
    """

    most_kw: Series
    least_kw: Series
    recovery_kw: Series
    need_kw: Series

    @classmethod
    def under(cls, ask: Ask, base_kw: Series) -> Self:
        """The room that the base leaves; ``base_kw`` is its sum below each node, shape (M, H)."""
        arrays, event = ask.arrays, ask.arrays.event_intervals
        return cls(
            np.maximum(arrays.node_most_kw - base_kw, 0.0),
            np.maximum(base_kw - arrays.node_least_kw, 0.0),
            np.maximum(arrays.columns.rebound_cap_kw + ask.base[:, event:].sum(axis=0), 0.0),
            ask.need_kw.copy(),
        )

    def missing_kw(self) -> float:
        """Counted response still missing, summed over the event."""
        return float(np.maximum(self.need_kw, 0.0).sum())


def base_response(arrays: ProblemArrays) -> Series:
    """What cannot be avoided: running calls at their minimum, promises and states of charge already due."""
    base, _ = _base_and_full(arrays)
    return base


def greedy_response(arrays: ProblemArrays, aim: Aim) -> Series:
    """A merit-order answer, shape (N, H); feasible wherever its base is."""
    columns, event = arrays.columns, arrays.event_intervals
    delivery = columns.delivery_mean * np.maximum(aim.credit.min(axis=0, initial=1.0), LEAST_CREDIT)[columns.class_of]
    aim_kw = np.zeros(event)
    np.maximum.at(aim_kw, aim.interval, aim.aim_kw)
    price = _unit_prices(arrays, delivery)
    base, full = _base_and_full(arrays)
    need_kw = aim_kw - delivery @ base[:, :event]
    ask = Ask(arrays, base, delivery, price, need_kw, _paths(arrays))
    movers, base_kw = _movers(ask, full), arrays.below @ base
    best, least = base, (np.inf, np.inf)
    for in_turns, sparing in ATTEMPTS:
        room = Room.under(ask, base_kw)
        found = _filled(ask, movers, room, in_turns=in_turns, sparing=sparing)
        left = room.missing_kw(), float(np.maximum(-found[:, event:].sum(axis=0) - columns.rebound_cap_kw, 0.0).sum())
        if left[0] < least[0] - TINY_KW or (left[0] <= least[0] + TINY_KW and left[1] < least[1] - TINY_KW):
            best, least = found, left
        if least[0] <= TINY_KW and (sparing or least[1] <= TINY_KW):
            break
    return best


def _base_and_full(arrays: ProblemArrays) -> tuple[Series, Series]:
    base, full = _profiles(arrays, refill_at_once=False)
    if _nodes_hold(arrays, base):
        return base, full
    other_base, other_full = _profiles(arrays, refill_at_once=True)
    return (other_base, other_full) if _nodes_hold(arrays, other_base) else (base, full)


def _nodes_hold(arrays: ProblemArrays, base: Series) -> bool:
    sums_kw = arrays.below @ base
    above = sums_kw <= arrays.node_most_kw + TINY_KW
    return bool((above & (sums_kw >= arrays.node_least_kw - TINY_KW)).all())


def _profiles(arrays: ProblemArrays, *, refill_at_once: bool) -> tuple[Series, Series]:
    event = arrays.event_intervals
    shape = (arrays.count, arrays.intervals)
    base, full = np.zeros(shape), np.zeros(shape)
    for kind, (kind_base, kind_full) in (
        (arrays.charging, charging_profiles(arrays.charging, event)),
        (arrays.cooling, cooling_profiles(arrays.cooling, event)),
        (arrays.storage, storage_profiles(arrays.storage, event, refill_at_once=refill_at_once)),
    ):
        base[kind.index], full[kind.index] = kind_base, kind_full
    block, curtailable = arrays.block, arrays.curtailable
    base[block.index, :event] = np.where(block.must_run, block.minimum_kw, 0.0)
    full[block.index] = np.maximum(block.response_bounds()[1], base[block.index])
    full[curtailable.index] = curtailable.response_bounds()[1]
    return base, full


def _unit_prices(arrays: ProblemArrays, delivery: Series) -> Series:
    price = np.zeros(arrays.count)
    event = arrays.event_intervals
    block, cooling = arrays.block, arrays.cooling
    price[arrays.curtailable.index] = arrays.curtailable.cost_1
    run = np.minimum(block.max_run, event)
    call_kwh = block.available_kw.mean(axis=1) * run * INTERVAL_H if event else np.ones(len(block.index))
    price[block.index] = block.cost + block.start_cost / np.maximum(call_kwh, TINY_KW)
    price[arrays.charging.index] = arrays.charging.cost
    lasting = cooling.discomfort * cooling.gain / np.maximum(1.0 - cooling.retention, 0.05)
    price[cooling.index] = cooling.cost + lasting
    price[arrays.storage.index] = arrays.storage.cost
    return price / delivery


def _paths(arrays: ProblemArrays) -> Index:
    parent, path = arrays.columns.nodes.parent, [arrays.columns.node_of]
    while (path[-1] >= 0).any():
        path.append(np.where(path[-1] >= 0, parent[path[-1]], -1))
    return np.ascontiguousarray(np.stack(path, axis=1))


def _movers(ask: Ask, full: Series) -> Movers:
    arrays = ask.arrays
    index = np.concatenate([arrays.charging.index, arrays.cooling.index, arrays.storage.index])
    delta_kw = full[index] - ask.base[index]
    useful = delta_kw[:, : arrays.event_intervals].sum(axis=1) > TINY_KW
    index = index[useful]
    return Movers(index, delta_kw[useful], ask.price[index])


def _filled(ask: Ask, movers: Movers, room: Room, *, in_turns: bool, sparing: bool) -> Series:
    """One attempt: ``sparing`` prefers movers that come back least, over cheap ones."""
    found = ask.base.copy()
    share = np.zeros(len(movers.index))
    order = np.argsort(_payback(ask, movers) if sparing else movers.price, kind="stable")
    cheap = order if sparing else order[movers.price[order] <= _cutoff(ask, movers)]
    _use(ask, movers, cheap, room, share)
    _fill_intervals(ask, room, found, in_turns=in_turns)
    if room.missing_kw() > TINY_KW:
        _use(ask, movers, order, room, share)
        room.recovery_kw[:] = np.inf
        _use(ask, movers, order, room, share)
    found[movers.index] += share[:, None] * movers.delta_kw
    return found


def _payback(ask: Ask, movers: Movers) -> Series:
    """Energy that comes back in recovery per counted kWh of response, shape (n,)."""
    event = ask.arrays.event_intervals
    counted = ask.delivery[movers.index] * movers.delta_kw[:, :event].sum(axis=1)
    return np.asarray(np.maximum(-movers.delta_kw[:, event:], 0.0).sum(axis=1) / counted)


def _use(ask: Ask, movers: Movers, order: Index, room: Room, share: Series) -> None:
    use_movers(
        order,
        movers.delta_kw,
        ask.path[movers.index],
        ask.delivery[movers.index],
        room.most_kw,
        room.least_kw,
        room.recovery_kw,
        room.need_kw,
        share,
    )


def _cutoff(ask: Ask, movers: Movers) -> float:
    """Price at which cheapest-first supply covers the needed energy; ``inf`` where it never does."""
    arrays = ask.arrays
    event, curtailable, block = arrays.event_intervals, arrays.curtailable, arrays.block
    reach = np.minimum(1.0, block.max_run * np.maximum(block.max_calls, 1) / event)
    segments_kw = (curtailable.segment_1_kw + curtailable.segment_2_kw).sum(axis=1)
    supplies = (
        (movers.price, ask.delivery[movers.index] * movers.delta_kw[:, :event].sum(axis=1)),
        (ask.price[block.index], ask.delivery[block.index] * block.available_kw.sum(axis=1) * reach),
        (ask.price[curtailable.index], ask.delivery[curtailable.index] * segments_kw),
    )
    price = np.concatenate([entry[0] for entry in supplies])
    order = np.argsort(price, kind="stable")
    covered = np.cumsum(np.concatenate([entry[1] for entry in supplies])[order])
    at = int(np.searchsorted(covered, float(np.maximum(ask.need_kw, 0.0).sum())))
    return float(price[order][at]) if at < len(order) else np.inf


def _fill_intervals(ask: Ask, room: Room, found: Series, *, in_turns: bool) -> None:
    """Blocks and curtailment, cheapest first in each interval; writes into ``found``."""
    block, curtailable, event = ask.arrays.block, ask.arrays.curtailable, ask.arrays.event_intervals
    segments_kw, segment_price = _segments(ask)
    block_kw, taken_kw = found[block.index, :event], np.zeros_like(segments_kw)
    rows, blocks = curtailable.index, block.index
    order = np.argsort(np.concatenate([ask.price[blocks], segment_price]), kind="stable")
    fill(
        order,
        block.available_kw,
        block.minimum_kw,
        np.stack([block.min_run, block.max_run, block.max_calls, block.min_rest, block.running], axis=1),
        _earliest(ask, in_turns=in_turns),
        ask.path[blocks],
        ask.delivery[blocks],
        segments_kw,
        ask.path[np.tile(rows, 2)],
        ask.delivery[np.tile(rows, 2)],
        room.most_kw,
        room.need_kw,
        block_kw,
        taken_kw,
    )
    curtailed_kw = taken_kw[: len(rows)] + taken_kw[len(rows) :]
    if room.missing_kw() > TINY_KW:
        spare_kw = curtailable.segment_1_kw + curtailable.segment_2_kw - curtailed_kw
        left_kwh = curtailable.energy_max_kwh - curtailed_kw.sum(axis=1) * INTERVAL_H
        cheapest = np.argsort(ask.price[rows], kind="stable")
        top_up(
            cheapest,
            spare_kw,
            left_kwh,
            ask.path[rows],
            ask.delivery[rows],
            room.most_kw,
            room.need_kw,
            curtailed_kw,
            INTERVAL_H,
        )
    found[blocks, :event], found[rows, :event] = block_kw, curtailed_kw


def _earliest(ask: Ask, *, in_turns: bool) -> Index:
    """First interval of each block's calls: calls that together are shorter than the event take turns by rank."""
    block, event = ask.arrays.block, ask.arrays.event_intervals
    lasts = np.maximum(block.max_run * np.maximum(block.max_calls, 1), 1)
    turn = np.arange(len(block.index)) % np.maximum(-(-event // lasts), 1)
    return np.asarray(np.minimum(turn * lasts, np.maximum(event - block.min_run, 0)) if in_turns else 0 * turn)


def _segments(ask: Ask) -> tuple[Series, Series]:
    """Both segments one below the other, cut evenly to the energy budget, and their prices per counted kWh."""
    kind = ask.arrays.curtailable
    first_kwh, second_kwh = kind.segment_1_kw.sum(axis=1) * INTERVAL_H, kind.segment_2_kw.sum(axis=1) * INTERVAL_H
    first = np.minimum(1.0, kind.energy_max_kwh / np.maximum(first_kwh, TINY_KW))
    left_kwh = np.maximum(kind.energy_max_kwh - first * first_kwh, 0.0)
    second = np.minimum(1.0, left_kwh / np.maximum(second_kwh, TINY_KW))
    rows = (first[:, None] * kind.segment_1_kw, second[:, None] * kind.segment_2_kw)
    delivery = ask.delivery[kind.index]
    return np.concatenate(rows), np.concatenate([kind.cost_1 / delivery, kind.cost_2 / delivery])
