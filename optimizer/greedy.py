"""The merit-order plan: always ready within milliseconds, feasible by construction, no solver involved.

Three steps. What nobody can avoid (``base``: running calls, promises already due) stands first. Resources that move
energy in time are used by one share each, cheapest first, up to the price at which the target's energy is covered.
Curtailment and blocks then fill each interval in turn, cheapest first; what is still missing is asked of the dearer
movers. Before all that, every node admits the cheapest resources whose full use respects its limits; since response
and payback are counted apart there, any smaller use respects them too.
"""

from dataclasses import dataclass

import numpy as np

from optimizer.aim import Aim
from optimizer.calls import CallState
from optimizer.problem import ProblemArrays
from optimizer.profiles import charging_profiles, cooling_profiles, storage_profiles
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

TINY_KW = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Movers:
    """Resources that move energy: one share scales each.

    Attributes:
        index: Positions in the problem, cheapest first.
        delta_kw: Full use over the base, shape (n, H).
        price: CNY per expected kWh, rising.
    """

    index: Index
    delta_kw: Series
    price: Series


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What is to be filled, and how far.

    Attributes:
        allowed: Share of each resource that the nodes admit, shape (N,).
        delivery: What a kW of each resource counts, at the least of all intervals, shape (N,).
        price: CNY per counted kWh, shape (N,).
        aim_kw: Counted response to reach, shape (T,).
        in_turns: Whether short calls are spread over the event.
    """

    arrays: ProblemArrays
    allowed: Series
    delivery: Series
    price: Series
    aim_kw: Series
    in_turns: bool

    def need_kw(self, found: Series) -> Series:
        """Counted response still missing under ``found``, shape (T,)."""
        counted_kw = self.delivery @ found[:, : self.arrays.event_intervals]
        return np.asarray(np.maximum(self.aim_kw - counted_kw, 0.0))


def admitted(use_kw: Series, cap_kw: Series, indivisible: Flags) -> Series:
    """Share of each row that fits under ``cap_kw`` when rows are taken in order, shape (n,).

    Args:
        use_kw: What each row would use, >= 0, shape (n, W).
        cap_kw: Room per column, >= 0, shape (W,).
        indivisible: Rows that fit whole or not at all, shape (n,).
    """
    before_kw = np.cumsum(use_kw, axis=0) - use_kw
    room_kw = np.maximum(cap_kw[None, :] - before_kw, 0.0)
    shares = np.where(use_kw > TINY_KW, room_kw / np.maximum(use_kw, TINY_KW), np.inf)
    share = np.minimum(shares.min(axis=1, initial=1.0), 1.0)
    return np.asarray(np.where(indivisible, np.floor(share + TINY_KW), share))


def base_response(arrays: ProblemArrays) -> Series:
    """What cannot be avoided: running calls at their minimum, promises and states of charge already due."""
    base, _ = _base_and_full(arrays)
    return base


def greedy_response(arrays: ProblemArrays, aim: Aim) -> Series:
    """A merit-order answer, shape (N, H); feasible wherever its base is."""
    columns = arrays.columns
    delivery = columns.delivery_mean * aim.credit.min(axis=1, initial=1.0)[columns.class_of]
    price = _unit_prices(arrays, delivery)
    base, full = _base_and_full(arrays)
    allowed = _admission(arrays, price, base, full)
    movers = _movers(arrays, price, base, full, allowed)
    best, least_missing = base, np.inf
    for in_turns in (True, False):
        ask = Ask(arrays, allowed, delivery, price, aim.aim_kw, in_turns)
        found = _filled(ask, base, movers)
        missing = float(ask.need_kw(found).sum())
        if missing < least_missing - TINY_KW:
            best, least_missing = found, missing
        if missing <= TINY_KW:
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


def _admission(arrays: ProblemArrays, price: Series, base: Series, full: Series) -> Series:
    share = np.ones(arrays.count)
    indivisible = np.zeros(len(share), dtype=np.bool_)
    indivisible[arrays.block.index] = True
    more_kw, less_kw = np.maximum(full - base, 0.0), np.maximum(base - full, 0.0)
    base_kw = arrays.below @ base
    for use_kw, cap_kw in ((more_kw, arrays.node_most_kw - base_kw), (less_kw, base_kw - arrays.node_least_kw)):
        passed = ((arrays.below @ use_kw) > cap_kw).any(axis=1)
        for m in arrays.levels[passed[arrays.levels]].tolist():
            members = arrays.members(m)
            order = members[np.argsort(price[members], kind="stable")]
            asked_kw = use_kw[order] * share[order, None]
            share[order] *= admitted(asked_kw, np.maximum(cap_kw[m], 0.0), indivisible[order])
    return share


def _movers(arrays: ProblemArrays, price: Series, base: Series, full: Series, allowed: Series) -> Movers:
    index = np.concatenate([arrays.charging.index, arrays.cooling.index, arrays.storage.index])
    delta_kw = (full[index] - base[index]) * allowed[index, None]
    useful = delta_kw[:, : arrays.event_intervals].sum(axis=1) > TINY_KW
    index, delta_kw = index[useful], delta_kw[useful]
    order = np.argsort(price[index], kind="stable")
    return Movers(index[order], delta_kw[order], price[index][order])


def _filled(ask: Ask, base: Series, movers: Movers) -> Series:
    event = ask.arrays.event_intervals
    found = base.copy()
    cheap = np.asarray(movers.price <= _cutoff(ask, movers, ask.need_kw(base)))
    recovery_room_kw = np.maximum(ask.arrays.columns.rebound_cap_kw + base[:, event:].sum(axis=0), 0.0)
    share = _mover_shares(ask, movers, cheap, recovery_room_kw)
    found[movers.index] += share[:, None] * movers.delta_kw
    _fill_intervals(ask, found)
    need_kw = ask.need_kw(found)
    if need_kw.max(initial=0.0) > TINY_KW:
        rest = Movers(movers.index, movers.delta_kw * (1.0 - share)[:, None], movers.price)
        expected_kw = ask.delivery[rest.index, None] * np.maximum(rest.delta_kw[:, :event], 0.0)
        before_kw = np.cumsum(expected_kw, axis=0) - expected_kw
        wanted = np.asarray(((before_kw < need_kw[None, :]) & (need_kw[None, :] > TINY_KW)).any(axis=1))
        more = _mover_shares(ask, rest, wanted, np.full(len(recovery_room_kw), np.inf))
        found[rest.index] += more[:, None] * rest.delta_kw
    return found


def _cutoff(ask: Ask, movers: Movers, need_kw: Series) -> float:
    """Price at which cheapest-first supply covers the needed energy; ``inf`` where it never does."""
    arrays = ask.arrays
    event, curtailable, block = arrays.event_intervals, arrays.curtailable, arrays.block
    prices = ask.price
    reach = np.minimum(1.0, block.max_run * np.maximum(block.max_calls, 1) / event)
    weight = ask.delivery * ask.allowed
    segments_kw = (curtailable.segment_1_kw + curtailable.segment_2_kw).sum(axis=1)
    supplies = (
        (movers.price, ask.delivery[movers.index] * movers.delta_kw[:, :event].sum(axis=1)),
        (prices[block.index], weight[block.index] * block.available_kw.sum(axis=1) * reach),
        (prices[curtailable.index], weight[curtailable.index] * segments_kw),
    )
    price = np.concatenate([entry[0] for entry in supplies])
    order = np.argsort(price, kind="stable")
    covered = np.cumsum(np.concatenate([entry[1] for entry in supplies])[order])
    at = int(np.searchsorted(covered, float(need_kw.sum())))
    return float(price[order][at]) if at < len(order) else np.inf


def _mover_shares(ask: Ask, movers: Movers, chosen: Flags, recovery_room_kw: Series) -> Series:
    event = ask.arrays.event_intervals
    increase_kw = np.maximum(-movers.delta_kw[:, event:], 0.0) * chosen[:, None]
    return np.where(chosen, admitted(increase_kw, recovery_room_kw, np.zeros(len(chosen), dtype=np.bool_)), 0.0)


def _fill_intervals(ask: Ask, found: Series) -> None:
    """Fills each event interval with blocks and curtailment, cheapest first; writes into ``found``."""
    arrays = ask.arrays
    block, curtailable, event = arrays.block, arrays.curtailable, arrays.event_intervals
    found[block.index, :event] = 0.0
    done_kw = ask.delivery @ found[:, :event]
    delivery = ask.delivery[block.index]
    calls = CallState.begin(block, usable=ask.allowed[block.index] > 0.0, in_turns=ask.in_turns)
    segments_kw, segment_price = _segments(ask)
    segment_delivery = np.tile(ask.delivery[curtailable.index], 2)
    count, half = len(block.index), len(curtailable.index)
    order = np.argsort(np.concatenate([ask.price[block.index], segment_price]), kind="stable")
    for t in range(event):
        forced_kw = calls.forced_kw(t)
        need_kw = ask.aim_kw[t] - done_kw[t] - float(delivery @ forced_kw)
        offer_kw = np.concatenate([delivery * (calls.offered_kw(t) - forced_kw), segment_delivery * segments_kw[:, t]])
        before_kw = np.empty_like(offer_kw)
        before_kw[order] = np.cumsum(offer_kw[order]) - offer_kw[order]
        taken_kw = np.clip(need_kw - before_kw, 0.0, np.maximum(offer_kw, 0.0))
        found[block.index, t] = calls.step(t, forced_kw + taken_kw[:count] / delivery)
        segment_kw = taken_kw[count:] / segment_delivery
        found[curtailable.index, t] = segment_kw[:half] + segment_kw[half:]


def _segments(ask: Ask) -> tuple[Series, Series]:
    """Both segments one below the other, cut evenly to the energy budget, and their prices per counted kWh."""
    kind = ask.arrays.curtailable
    share = ask.allowed[kind.index]
    first_kwh, second_kwh = kind.segment_1_kw.sum(axis=1) * INTERVAL_H, kind.segment_2_kw.sum(axis=1) * INTERVAL_H
    first = np.minimum(1.0, kind.energy_max_kwh / np.maximum(first_kwh, TINY_KW))
    left_kwh = np.maximum(kind.energy_max_kwh - first * first_kwh, 0.0)
    second = np.minimum(1.0, left_kwh / np.maximum(second_kwh, TINY_KW))
    rows = ((share * first)[:, None] * kind.segment_1_kw, (share * second)[:, None] * kind.segment_2_kw)
    delivery = ask.delivery[kind.index]
    return np.concatenate(rows), np.concatenate([kind.cost_1 / delivery, kind.cost_2 / delivery])
