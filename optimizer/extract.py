"""Cleans away what a solver's tolerance, or a mixture of answers, leaves behind in responses."""

import numpy as np

from optimizer.kinds import AnyKind, BlockArrays, Kinds, StorageArrays, all_pieces
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series

ON = 0.5
PIECE_ROWS = 16_384


def cleaned(kinds: Kinds, response_kw: Series) -> Series:
    """``response_kw`` (n, H) with blocks snapped to off or their band, and everything within its own bounds.

    The changes are of the solver's tolerance (below 1 W); what an exact zero means must not be left to it.
    """
    found = np.zeros_like(response_kw)
    for piece in all_pieces(kinds, PIECE_ROWS):
        found[piece.index] = _cleaned(piece, response_kw[piece.index], kinds.event_intervals)
    return found


def finish(kinds: Kinds, response_kw: Series) -> None:
    """Cleans a mixture of answers in place, shape (n, H), with batteries charging less where they would be full.

    A mixture of paths that charge and paths that discharge burns less energy than each of them: the battery is fuller
    than the mixture's figures say.
    """
    for piece in all_pieces(kinds, PIECE_ROWS):
        rows_kw = response_kw[piece.index]
        if isinstance(piece, StorageArrays):
            rows_kw = _within_capacity(piece, rows_kw)
        response_kw[piece.index] = _cleaned(piece, rows_kw, kinds.event_intervals)


def _cleaned(kind: AnyKind, rows_kw: Series, event: int) -> Series:
    found = np.clip(rows_kw, *kind.response_bounds())
    if isinstance(kind, BlockArrays):
        asked = found[:, :event]
        on = asked > np.maximum(ON * kind.minimum_kw, NEARLY_NOTHING_KW)
        found[:, :event] = np.where(on, np.clip(asked, kind.minimum_kw, kind.available_kw), 0.0)
    found[np.abs(found) < NEARLY_NOTHING_KW] = 0.0
    return found


def _within_capacity(storage: StorageArrays, rows_kw: Series) -> Series:
    soc_kwh = storage.soc_kwh.copy()
    power_kw = storage.forecast_kw - storage.sign * rows_kw
    for t in range(power_kw.shape[1]):
        most_kw = storage.power_for_kw(np.maximum(storage.capacity_kwh - soc_kwh, 0.0))
        power_kw[:, t] = np.maximum(np.minimum(power_kw[:, t], most_kw), storage.power_min_kw[:, t])
        soc_kwh = soc_kwh + storage.stored_kwh(power_kw[:, t])
    return np.asarray(storage.sign * (storage.forecast_kw - power_kw))


def storages_doing_both(arrays: ProblemArrays, response_kw: Series) -> frozenset[int]:
    """Positions of storages whose true state of charge would pass their capacity under ``response_kw``.

    A solution that charges and discharges at once burns energy that a real battery would keep.
    """
    storage = arrays.storage
    soc_kwh = storage.soc_kwh.copy()
    over = np.zeros(len(storage.index), dtype=np.bool_)
    for t in range(arrays.intervals):
        power_kw = storage.forecast_kw[:, t] - storage.sign * response_kw[storage.index, t]
        soc_kwh = soc_kwh + storage.stored_kwh(power_kw)
        over |= soc_kwh > storage.capacity_kwh + NEARLY_NOTHING_KW
    return frozenset(storage.index[over].tolist())


NEARLY_NOTHING_KW = 1e-6
