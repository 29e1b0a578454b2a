"""The largest response that a portfolio can hold through a window, and who gives what for it.

What nothing limits runs throughout; blocks take turns (``taking_turns``); what has a reservoir fills up to a common
level, those first that could go on longest, which is the best order where nothing leaks (as for a fleet of batteries
of unequal endurance). The level is found by halving. The answer is a plan, so it can be kept; it may be below the
true optimum, never above.

Shapes: ``N`` resources, ``W`` windows of ``d`` intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.reservoirs import Reservoirs, Windows
from vpp.domain.taking_turns import Blocks, place_calls

HALVINGS = 6
"""The level is found to a sixty-fourth of what is between holding steadily and having all energy at will."""
SLIGHT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """What can respond.

    Attributes:
        worth: Expected kW per kW of response, shape (N,).
    """

    reservoirs: Sequence[Reservoirs]
    blocks: Blocks
    worth: Series


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The largest level held in each window.

    Attributes:
        response_kw: Shape (d, W, N).
        payback_kw: What comes back in the worst interval of the recovery, shape (W, N), >= 0.
    """

    response_kw: Series
    payback_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class _Water:
    """Reservoirs of all kinds side by side, shapes (d, W, n) and (n,)."""

    index: Index
    most_kw: Series
    per_kw: Series
    brims: Series
    keeps: Series
    worth: Series

    def only(self, chosen: Flags) -> "_Water":
        return _Water(
            self.index[chosen],
            self.most_kw[..., chosen],
            self.per_kw[..., chosen],
            self.brims[..., chosen],
            self.keeps[chosen],
            self.worth[chosen],
        )


def hold(portfolio: Portfolio, windows: Windows, allowed: Flags) -> Held:
    """What can be held.

    Args:
        portfolio: All resources.
        windows: Windows.
        allowed: Which resources may be called in which window, shape (W, N).
    """
    response_kw = np.zeros((windows.length, len(windows.starts), len(portfolio.worth)))
    water = _water(portfolio, windows, allowed)
    throughout = _never_full(water)
    steady = water.only(throughout)
    response_kw[..., steady.index] = steady.most_kw
    held_kw = steady.most_kw @ steady.worth
    blocks = portfolio.blocks
    called_kw, held_kw = place_calls(
        blocks,
        windows,
        held_kw=held_kw,
        worth=portfolio.worth[blocks.index],
        allowed=allowed[:, blocks.index],
    )
    response_kw[..., blocks.index] = called_kw
    limited = water.only(~throughout)
    response_kw[..., limited.index] = _levelled(limited, held_kw)
    return Held(response_kw, _payback_kw(portfolio, windows, response_kw))


def _water(portfolio: Portfolio, windows: Windows, allowed: Flags) -> _Water:
    kinds = [kind for kind in portfolio.reservoirs if len(kind.index)]
    shape = (windows.length, len(windows.starts))
    if not kinds:
        empty, none = np.zeros((*shape, 0)), np.zeros(0)
        return _Water(none.astype(np.intp), empty, empty, empty, none, none)
    index = np.concatenate([kind.index for kind in kinds])
    return _Water(
        index,
        np.concatenate([windows.within(kind.most_kw) for kind in kinds], axis=2) * allowed[:, index],
        np.concatenate([windows.within(kind.per_kw) for kind in kinds], axis=2),
        np.concatenate([kind.brims(windows) for kind in kinds], axis=2),
        np.concatenate([kind.keeps for kind in kinds]),
        portfolio.worth[index],
    )


def _never_full(water: _Water) -> Flags:
    """Which reservoirs bear the whole response throughout every window, shape (n,)."""
    level = np.zeros(water.most_kw.shape[1:])
    bears = np.ones(len(water.index), dtype=np.bool_)
    for t in range(len(water.most_kw)):
        level = water.keeps * level + water.per_kw[t] * water.most_kw[t]
        bears &= (level <= water.brims[t] + SLIGHT).all(axis=0)
    return bears


