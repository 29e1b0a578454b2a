"""The master problem of price coordination: mixes the answers seen so far at least cost.

One column per block and answer, one convexity row per block, and the coupling rows of the layout (Dantzig and Wolfe
1960). Target and rebound have priced slacks; node rows have slacks at a price that no plan would pay.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from optimizer.coordinate.layout import Layout
from optimizer.respond.shard import Answer, PriceTables
from optimizer.solve import set_option
from vpp.domain.columns import Flags, Index
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked of the whole portfolio.

    Attributes:
        aim_kw: Credited response to reach, shape (T,).
        credit: What one expected kW of each delivery class counts towards it, shape (K, T).
        shortfall_price: CNY per missing kW and interval.
        rebound_cap_kw: Shape (R,).
        rebound_price: CNY per kW and interval above the cap.
        energy_worth: What a kW of response earns anyway, CNY per kW and interval, shape (H,).
        node_margin_kw: By how much node rows are kept tighter than they are, shape (D,).
    """

    aim_kw: Series
    credit: Series
    shortfall_price: float
    rebound_cap_kw: Series
    rebound_price: float
    energy_worth: Series
    node_margin_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class Duals:
    """Prices of the coupling rows, CNY per kW and interval: target (T,), rebound (R,), node rows (D,)."""

    target: Series
    rebound: Series
    nodes: Series

    @property
    def flat(self) -> Series:
        """All prices in the order of the coupling rows."""
        return np.concatenate([self.target, self.rebound, self.nodes])

    def blend(self, other: "Duals", share: float) -> "Duals":
        """``share`` of ``other``, the rest of this."""
        return Duals(
            self.target + share * (other.target - self.target),
            self.rebound + share * (other.rebound - self.rebound),
            self.nodes + share * (other.nodes - self.nodes),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """What the master found.

    Attributes:
        weights: Of all columns in the order in which they came.
        broken_kw: By how much limits of nodes are passed, in sum.
        missing_kw: Of the aim, per event interval, shape (T,).
        boxed_kw: What was had at the box's prices, in sum; nothing of it is real.
    """

    objective_cny: float
    duals: Duals
    weights: Series
    broken_kw: float
    missing_kw: Series
    boxed_kw: float


BROKEN_FACTOR = 20.0


class Master:
    """Grows by one answer of the whole fleet at a time.

    While a box is set, duals stay within it: missing or surplus kW in a coupling row may be had at the box's prices. It
    keeps early rounds, which know few answers, from prices that nobody could mean.
    """

    def __init__(self, layout: Layout, asked: Asked) -> None:
        self.layout, self.asked = layout, asked
        self._solver = solver = highspy.Highs()
        for name, option in _OPTIONS.items():
            set_option(solver, name, option)
        event, count, nodes = layout.event, layout.intervals, len(layout.least_kw)
        coupling = self._coupling = count + nodes
        none = np.full(count, np.inf)
        margin = asked.node_margin_kw
        self._low = np.concatenate([asked.aim_kw, -asked.rebound_cap_kw, np.minimum(layout.least_kw + margin, 0.0)])
        self._high = np.concatenate([none, np.maximum(layout.most_kw - margin, 0.0)])
        even = np.ones(layout.blocks)
        rows = coupling + layout.blocks
        low, high = np.concatenate([self._low, even]), np.concatenate([self._high, even])
        solver.addRows(rows, low, high, 0, np.zeros(rows, np.int32), np.zeros(0, np.int32), np.zeros(0))
        broken = BROKEN_FACTOR * max(asked.shortfall_price, asked.rebound_price, 1.0)
        prices = (np.full(event, asked.shortfall_price), np.full(count - event, asked.rebound_price))
        self._cap = np.concatenate([*prices, np.full(nodes, broken)])
        self._single(self._cap, np.arange(coupling), 1.0)
        self._single(self._cap[count:], np.arange(count, coupling), -1.0)
        self._broken = slice(count, coupling + nodes)
        self._box = np.arange(coupling + nodes, 3 * coupling + nodes, dtype=np.int32)
        self._single(self._cap, np.arange(coupling), 1.0)
        self._single(self._cap, np.arange(coupling), -1.0)
        self._first = 3 * coupling + nodes
        self.unbox()

    def _single(self, cost: Series, rows: Index, value: float) -> None:
        self._add(cost, np.arange(len(rows)), rows, np.full(len(rows), value))

    def _add(self, cost: Series, starts: Index, rows: Index, values: Series) -> None:
        count = len(cost)
        status = self._solver.addCols(
            count,
            cost,
            np.zeros(count),
            np.full(count, highspy.kHighsInf),
            len(values),
            starts.astype(np.int32),
            rows.astype(np.int32),
            values,
        )
        if status == highspy.HighsStatus.kError:
            raise InvariantError(f"HiGHS refuses {count} columns of the master problem")

    def box(self, center: Duals, width: float) -> None:
        """Keeps the duals within ``width`` of ``center``, CNY per kW and interval."""
        low, high = self.price_limits
        prices = center.flat
        cost = np.concatenate([prices + width, width - prices])
        # Beyond a row's own price limits there is nothing to keep the duals from.
        open_side = np.concatenate([prices + width < high, prices - width > low])
        self._solver.changeColsCost(len(cost), self._box, cost)
        self._bound_box(np.where(open_side, highspy.kHighsInf, 0.0))

    def unbox(self) -> None:
        """Sets the duals free."""
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
        layout, asked = self.layout, self.asked
        event, blocks = layout.event, layout.blocks
        credited = asked.credit[layout.class_of_slot] * answer.mean_kw
        dense = np.zeros((blocks, layout.intervals))
        np.add.at(dense, layout.block_of_slot, np.concatenate([credited, answer.full_kw[:, event:]], axis=1))
        top_block, top_row = np.nonzero(dense)
        node_value = answer.full_kw[layout.pair_slot, layout.interval_of_row[layout.pair_row]]
        rows = np.concatenate([top_row, layout.intervals + layout.pair_row, self._coupling + np.arange(blocks)])
        cols = np.concatenate([top_block, layout.block_of_slot[layout.pair_slot], np.arange(blocks)])
        data = np.concatenate([dense[top_block, top_row], node_value, np.ones(blocks)])
        matrix = sparse.csc_array((data, (rows, cols)), shape=(self._coupling + blocks, blocks))
        matrix.sum_duplicates()
        cost = answer.cost_cny - answer.full_kw @ asked.energy_worth
        return matrix, np.bincount(layout.block_of_slot, cost, minlength=blocks)

    def solve(self) -> Mixture:
        """The best mixture of all columns so far."""
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            word = self._solver.modelStatusToString(self._solver.getModelStatus())
            raise InvariantError(f"the master problem of price coordination ended as {word!r}")
        solution = self._solver.getSolution()
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        return Mixture(
            float(self._solver.getInfo().objective_function_value),
            self.split(duals[: self._coupling]),
            values[self._first :],
            float(values[self._broken].sum()),
            values[: self.layout.event],
            float(values[self._box].sum()),
        )

    def split(self, prices: Series) -> Duals:
        """Prices in the order of the coupling rows, by what they price."""
        event, count = self.layout.event, self.layout.intervals
        return Duals(prices[:event], prices[event:count], prices[count:])

    @property
    def price_limits(self) -> tuple[Series, Series]:
        """Lowest and highest price of each coupling row that the Lagrangian bound may be taken at."""
        low = np.where(np.isfinite(self._high), -self._cap, 0.0)
        return low, np.where(np.isfinite(self._low), self._cap, 0.0)

    def clipped(self, duals: Duals) -> Duals:
        """The nearest prices within ``price_limits``."""
        low, high = self.price_limits
        return self.split(np.clip(duals.flat, low, high))

    def tables(self, duals: Duals) -> PriceTables:
        """What every resource's response is worth under ``duals``."""
        layout, asked = self.layout, self.asked
        group = np.tile(asked.energy_worth, (layout.groups, 1))
        group[:, layout.event :] += duals.rebound
        at_group, row = layout.group_row
        np.add.at(group, (at_group, layout.interval_of_row[row]), duals.nodes[row])
        return PriceTables(asked.credit * duals.target, group)

    def bound(self, duals: Duals, answer: Answer) -> float:
        """No mixture of any responses has a smaller objective (Lagrangian bound); within ``price_limits``."""
        prices = duals.flat
        used = prices != 0
        side = np.where(prices > 0, self._low, self._high)
        return float(prices[used] @ side[used]) - float(answer.profit_cny.sum())

    def slope(self, prices: Series, answer: Answer) -> Series:
        """How the bound rises with each price: what the answer misses of each coupling row, kW."""
        activity_kw = self.activity_kw(answer)
        side = np.where(prices > 0, self._low, np.where(prices < 0, self._high, np.nan))
        nearest = np.clip(activity_kw, self._low, self._high)
        return np.where(np.isnan(side), nearest, side) - activity_kw

    def activity_kw(self, answer: Answer) -> Series:
        """The coupling rows' sums under an answer."""
        layout = self.layout
        event = layout.event
        credited = (self.asked.credit[layout.class_of_slot] * answer.mean_kw).sum(axis=0)
        node_value = answer.full_kw[layout.pair_slot, layout.interval_of_row[layout.pair_row]]
        nodes = np.bincount(layout.pair_row, node_value, minlength=len(layout.least_kw))
        return np.concatenate([credited, answer.full_kw[:, event:].sum(axis=0), nodes])


PRIMAL = 4
_OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "presolve": "off",
    "solver": "simplex",
    # New columns leave the basis primal feasible: the primal simplex goes on from it.
    "simplex_strategy": PRIMAL,
}
