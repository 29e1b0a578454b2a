"""What ``vpp optimize --explain`` prints: prices per interval and node, limits by what they cost, reasons by number."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from vpp.cli.optimize_outcome import MOST_LIMITS, limits_of, plan_of, shortened
from vpp.domain.dispatch import BindingLimit, DispatchPlan, DispatchProblem, Marginals, PlanningOutcome, Unreachable
from vpp.domain.flexibility import Series
from vpp.domain.reasons import texts_of
from vpp.domain.timegrid import INTERVAL_H, TimeGrid

UNKNOWN = "-"
NO_PRICE_CNY = 5e-5
"""Smaller prices read as 0 in four places."""


def explained(problem: DispatchProblem, outcome: PlanningOutcome) -> list[str]:
    """Lines for the terminal; sections without content are left out."""
    lines = list(_intervals(problem, outcome))
    plan = plan_of(outcome)
    if plan is not None:
        lines += _node_prices(problem.grid, plan.marginals)
    lines += _limits(limits_of(outcome), stops=plan is None or isinstance(outcome, Unreachable))
    if plan is not None:
        lines += _reasons(plan)
    return lines


def _intervals(problem: DispatchProblem, outcome: PlanningOutcome) -> Iterator[str]:
    """Target, what is reached of it, and the price of one more kW, per interval of the event."""
    plan = plan_of(outcome)
    if plan is None:
        return
    reached_kw = outcome.largest_kw if isinstance(outcome, Unreachable) else problem.target_kw - plan.shortfall_kw
    prices = None if plan.marginals is None else plan.marginals.target_cny_per_kw
    yield ""
    yield "interval   target kW  reachable kW  one more kW costs CNY  CNY/kWh"
    for t in range(problem.event_intervals):
        price = UNKNOWN if prices is None else f"{prices[t]:.4f}"
        per_kwh = UNKNOWN if prices is None else f"{prices[t] / INTERVAL_H:.4f}"
        figures = f"{problem.target_kw[t]:10.1f}  {reached_kw[t]:12.1f}  {price:>21}  {per_kwh:>7}"
        yield f"{problem.grid.clock(t):<9} {figures}"
    if prices is None:
        yield f"marginal prices are not known: the {plan.source} method has none"
    elif prices.size:
        low, mean, high = prices.min(), prices.mean(), prices.max()
        yield f"marginal price: min {low:.4f}, mean {mean:.4f}, max {high:.4f} CNY per kW and interval"


def _node_prices(grid: TimeGrid, marginals: Marginals | None) -> Iterator[str]:
    """Nodes whose limits have a price, the dearest first."""
    if marginals is None:
        return
    priced = {name: series for name, series in marginals.node_cny_per_kw.items() if _largest(series) > NO_PRICE_CNY}
    if not priced:
        return
    yield ""
    yield "node prices, CNY per kW of response and interval where the limit costs most"
    ranked = sorted(priced, key=lambda name: -_largest(priced[name]))
    yield from shortened([_node_price(grid, name, priced[name]) for name in ranked])


def _largest(series: Series) -> float:
    return float(np.abs(series).max(initial=0.0))


def _node_price(grid: TimeGrid, name: str, series: Series) -> str:
    at = int(np.argmax(np.abs(series)))
    room = "more" if series[at] < 0 else "less"
    count = int((np.abs(series) > NO_PRICE_CNY).sum())
    return f"{series[at]:>10.4f}  {name} at {grid.clock(at)}: no room for {room} response ({count} intervals)"


def _limits(limits: tuple[BindingLimit, ...], *, stops: bool) -> Iterator[str]:
    """Ranked by saving; those that stop the target in the outcome's own order, which is by importance."""
    if not limits:
        return
    if not stops:
        limits = tuple(sorted(limits, key=lambda limit: (_unknown(limit), -limit.saves_cny_per_kw)))
    yield ""
    yield "what stops more, most important first" if stops else "what keeps the plan from being cheaper, by saving"
    yield f"{'CNY per kW more':>15}  limit"
    yield from shortened([f"{_saving(limit):>15}  {limit.text}" for limit in limits])


def _unknown(limit: BindingLimit) -> bool:
    return math.isnan(limit.saves_cny_per_kw)


def _saving(limit: BindingLimit) -> str:
    return UNKNOWN if _unknown(limit) else f"{limit.saves_cny_per_kw:.4f}"


def _reasons(plan: DispatchPlan) -> Iterator[str]:
    """Reason codes with the number of resources, the most frequent first."""
    counts = Counter(plan.reasons.values())
    if not counts:
        return
    ranked = sorted(counts, key=lambda code: (-counts[code], code))
    width = max(len("reason"), *(len(code) for code in ranked[:MOST_LIMITS]))
    yield ""
    yield f"resources  {'reason':<{width}}  in words"
    yield from shortened([f"{counts[code]:>9}  {code:<{width}}  {texts_of(code)[0]}" for code in ranked])
