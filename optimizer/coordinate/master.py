"""The master problem of price coordination: mixes the answers seen so far at least cost.

One column per block and answer, one convexity row per block, and the coupling rows of the layout (Dantzig and Wolfe
1960). Missing target and rebound are priced; node rows have slacks at a price that no plan would pay.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from optimizer.aim import Aim
from optimizer.coordinate.layout import Layout
from optimizer.respond.answer import Answer, PriceTables
from optimizer.solve import set_option
from vpp.domain.columns import Flags, Index
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of the whole portfolio.

    Attributes:
        aim: Rows of the target.
        shortfall_price: CNY per missing kW and interval.
        rebound_cap_kw: Shape (R,).
        rebound_price: CNY per kW and interval above the cap.
        energy_worth: What a kW of response earns anyway, CNY per kW and interval, shape (H,).
        node_margin_kw: By how much node rows are kept tighter than they are, shape (D,).
    """

    aim: Aim
    shortfall_price: float
    rebound_cap_kw: Series
    rebound_price: float
    energy_worth: Series
    node_margin_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class Duals:
    """Prices, CNY per kW and interval: rows of the target (C,), rebound (R,), node rows (D,).

    Rows of the target that came later than the prices count as having none.
    """

    target: Series
    rebound: Series
    nodes: Series

    @property
    def flat(self) -> Series:
        """All prices in this order."""
        return np.concatenate([self.target, self.rebound, self.nodes])


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What the master found.

    Attributes:
        weights: Of all columns in the order in which they came.
        class_kw: Expected response per class, shape (K, T).
        missing_kw: Of the aim, per event interval, shape (T,).
        boxed_kw: What was had at the box's prices, in sum; nothing of it is real.
    """

    objective_cny: float
    duals: Duals
    weights: Series
    class_kw: Series
    missing_kw: Series
    boxed_kw: float


BROKEN_FACTOR = 20.0


class Master:
    """Grows by one answer of the whole fleet at a time, and by rows of the target.

    Rows: for every class and interval, the expected response of all columns equals a variable of its own (the price of
    that row is what the class's response is worth), then rebound, nodes, one convexity row per block, and last the rows
    of the target, over those variables alone.

    While a box is set, prices stay within it: missing or surplus kW may be had at the box's prices. It keeps early
    rounds, which know few answers, from prices that nobody could mean.
    """

    def __init__(self, layout: Layout, asked: Asked) -> None:
        self.layout, self.asked = layout, asked
        self._solver = solver = highspy.Highs()
        for name, option in _OPTIONS.items():
            set_option(solver, name, option)
        event, count, nodes = layout.event, layout.intervals, len(layout.least_kw)
        self._classes, recovery = layout.classes * event, count - event
        coupling = self._coupling = self._classes + recovery + nodes
        none, even, zero = np.full(recovery, np.inf), np.ones(layout.blocks), np.zeros(self._classes)
        margin = asked.node_margin_kw
        self._node_low = np.minimum(layout.least_kw + margin, 0.0)
        self._node_high = np.maximum(layout.most_kw - margin, 0.0)
        low = np.concatenate([zero, -asked.rebound_cap_kw, self._node_low, even])
        high = np.concatenate([zero, none, self._node_high, even])
        rows = coupling + layout.blocks
        solver.addRows(rows, low, high, 0, np.zeros(rows, np.int32), np.zeros(0, np.int32), np.zeros(0))
        self._broken_price = BROKEN_FACTOR * max(asked.shortfall_price, asked.rebound_price, 1.0)
        # Missing kW enter no row before the target's rows come: their columns begin empty.
        self._add(np.full(event, asked.shortfall_price), np.zeros(event, dtype=np.intp), _NONE, np.zeros(0))
        self._sums = np.arange(event, event + self._classes)
        self._single(zero, np.arange(self._classes), -1.0, least=-highspy.kHighsInf)
        first = self._classes + recovery
        self._single(np.full(recovery, asked.rebound_price), np.arange(self._classes, first), 1.0)
        at = np.arange(first, coupling)
        broken = slice(event + first, event + first + 2 * nodes)
        self._single(np.full(nodes, self._broken_price), at, 1.0)
        self._single(np.full(nodes, self._broken_price), at, -1.0)
        self._box = np.arange(broken.stop, broken.stop + 2 * coupling, dtype=np.int32)
        everywhere = np.zeros(coupling)
        self._single(everywhere, np.arange(coupling), 1.0)
        self._single(everywhere, np.arange(coupling), -1.0)
        self._first = broken.stop + 2 * coupling
        self._rows, self._cuts = rows, 0
        self._places = self._places_of_figures()
        self.aim = Aim(_NONE, np.zeros(0), np.zeros((0, layout.classes)))
        self.unbox()
        self.ask(asked.aim)

    def ask(self, more: Aim) -> None:
        """Takes in rows of the target."""
        layout, count = self.layout, len(more.aim_kw)
        credit = more.credit[:, : layout.classes]
        columns = self._sums.reshape(layout.classes, layout.event)[:, more.interval].T
        index = np.concatenate([more.interval[:, None], columns], axis=1).astype(np.int32)
        value = np.concatenate([np.ones((count, 1)), credit], axis=1)
        starts = np.arange(count, dtype=np.int32) * (layout.classes + 1)
        high = np.full(count, highspy.kHighsInf)
        self._solver.addRows(count, more.aim_kw, high, index.size, starts, index.ravel(), value.ravel())
        self.aim = self.aim.joined(Aim(more.interval, more.aim_kw, credit))
        self._cuts += count

    def _single(self, cost: Series, rows: Index, value: float, *, least: float = 0.0) -> None:
        self._add(cost, np.arange(len(rows)), rows, np.full(len(rows), value), least=least)

    def _add(self, cost: Series, starts: Index, rows: Index, values: Series, *, least: float = 0.0) -> None:
        count = len(cost)
        status = self._solver.addCols(
            count,
            cost,
            np.full(count, least),
            np.full(count, highspy.kHighsInf),
            len(values),
            starts.astype(np.int32),
            rows.astype(np.int32),
            values,
        )
        if status == highspy.HighsStatus.kError:
            raise InvariantError(f"HiGHS refuses {count} columns of the master problem")

    def box(self, center: Duals, width: float) -> None:
        """Keeps the prices within ``width`` of ``center``, CNY per kW and interval."""
        center = self.clipped(center)
        prices = np.concatenate([self.class_price(center).ravel(), center.rebound, center.nodes])
        cost = np.concatenate([prices + width, width - prices])
        # Beyond a row's own price limits there is nothing to keep the prices from.
        low, high = self._row_limits()
        open_side = np.concatenate([prices + width < high, prices - width > low])
        self._solver.changeColsCost(len(cost), self._box, cost)
        self._bound_box(np.where(open_side, highspy.kHighsInf, 0.0))

    def unbox(self) -> None:
        """Sets the prices free."""
        self._bound_box(np.zeros(len(self._box)))

    def _bound_box(self, most_kw: Series) -> None:
        self._solver.changeColsBounds(len(self._box), self._box, np.zeros(len(self._box)), most_kw)

    def add(self, answer: Answer, blocks: Flags | None = None) -> None:
        """Takes in an answer: one column for each block (of ``blocks``, shape (B,))."""
        matrix, cost = self.column_of(answer)
        if blocks is not None:
            keep = np.flatnonzero(blocks)
            matrix, cost = matrix[:, keep], cost[keep]
        self._add(cost, matrix.indptr[:-1], matrix.indices, matrix.data)

    def column_of(self, answer: Answer) -> tuple[sparse.csc_array, Series]:
        """Coefficients (rows, B) and costs (B,) of an answer."""
        layout = self.layout
        event, blocks = layout.event, layout.blocks
        node_kw = answer.full_kw[layout.pair_slot, layout.interval_of_row[layout.pair_row]]
        data = (answer.mean_kw.ravel(), answer.full_kw[:, event:].ravel(), node_kw, np.ones(blocks))
        matrix = sparse.csc_array((np.concatenate(data), self._places), shape=(self._coupling + blocks, blocks))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        cost = answer.cost_cny - answer.full_kw @ self.asked.energy_worth
        return matrix, np.bincount(layout.block_of_slot, cost, minlength=blocks).astype(np.float64)

    def _places_of_figures(self) -> tuple[Index, Index]:
        """Row and column of every figure of an answer, in the order in which ``column_of`` lines them up."""
        layout, of_slot = self.layout, self.layout.block_of_slot
        event, blocks = layout.event, np.arange(layout.blocks)
        later = self._classes + np.arange(layout.intervals - event)
        first = self._classes + len(later)
        class_rows = (layout.class_of_slot[:, None] * event + np.arange(event)).ravel()
        rows = (class_rows, np.tile(later, len(of_slot)), first + layout.pair_row, self._coupling + blocks)
        cols = (np.repeat(of_slot, event), np.repeat(of_slot, len(later)), of_slot[layout.pair_slot], blocks)
        return np.concatenate(rows), np.concatenate(cols)

    def solve(self, *, more_rows: bool = False) -> Mixture:
        """The best mixture of all columns so far; ``more_rows`` says that rows came since the last time."""
        set_option(self._solver, "simplex_strategy", DUAL if more_rows else PRIMAL)
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            word = self._solver.modelStatusToString(self._solver.getModelStatus())
            raise InvariantError(f"the master problem of price coordination ended as {word!r}")
        solution, layout = self._solver.getSolution(), self.layout
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        later = slice(self._classes, self._classes + layout.intervals - layout.event)
        return Mixture(
            float(self._solver.getInfo().objective_function_value),
            Duals(duals[self._rows :], duals[later], duals[later.stop : self._coupling]),
            values[self._first :],
            values[self._sums].reshape(layout.classes, layout.event),
            values[: layout.event],
            float(values[self._box].sum()),
        )

    def split(self, prices: Series) -> Duals:
        """Prices in their order, by what they price."""
        later = self._cuts + self.layout.intervals - self.layout.event
        return Duals(prices[: self._cuts], prices[self._cuts : later], prices[later:])

    @property
    def _low(self) -> Series:
        return np.concatenate([self.aim.aim_kw, -self.asked.rebound_cap_kw, self._node_low])

    @property
    def _high(self) -> Series:
        return np.concatenate(
            [np.full(self._cuts + self.layout.intervals - self.layout.event, np.inf), self._node_high]
        )

    def _row_limits(self) -> tuple[Series, Series]:
        """Lowest and highest price of the class, rebound and node rows."""
        low, high = self.price_limits
        most = np.full(self._classes, np.inf)
        return np.concatenate([-most, low[self._cuts :]]), np.concatenate([most, high[self._cuts :]])

    @property
    def price_limits(self) -> tuple[Series, Series]:
        """Lowest and highest price that the Lagrangian bound may be taken at."""
        asked, nodes = self.asked, len(self._node_low)
        recovery = self.layout.intervals - self.layout.event
        most = (np.full(self._cuts, asked.shortfall_price), np.full(recovery, asked.rebound_price))
        cap = np.concatenate([*most, np.full(nodes, self._broken_price)])
        return np.where(np.isfinite(self._high), -cap, 0.0), np.where(np.isfinite(self._low), cap, 0.0)

    def clipped(self, duals: Duals) -> Duals:
        """The nearest prices within ``price_limits``; an interval's rows together stay below the price of missing."""
        low, high = self.price_limits
        target = np.pad(duals.target, (0, self._cuts - len(duals.target)))
        found = self.split(np.clip(np.concatenate([target, duals.rebound, duals.nodes]), low, high))
        sums = np.bincount(self.aim.interval, found.target, minlength=self.layout.event)
        scale = np.minimum(self.asked.shortfall_price / np.maximum(sums, 1e-12), 1.0)
        return Duals(found.target * scale[self.aim.interval], found.rebound, found.nodes)

    def class_price(self, duals: Duals) -> Series:
        """What the expected response of each class is worth, shape (K, T)."""
        found, known = np.zeros((self.layout.event, self.layout.classes)), len(duals.target)
        np.add.at(found, self.aim.interval[:known], duals.target[:, None] * self.aim.credit[:known])
        return found.T.copy()

    def tables(self, duals: Duals) -> PriceTables:
        """What every resource's response is worth under ``duals``."""
        layout = self.layout
        group = np.tile(self.asked.energy_worth, (layout.groups, 1))
        group[:, layout.event :] += duals.rebound
        at_group, row = layout.group_row
        np.add.at(group, (at_group, layout.interval_of_row[row]), duals.nodes[row])
        return PriceTables(self.class_price(duals), group)

    def bound(self, duals: Duals, answer: Answer) -> float:
        """No mixture of any responses has a smaller objective (Lagrangian bound); within ``price_limits``."""
        prices = duals.flat
        used = prices != 0
        side = np.where(prices > 0, self._low, self._high)
        return float(prices[used] @ side[used]) - float(answer.profit_cny.sum())

    def slope(self, prices: Series, answer: Answer) -> Series:
        """How the bound rises with each price: what the answer misses of each row, kW."""
        activity_kw = self.activity_kw(answer)
        side = np.where(prices > 0, self._low, np.where(prices < 0, self._high, np.nan))
        nearest = np.clip(activity_kw, self._low, self._high)
        return np.where(np.isnan(side), nearest, side) - activity_kw

    def activity_kw(self, answer: Answer) -> Series:
        """The rows' sums under an answer, in the order of the prices."""
        layout = self.layout
        class_kw = layout.class_sums_kw(answer.mean_kw)
        credited = (self.aim.credit * class_kw[:, self.aim.interval].T).sum(axis=1)
        later = answer.full_kw[:, layout.event :].sum(axis=0)
        return np.concatenate([credited, later, layout.node_sums_kw(answer.full_kw)])


_NONE = np.zeros(0, dtype=np.intp)
PRIMAL, DUAL = 4, 1
_OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "presolve": "off",
    "solver": "simplex",
    # New columns leave the basis primal feasible: the primal simplex goes on from it.
    "simplex_strategy": PRIMAL,
}
