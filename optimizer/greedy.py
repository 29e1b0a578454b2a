"""The merit-order plan: always ready within milliseconds, feasible by construction, no solver involved.

Three steps. What nobody can avoid (``base``: running calls, promises already due) stands first. Resources that move
energy in time are used by one share each, cheapest first, up to the price at which the target's energy is covered.
Curtailment and blocks then fill each interval in turn, cheapest first; what is still missing is asked of the dearer
movers. Before all that, every node admits the cheapest resources whose full use respects its limits; since response
and payback are counted apart there, any smaller use respects them too.
"""

from dataclasses import dataclass

import numpy as np

from optimizer.calls import CallState
from optimizer.kinds import Flags, Index
from optimizer.problem import ProblemArrays
from optimizer.profiles import charging_profiles, cooling_profiles, storage_profiles
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
        target_kw: Expected response to reach, shape (T,).
        ceiling_kw: Expected response not to exceed, shape (T,).
        in_turns: Whether short calls are spread over the event.
    """

    arrays: ProblemArrays
    allowed: Series
    target_kw: Series
    ceiling_kw: Series
    in_turns: bool

    def need_kw(self, found: Series) -> Series:
        """Expected response still missing under ``found``, shape (T,)."""
        expected_kw = self.arrays.delivery @ found[:, : self.arrays.event_intervals]
        return np.asarray(np.maximum(self.target_kw - expected_kw, 0.0))


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


def greedy_response(arrays: ProblemArrays, ceiling_kw: Series) -> Series:
    """A merit-order answer, shape (N, H); feasible wherever its base is.

    Args:
        arrays: A checked problem.
        ceiling_kw: Largest expected response that may be committed, shape (T,).
    """
    base, full = _base_and_full(arrays)
    allowed = _admission(arrays, base, full)
    movers = _movers(arrays, base, full, allowed)
    target_kw = np.minimum(arrays.problem.target_kw, ceiling_kw)
    best, least_missing = base, np.inf
    for in_turns in (True, False):
        ask = Ask(arrays, allowed, target_kw, ceiling_kw, in_turns)
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
    sums_kw = np.array([base[members].sum(axis=0) for members in arrays.members]).reshape(arrays.node_most_kw.shape)
    above = sums_kw <= arrays.node_most_kw + TINY_KW
    return bool((above & (sums_kw >= arrays.node_least_kw - TINY_KW)).all())


def _profiles(arrays: ProblemArrays, *, refill_at_once: bool) -> tuple[Series, Series]:
    event = arrays.event_intervals
    base, full = np.zeros_like(arrays.forecast_kw), np.zeros_like(arrays.forecast_kw)
    for kind, (kind_base, kind_full) in (
        (arrays.charging, charging_profiles(arrays.charging, event)),
        (arrays.cooling, cooling_profiles(arrays.cooling, event)),
        (arrays.storage, storage_profiles(arrays.storage, event, refill_at_once=refill_at_once)),
    ):
        base[kind.index], full[kind.index] = kind_base, kind_full
    block, curtailable = arrays.block, arrays.curtailable
    base[block.index, :event] = np.where(block.must_run, block.minimum_kw, 0.0)
    full[block.index, :event] = np.maximum(arrays.most_kw[block.index, :event], base[block.index, :event])
    full[curtailable.index, :event] = arrays.most_kw[curtailable.index, :event]
    return base, full


def _unit_prices(arrays: ProblemArrays) -> Series:
    price = np.zeros(len(arrays.delivery))
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
    return price / arrays.delivery


def _admission(arrays: ProblemArrays, base: Series, full: Series) -> Series:
    share = np.ones(len(arrays.delivery))
    price = _unit_prices(arrays)
    indivisible = np.zeros(len(share), dtype=np.bool_)
    indivisible[arrays.block.index] = True
    more_kw, less_kw = np.maximum(full - base, 0.0), np.maximum(base - full, 0.0)
    for m in arrays.levels:
        members = arrays.members[m]
        base_kw = base[members].sum(axis=0)
        for use_kw, cap_kw in (
            (more_kw, arrays.node_most_kw[m] - base_kw),
            (less_kw, base_kw - arrays.node_least_kw[m]),
        ):
            if (use_kw[members].sum(axis=0) <= cap_kw).all():
                continue
            order = members[np.argsort(price[members], kind="stable")]
            asked_kw = use_kw[order] * share[order, None]
            share[order] *= admitted(asked_kw, np.maximum(cap_kw, 0.0), indivisible[order])
    return share


def _movers(arrays: ProblemArrays, base: Series, full: Series, allowed: Series) -> Movers:
    index = np.concatenate([arrays.charging.index, arrays.cooling.index, arrays.storage.index])
    delta_kw = (full[index] - base[index]) * allowed[index, None]
    useful = delta_kw[:, : arrays.event_intervals].sum(axis=1) > TINY_KW
    index, delta_kw = index[useful], delta_kw[useful]
    price = _unit_prices(arrays)[index]
    order = np.argsort(price, kind="stable")
    return Movers(index[order], delta_kw[order], price[order])


def _filled(ask: Ask, base: Series, movers: Movers) -> Series:
    event = ask.arrays.event_intervals
    found = base.copy()
    cheap = np.asarray(movers.price <= _cutoff(ask, movers, ask.need_kw(base)))
    recovery_room_kw = np.maximum(ask.arrays.problem.rebound_cap_kw + base[:, event:].sum(axis=0), 0.0)
    share = _mover_shares(ask, found, movers, cheap, recovery_room_kw)
    found[movers.index] += share[:, None] * movers.delta_kw
    _fill_intervals(ask, found)
    need_kw = ask.need_kw(found)
    if need_kw.max(initial=0.0) > TINY_KW:
        rest = Movers(movers.index, movers.delta_kw * (1.0 - share)[:, None], movers.price)
        expected_kw = ask.arrays.delivery[rest.index, None] * np.maximum(rest.delta_kw[:, :event], 0.0)
        before_kw = np.cumsum(expected_kw, axis=0) - expected_kw
        wanted = np.asarray(((before_kw < need_kw[None, :]) & (need_kw[None, :] > TINY_KW)).any(axis=1))
        more = _mover_shares(ask, found, rest, wanted, np.full(len(recovery_room_kw), np.inf))
        found[rest.index] += more[:, None] * rest.delta_kw
    return found


def _cutoff(ask: Ask, movers: Movers, need_kw: Series) -> float:
    """Price at which cheapest-first supply covers the needed energy; ``inf`` where it never does."""
    arrays = ask.arrays
    event, curtailable, block = arrays.event_intervals, arrays.curtailable, arrays.block
    prices = _unit_prices(arrays)
    reach = np.minimum(1.0, block.max_run * np.maximum(block.max_calls, 1) / event)
    weight = arrays.delivery * ask.allowed
    supplies = (
        (movers.price, arrays.delivery[movers.index] * movers.delta_kw[:, :event].sum(axis=1)),
        (prices[block.index], weight[block.index] * arrays.most_kw[block.index].sum(axis=1) * reach),
        (prices[curtailable.index], weight[curtailable.index] * arrays.most_kw[curtailable.index].sum(axis=1)),
    )
    price = np.concatenate([entry[0] for entry in supplies])
    order = np.argsort(price, kind="stable")
    covered = np.cumsum(np.concatenate([entry[1] for entry in supplies])[order])
    at = int(np.searchsorted(covered, float(need_kw.sum())))
    return float(price[order][at]) if at < len(order) else np.inf


def _mover_shares(ask: Ask, found: Series, movers: Movers, chosen: Flags, recovery_room_kw: Series) -> Series:
    event, delivery = ask.arrays.event_intervals, ask.arrays.delivery
    expected_kw = delivery[movers.index, None] * np.maximum(movers.delta_kw[:, :event], 0.0)
    increase_kw = np.maximum(-movers.delta_kw[:, event:], 0.0)
    use_kw = np.concatenate([expected_kw, increase_kw], axis=1) * chosen[:, None]
    room_kw = np.maximum(ask.ceiling_kw - delivery @ found[:, :event], 0.0)
    share = admitted(use_kw, np.concatenate([room_kw, recovery_room_kw]), np.zeros(len(chosen), dtype=np.bool_))
    return np.where(chosen, share, 0.0)


def _fill_intervals(ask: Ask, found: Series) -> None:
    """Fills each event interval with blocks and curtailment, cheapest first; writes into ``found``."""
    arrays = ask.arrays
    block, curtailable, event = arrays.block, arrays.curtailable, arrays.event_intervals
    found[block.index, :event] = 0.0
    done_kw = arrays.delivery @ found[:, :event]
    delivery = arrays.delivery[block.index]
    calls = CallState.begin(block, delivery, usable=ask.allowed[block.index] > 0.0, in_turns=ask.in_turns)
    segments_kw, segment_price = _segments(arrays, ask.allowed)
    segment_delivery = np.tile(arrays.delivery[curtailable.index], 2)
    count, half = len(block.index), len(curtailable.index)
    order = np.argsort(np.concatenate([_unit_prices(arrays)[block.index], segment_price]), kind="stable")
    for t in range(event):
        forced_kw = calls.forced_kw(t)
        need_kw = ask.target_kw[t] - done_kw[t] - float(delivery @ forced_kw)
        offer_kw = np.concatenate([delivery * (calls.offered_kw(t) - forced_kw), segment_delivery * segments_kw[:, t]])
        before_kw = np.empty_like(offer_kw)
        before_kw[order] = np.cumsum(offer_kw[order]) - offer_kw[order]
        taken_kw = np.clip(need_kw - before_kw, 0.0, offer_kw)
        room_kw = ask.ceiling_kw[t:] - done_kw[t:]
        room_kw[0] -= float(taken_kw[count:].sum())
        asked_kw = forced_kw + taken_kw[:count] / delivery
        found[block.index, t] = calls.step(t, asked_kw, room_kw, order[order < count])
        segment_kw = taken_kw[count:] / segment_delivery
        found[curtailable.index, t] = segment_kw[:half] + segment_kw[half:]


def _segments(arrays: ProblemArrays, allowed: Series) -> tuple[Series, Series]:
    """Both segments one below the other, cut evenly to the energy budget, and their prices per expected kWh."""
    kind = arrays.curtailable
    share = allowed[kind.index]
    first_kwh, second_kwh = kind.segment_1_kw.sum(axis=1) * INTERVAL_H, kind.segment_2_kw.sum(axis=1) * INTERVAL_H
    first = np.minimum(1.0, kind.energy_max_kwh / np.maximum(first_kwh, TINY_KW))
    left_kwh = np.maximum(kind.energy_max_kwh - first * first_kwh, 0.0)
    second = np.minimum(1.0, left_kwh / np.maximum(second_kwh, TINY_KW))
    rows = ((share * first)[:, None] * kind.segment_1_kw, (share * second)[:, None] * kind.segment_2_kw)
    delivery = arrays.delivery[kind.index]
    return np.concatenate(rows), np.concatenate([kind.cost_1 / delivery, kind.cost_2 / delivery])
