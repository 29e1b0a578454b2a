"""One part of a fleet that answers prices: it holds its resources' data, and only sums leave it.

``respond`` is all that price coordination asks of a shard, round after round; ``mix`` turns the weights that the
coordinator ends with into responses per resource. The sums are made over fixed slices of rows in a fixed order: the
same answer on any number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import ProblemArrays
from optimizer.respond.jit import compiled
from optimizer.respond.kernels import (
    respond_block,
    respond_charging,
    respond_cooling,
    respond_curtailable,
    respond_fixed_block,
    respond_storage,
)
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

LEAST_ROWS, MOST_ROWS = 256, 8192


@dataclass(frozen=True, slots=True, eq=False)
class PriceTables:
    """What one kW of response is worth, CNY per kW and interval.

    Attributes:
        class_price: Per delivery class, of the expected response, shape (K, T).
        group_price: Per group of resources below the same limits, of the full response, shape (G, H).
    """

    class_price: Series
    group_price: Series


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The sums of the best responses per slot (resources of one kind, class and group).

    Attributes:
        full_kw: Shape (S, H).
        mean_kw: Expected response, shape (S, T).
        variance_kw2: Sum of the squared own spreads of the response delivered, shape (S, T).
        cost_cny, profit_cny: Shape (S,).
    """

    full_kw: Series
    mean_kw: Series
    variance_kw2: Series
    cost_cny: Series
    profit_cny: Series

    @classmethod
    def nothing(cls, slots: int, event: int, intervals: int) -> Self:
        """Zeros throughout."""
        shapes = ((slots, intervals), (slots, event), (slots, event), (slots,), (slots,))
        return cls(*(np.zeros(shape) for shape in shapes))

    def scaled(self, weight: Series) -> "Answer":
        """Each slot ``weight`` times over, shape (S,)."""
        return Answer(*(array * (weight if array.ndim == 1 else weight[:, None]) for array in self.arrays))

    @property
    def arrays(self) -> tuple[Series, Series, Series, Series, Series]:
        """All sums, in the order of the fields."""
        return self.full_kw, self.mean_kw, self.variance_kw2, self.cost_cny, self.profit_cny

    def take_in(self, other: "Answer") -> None:
        """Adds ``other`` in place."""
        for mine, more in zip(self.arrays, other.arrays, strict=True):
            mine += more


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The resources of one kind.

    Attributes:
        kernel: Of ``optimizer.respond.kernels``.
        index: Positions among all resources, shape (n,).
        mean, spread: Of the delivery fraction: expected value and own standard deviation, shape (n,).
        own: The kernel's arguments between the prices and the results.
    """

    kernel: Callable[..., None]
    index: Index
    mean: Series
    spread: Series
    class_of: Index
    group_of: Index
    slot_of: Index
    own: tuple[Any, ...]

    def sample(self, rows: Index) -> "Part":
        """The resources in ``rows`` alone."""
        count = len(self.index)
        own = tuple(x[rows] if isinstance(x, np.ndarray) and x.shape[:1] == (count,) else x for x in self.own)
        common = (self.index, self.mean, self.spread, self.class_of, self.group_of, self.slot_of)
        return Part(self.kernel, *(x[rows] for x in common), own)


class FleetShard:
    """Resources of all kinds in this process, answered by threads."""

    def __init__(self, parts: Sequence[Part], *, slots: int, event: int, intervals: int, threads: int = 1) -> None:
        """``slots`` counts the slots of the whole fleet, whoever holds them."""
        self._parts = tuple(part for part in parts if len(part.index))
        self._slots, self._event, self._intervals, self._threads = slots, event, intervals, threads
        rows = max((len(part.index) for part in self._parts), default=0)
        self._rows = min(max(rows // 24, LEAST_ROWS), MOST_ROWS)

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """Sums of the best responses to ``prices`` over the ``asked`` slots, shape (S,); all by default."""
        asked = np.ones(self._slots, dtype=np.bool_) if asked is None else asked
        total = self._nothing()

        def work(task: tuple[Part, int, int]) -> Answer:
            part, first, last = task
            found = self._rows_of(part, first, last, prices, asked)
            answer = self._nothing()
            rows = slice(first, last)
            add_up(part.slot_of[rows], asked, part.mean[rows], part.spread[rows], *found, *answer.arrays)
            return answer

        for answer in self._each(work, asked):
            total.take_in(answer)
        return total

    def mix(self, prices: PriceTables, weight: Series, into: Series) -> None:
        """Adds ``weight`` (per slot, shape (S,)) times the best responses to ``into``, shape (N, H)."""
        asked = weight > 0.0

        def work(task: tuple[Part, int, int]) -> None:
            part, first, last = task
            response, _, _ = self._rows_of(part, first, last, prices, asked)
            rows = slice(first, last)
            add_weighted(part.slot_of[rows], part.index[rows], weight, response, into)

        for _ in self._each(work, asked):
            pass

    def rows(self, part: Part, prices: PriceTables, asked: Flags) -> tuple[Series, Series]:
        """Responses (n, H) and costs (n,) of a part; rows of slots that are not asked hold zeros."""
        response, cost = np.zeros((len(part.index), self._intervals)), np.zeros(len(part.index))

        def work(task: tuple[Part, int, int]) -> None:
            _, first, last = task
            response[first:last], cost[first:last], _ = self._rows_of(part, first, last, prices, asked)

        tasks = [(part, a, min(a + self._rows, len(part.index))) for a in range(0, len(part.index), self._rows)]
        for _ in self._run(work, tasks):
            pass
        return response, cost

    def _nothing(self) -> Answer:
        return Answer.nothing(self._slots, self._event, self._intervals)

    def _rows_of(
        self, part: Part, first: int, last: int, prices: PriceTables, asked: Flags
    ) -> tuple[Series, Series, Series]:
        found = np.zeros((last - first, self._intervals)), np.zeros(last - first), np.zeros(last - first)
        part.kernel(
            first,
            last,
            part.mean,
            part.class_of,
            part.group_of,
            part.slot_of,
            asked,
            prices.class_price,
            prices.group_price,
            *part.own,
            *found,
        )
        return found

    def _each(self, work: Callable[[tuple[Part, int, int]], Any], asked: Flags) -> Iterator[Any]:
        tasks = [
            (part, first, min(first + self._rows, len(part.index)))
            for part in self._parts
            for first in range(0, len(part.index), self._rows)
            if asked[part.slot_of[first : first + self._rows]].any()
        ]
        return self._run(work, tasks)

    def _run(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        if self._threads == 1 or len(tasks) < 2:  # noqa: PLR2004 - nothing to share
            yield from map(work, tasks)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            yield from pool.map(work, tasks)


@compiled
def add_up(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    slot_of: NDArray[np.intp],
    asked: Flags,
    mean: Series,
    spread: Series,
    response: Series,
    cost: Series,
    profit: Series,
    full_kw: Series,
    mean_kw: Series,
    variance_kw2: Series,
    costs: Series,
    profits: Series,
) -> None:
    """Adds rows to the sums of their slots."""
    event = mean_kw.shape[1]
    for i in range(response.shape[0]):
        slot = slot_of[i]
        if not asked[slot]:
            continue
        costs[slot] += cost[i]
        profits[slot] += profit[i]
        for t in range(response.shape[1]):
            full_kw[slot, t] += response[i, t]
        for t in range(event):
            mean_kw[slot, t] += mean[i] * response[i, t]
            variance_kw2[slot, t] += (spread[i] * response[i, t]) ** 2


@compiled
def add_weighted(
    slot_of: NDArray[np.intp], index: NDArray[np.intp], weight: Series, response: Series, into: Series
) -> None:
    """Adds rows, weighted by their slots, to where they belong in ``into``."""
    for i in range(response.shape[0]):
        share = weight[slot_of[i]]
        if share > 0.0:
            for t in range(response.shape[1]):
                into[index[i], t] += share * response[i, t]


def parts_of(arrays: ProblemArrays, group_of: Index, slot_of: Index) -> dict[str, Part]:
    """The parts of a fleet by kind; ``group_of`` and ``slot_of`` of shape (N,)."""
    columns = arrays.columns
    curtailable, block, charging, cooling, storage = arrays.kinds
    event = arrays.event_intervals

    def part(kernel: Callable[..., None], index: Index, *own: Any) -> Part:
        return Part(
            kernel,
            index,
            columns.delivery_mean[index],
            columns.delivery_sd[index],
            columns.class_of[index],
            group_of[index],
            slot_of[index],
            tuple(np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x for x in own),
        )

    c, b, e, k, s = curtailable, block, charging, cooling, storage
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
    return Part(
        respond_fixed_block,
        part.index,
        part.mean,
        part.spread,
        part.class_of,
        part.group_of,
        part.slot_of,
        (least_kw, most_kw, price, standing_cny),
    )
