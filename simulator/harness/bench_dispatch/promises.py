"""What a plan promises, kept or not: that it comes before its deadline, and that it is met as often as it says."""

from collections.abc import Iterable

from simulator.harness.bench_dispatch.measured import Measured
from simulator.harness.bench_dispatch.verdicts import Asked, Verdict

ALL_PERCENT = 100.0
WITHIN_100_MS_PERCENT = 99.5
MET_PERCENT = (93.0, 97.5)
"""In the interval that is met least often, and in the one that is met most often."""
LARGE_FROM = 1_000
"""Resources from which a 95 % plan can be as close as the upper limit asks."""


def promise_verdicts(rows: Iterable[Measured]) -> list[Verdict]:
    """What can be said about deadlines and about uncertain delivery; nothing of rows without figures."""
    said = {"deadline": _deadline, "delivered": _delivered}
    return [verdict for row in rows if row.times_s for verdict in said[row.row.measurement](row)]


def _deadline(row: Measured) -> Iterable[Verdict]:
    asked = {
        "feasible_share": Asked("calls with a feasible plan", "%", ALL_PERCENT, more_is_better=True),
        "within_100_ms_share": Asked(
            "calls answered within budget + 100 ms", "%", WITHIN_100_MS_PERCENT, more_is_better=True
        ),
        "within_500_ms_share": Asked("calls answered within budget + 500 ms", "%", ALL_PERCENT, more_is_better=True),
    }
    for figure, limit in asked.items():
        yield Verdict(row.row.name, limit, 100.0 * float(row.answer[figure]))
    yield Verdict(row.row.name, Asked("largest overshoot", "s", None), float(row.answer["largest_overshoot_s"]))


def _delivered(row: Measured) -> Iterable[Verdict]:
    least, most = MET_PERCENT
    asked_most = most if row.row.arguments["resources"] >= LARGE_FROM else None
    least_met, most_met = 100.0 * row.answer["met_share_min"], 100.0 * row.answer["met_share_max"]
    name = row.row.name
    yield Verdict(name, Asked("problems of the plan", "", 0.0), float(len(row.answer["problems"])))
    yield Verdict(name, Asked("target met, least often", "% of draws", least, more_is_better=True), least_met)
    yield Verdict(name, Asked("target met, most often", "% of draws", asked_most), most_met)
