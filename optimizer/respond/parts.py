"""The resources of one kind with the kernel that answers for them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer.kinds import Kinds
from optimizer.problem import ProblemArrays
from optimizer.respond.kernels import (
    respond_block,
    respond_charging,
    respond_cooling,
    respond_curtailable,
    respond_fixed_block,
    respond_storage,
)
from vpp.domain.columns import Index
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where each resource belongs (see ``Layout``) and how it delivers, shape (n,) each.

    Attributes:
        mean, spread: Of the delivery fraction: expected value and own standard deviation.
    """

    mean: Series
    spread: Series
    class_of: Index
    group_of: Index
    slot_of: Index

    def taking(self, rows: Index) -> "Places":
        """The resources in ``rows`` alone."""
        return Places(self.mean[rows], self.spread[rows], self.class_of[rows], self.group_of[rows], self.slot_of[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The resources of one kind.

    Attributes:
        kernel: Of ``optimizer.respond.kernels``.
        index: Positions among all resources, shape (n,).
        at: Of these resources.
        own: The kernel's arguments between the prices and the results.
    """

    kernel: Callable[..., None]
    index: Index
    at: Places
    own: tuple[Any, ...]

    def sample(self, rows: Index) -> "Part":
        """The resources in ``rows`` alone."""
        count = len(self.index)
        own = tuple(x[rows] if isinstance(x, np.ndarray) and x.shape[:1] == (count,) else x for x in self.own)
        return Part(self.kernel, self.index[rows], self.at.taking(rows), own)


def parts_of(arrays: ProblemArrays, group_of: Index, slot_of: Index) -> dict[str, Part]:
    """The parts of a fleet by kind; ``group_of`` and ``slot_of`` of shape (N,)."""
    columns = arrays.columns
    places = Places(columns.delivery_mean, columns.delivery_sd, columns.class_of, group_of, slot_of)
    return parts_of_kinds(arrays, places)


def parts_of_kinds(kinds: Kinds, places: Places) -> dict[str, Part]:
    """The parts by kind of resources at ``places``."""
    c, b, e, k, s = kinds.curtailable, kinds.block, kinds.charging, kinds.cooling, kinds.storage
    event = kinds.event_intervals

    def part(kernel: Callable[..., None], index: Index, *own: Any) -> Part:  # noqa: ANN401 - arrays and figures
        contiguous = tuple(np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x for x in own)
        return Part(kernel, index, places.taking(index), contiguous)

    return {
        "curtailable": part(
            respond_curtailable, c.index, c.segment_1_kw, c.segment_2_kw, c.cost_1, c.cost_2, c.energy_max_kwh
        ),
        "block": part(
            respond_block,
            b.index,
            b.available_kw,
            b.minimum_kw,
            b.cost,
            b.start_cost,
            b.min_run,
            b.max_run,
            b.max_calls,
            b.min_rest,
            b.running,
        ),
        "charging": part(
            respond_charging,
            e.index,
            event,
            e.sign,
            e.forecast_kw,
            e.power_min_kw,
            e.power_max_kw,
            e.floor_kwh,
            e.ceiling_kwh,
            e.cost,
        ),
        "cooling": part(
            respond_cooling,
            k.index,
            k.available_kw,
            k.payback_kw,
            k.retention,
            k.gain,
            k.theta_0_k,
            k.theta_max_k,
            k.cost,
            k.discomfort,
        ),
        "storage": part(
            respond_storage,
            s.index,
            event,
            s.sign,
            s.forecast_kw,
            s.power_min_kw,
            s.power_max_kw,
            s.capacity_kwh,
            s.soc_kwh,
            s.soc_low_kwh,
            s.efficiency,
            s.cost,
        ),
    }


def fixed_calls(part: Part, least_kw: Series, most_kw: Series, price: Series, standing_cny: Series) -> Part:
    """The blocks of ``part`` with their calls settled: bands of shape (n, T), standing costs of shape (n,)."""
    return replace(part, kernel=respond_fixed_block, own=(least_kw, most_kw, price, standing_cny))
