"""What the page's sections need beyond the report's own figures: sums, extremes, orders and comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from vpp.reporting.figures import PowerUnit, exact, finite, known, mean, power_unit

FIGURE_NAMES = ("committed", "commanded", "acknowledged", "metered", "verified")


@dataclass(frozen=True, slots=True)
class Miss:
    """How far the verified response stayed below the target.

    Attributes:
        largest_kw: In the worst interval with both figures known, > 0 only when there is a miss.
        count: Intervals with a miss.
        unknown: Intervals in which either figure is missing.
        total: Intervals of the event.
    """

    largest_kw: float
    count: int
    unknown: int
    total: int


@dataclass(frozen=True, slots=True)
class FigureBar:
    """One of the five figures: ``*_share`` in percent of the longest bar, ``change`` in percent of the figure above."""

    name: str
    mean_kw: float | None
    lowest_kw: float | None
    mean_share: float
    lowest_share: float | None
    change_percent: float | None


@dataclass(frozen=True, slots=True)
class KindRow:
    """Verified response of one kind over the event."""

    kind: str
    mean_kw: float | None
    lowest_kw: float | None
    share_percent: float | None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node: its response, and how close its net flow came to the import limit.

    Attributes:
        loading_percent: Highest net flow / import limit; ``None`` without either.
        bar_percent: The same for drawing, within [0, 125].
        over: Net flow went above the limit.
        over_before: It was forecast above the limit without the event, too.
    """

    node_id: str
    name: str
    verified_kw: float | None
    verified_share: float
    net_flow_kw: float | None
    forecast_kw: float | None
    limit_kw: float | None
    loading_percent: float | None
    bar_percent: float
    over: bool
    over_before: bool


@dataclass(frozen=True, slots=True)
class FactorRow:
    """Participants whose payment factors lie within one tenth; both ends are ``None`` where none was set."""

    lowest: Decimal | None
    highest: Decimal | None
    participants: int
    response_kwh: Decimal
    payment_cny: Decimal


@dataclass(frozen=True, slots=True)
class SettlementSums:
    """The statements added up, and whether they agree with the totals of the report."""

    rows: tuple[FactorRow, ...]
    response_kwh: Decimal
    payment_cny: Decimal
    paid: int
    mean_price: Decimal | None
    differs: bool


def page_unit(report: Mapping[str, Any]) -> PowerUnit:
    """The unit that suits the event's response; one unit serves the whole page."""
    return power_unit([*report["target_kw"], *report["waterfall"]["verified_kw"], *report["waterfall"]["committed_kw"]])


def miss_of(report: Mapping[str, Any]) -> Miss:
    """Verified against target in every interval."""
    targets, verified = report["target_kw"], report["waterfall"]["verified_kw"]
    pairs = [(finite(target), finite(got)) for target, got in zip(targets, verified, strict=False)]
    gaps = [target - got for target, got in pairs if target is not None and got is not None]
    missing = [gap for gap in gaps if gap > 0.0]
    total = len(report["interval_starts"])
    return Miss(max(missing, default=0.0), len(missing), total - len(gaps), total)


def margins_kw(report: Mapping[str, Any]) -> list[float | None]:
    """Verified less target per interval, ``None`` where either is unknown."""
    margins: list[float | None] = []
    for target, got in zip(report["target_kw"], report["waterfall"]["verified_kw"], strict=False):
        aim, reached = finite(target), finite(got)
        margins.append(None if aim is None or reached is None else reached - aim)
    return margins


def figure_bars(report: Mapping[str, Any]) -> list[FigureBar]:
    """The five figures in order, bars scaled to the longest of them and the target."""
    series = {name: report["waterfall"][f"{name}_kw"] for name in FIGURE_NAMES}
    scale = max([*(mean(values) or 0.0 for values in series.values()), mean(report["target_kw"]) or 0.0]) or 1.0
    bars: list[FigureBar] = []
    above: float | None = None
    for name, values in series.items():
        average, lowest = mean(values), min(known(values), default=None)
        change = None if average is None or not above else 100.0 * (average / above - 1.0)
        bars.append(
            FigureBar(
                name, average, lowest, _share(average, scale), None if lowest is None else _share(lowest, scale), change
            )
        )
        above = average
    return bars


def target_share(report: Mapping[str, Any], bars: Sequence[FigureBar]) -> float | None:
    """Where the mean target stands on the bars' scale, in percent."""
    target = mean(report["target_kw"])
    scale = max([*(bar.mean_kw or 0.0 for bar in bars), target or 0.0])
    return None if target is None or not scale else _share(target, scale)