def _levelled(water: _Water, held_kw: Series) -> Series:
    """Responses that lift the lowest interval as far as can be, shape (d, W, n)."""
    if not len(water.index):
        return np.zeros_like(water.most_kw)
    best = _steadily(water)
    low = (held_kw + best @ water.worth).min(axis=0)
    high = np.maximum(_at_most_kw(water, held_kw), low)
    for n in range(1 + HALVINGS):
        level = (low + high) / 2.0 if n else high
        response_kw, reached = _filled(water, held_kw, level)
        best = np.where(reached[:, None], response_kw, best)
        low, high = np.where(reached, level, low), np.where(reached, high, level)
    return best


def _steadily(water: _Water) -> Series:
    """The same share of its largest response throughout, as much as each reservoir bears."""
    level = np.zeros(water.most_kw.shape[1:])
    share = np.ones_like(level)
    for t in range(len(water.most_kw)):
        level = water.keeps * level + water.per_kw[t] * water.most_kw[t]
        share = np.minimum(share, np.divide(water.brims[t], level, out=np.ones_like(level), where=level > 0))
    return water.most_kw * share


def _at_most_kw(water: _Water, held_kw: Series) -> Series:
    """No level above this can be held: in no interval, nor on average with the energy that there is, shape (W,)."""
    leaked = (1.0 - water.keeps) * water.brims[:-1].sum(axis=0)
    energy = (water.brims[-1] + leaked) / water.per_kw.min(axis=0)
    given = np.minimum(energy, water.most_kw.sum(axis=0))
    evenly_kw = (held_kw.sum(axis=0) + given @ water.worth) / len(held_kw)
    return np.asarray(np.minimum((held_kw + water.most_kw @ water.worth).min(axis=0), evenly_kw))


def _filled(water: _Water, held_kw: Series, level_kw: Series) -> tuple[Series, Flags]:
    """Responses towards ``level_kw`` (W,), and whether it is reached in every interval, shape (W,)."""
    response_kw = np.zeros_like(water.most_kw)
    reached = np.ones(len(level_kw), dtype=np.bool_)
    filling = np.zeros(water.most_kw.shape[1:])
    for t in range(len(water.most_kw)):
        filling *= water.keeps
        could_kw = np.clip((water.brims[t] - filling) / water.per_kw[t], 0.0, water.most_kw[t])
        needed_kw = np.maximum(level_kw - held_kw[t], 0.0)
        response_kw[t] = _by_endurance(water, t, filling, could_kw, needed_kw)
        filling += water.per_kw[t] * response_kw[t]
        reached &= response_kw[t] @ water.worth >= needed_kw * (1.0 - SLIGHT) - SLIGHT
    return response_kw, reached


def _by_endurance(water: _Water, t: int, filling: Series, could_kw: Series, needed_kw: Series) -> Series:
    """What each gives of ``needed_kw`` (W,): those first whose reservoir would last longest at full response."""
    speed = water.per_kw[t] * water.most_kw[t]
    lasts = np.divide(water.brims[-1] - filling, speed, out=np.zeros_like(speed), where=speed > 0)
    order = np.argsort(-lasts, axis=1, kind="stable")
    offered_kw = np.take_along_axis(could_kw * water.worth, order, axis=1)
    before_kw = np.cumsum(offered_kw, axis=1) - offered_kw
    taken_kw = np.clip(needed_kw[:, None] - before_kw, 0.0, offered_kw)
    response_kw = np.empty_like(taken_kw)
    np.put_along_axis(response_kw, order, taken_kw, axis=1)
    return np.minimum(response_kw / water.worth, could_kw)


def _payback_kw(portfolio: Portfolio, windows: Windows, response_kw: Series) -> Series:
    payback_kw = np.zeros(response_kw.shape[1:])
    for kind in portfolio.reservoirs:
        if not len(kind.index):
            continue
        level = np.zeros((len(windows.starts), len(kind.index)))
        per_kw = windows.within(kind.per_kw)
        for t in range(windows.length):
            level = kind.keeps * level + per_kw[t] * response_kw[t][:, kind.index]
        payback_kw[:, kind.index] = kind.payback_kw(windows, level)
    return payback_kw