def kind_rows(report: Mapping[str, Any]) -> list[KindRow]:
    """Kinds in the report's order, with their share of the verified energy."""
    means = {kind: mean(values) for kind, values in report["by_kind"].items()}
    total = sum(value for value in means.values() if value is not None)
    return [
        KindRow(
            kind,
            value,
            min(known(report["by_kind"][kind]), default=None),
            None if value is None or total <= 0.0 else 100.0 * value / total,
        )
        for kind, value in means.items()
    ]


def node_rows(report: Mapping[str, Any]) -> list[NodeRow]:
    """Nodes, the most loaded first; those without a loading last."""
    nodes = report["by_node"]
    widest = max((mean(node["verified_kw"]) or 0.0 for node in nodes.values()), default=0.0) or 1.0
    rows = [_node_row(node_id, node, widest) for node_id, node in nodes.items()]
    return sorted(rows, key=lambda row: -1.0 if row.loading_percent is None else row.loading_percent, reverse=True)


def _node_row(node_id: str, node: Mapping[str, Any], widest: float) -> NodeRow:
    flow = max(known(node["net_flow_kw"]), default=None)
    forecast = max(known(node.get("forecast_kw")), default=None)
    # The tightest of the event's intervals stands for all: a limit that holds for a while is looked at as such.
    limit = min(known(node.get("import_limits_kw")), default=finite(node.get("import_limit_kw")))
    verified = mean(node["verified_kw"])
    loading = None if flow is None or not limit else 100.0 * flow / limit
    return NodeRow(
        node_id=node_id,
        name=node.get("name") or node_id,
        verified_kw=verified,
        verified_share=_share(verified, widest),
        net_flow_kw=flow,
        forecast_kw=forecast,
        limit_kw=limit,
        loading_percent=loading,
        bar_percent=min(max(loading or 0.0, 0.0), 125.0),
        over=limit is not None and flow is not None and flow > limit,
        over_before=limit is not None and forecast is not None and forecast > limit,
    )


def by_response(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Participants, the largest response first, those without a figure last; ties by id."""

    def order(line: Mapping[str, Any]) -> tuple[bool, Decimal, str]:
        energy = exact(line.get("response_kwh"))
        return energy is None, -(energy or Decimal()), str(line["id"])

    return sorted(report["participants"], key=order)


def settlement_sums(report: Mapping[str, Any]) -> SettlementSums:
    """The participants' lines by tenths of the factor, highest first, compared with the totals to a cent and 1 kWh."""
    groups: dict[Decimal | None, list[Mapping[str, Any]]] = {}
    for line in report["participants"]:
        groups.setdefault(_tenth(exact(line.get("factor"))), []).append(line)
    rows = tuple(
        _factor_row(lines) for _, lines in sorted(groups.items(), key=lambda pair: (pair[0] is None, -(pair[0] or 0)))
    )
    energy = sum((row.response_kwh for row in rows), Decimal())
    money = sum((row.payment_cny for row in rows), Decimal())
    settlement = report["settlement"]
    total_cny, total_kwh = exact(settlement["total_payment_cny"]), exact(settlement["total_response_kwh"])
    differs = (total_cny is not None and abs(total_cny - money) >= Decimal("0.005")) or (
        total_kwh is not None and abs(total_kwh - energy) >= 1
    )
    return SettlementSums(
        rows=rows,
        response_kwh=energy,
        payment_cny=money,
        paid=sum(1 for line in report["participants"] if (exact(line.get("payment_cny")) or 0) > 0),
        mean_price=total_cny / total_kwh if total_cny is not None and total_kwh else None,
        differs=differs,
    )


def _tenth(factor: Decimal | None) -> Decimal | None:
    return None if factor is None else factor.quantize(Decimal("0.1"), rounding=ROUND_FLOOR)


def _factor_row(lines: Sequence[Mapping[str, Any]]) -> FactorRow:
    factors = [factor for factor in (exact(line.get("factor")) for line in lines) if factor is not None]
    return FactorRow(
        min(factors, default=None),
        max(factors, default=None),
        len(lines),
        _sum(lines, "response_kwh"),
        _sum(lines, "payment_cny"),
    )


def _sum(lines: Sequence[Mapping[str, Any]], key: str) -> Decimal:
    return sum((value for value in (exact(line.get(key)) for line in lines) if value is not None), Decimal())


def _share(value: float | None, scale: float) -> float:
    return min(max(100.0 * (value or 0.0) / scale, 0.0), 100.0)
