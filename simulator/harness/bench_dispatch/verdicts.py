"""What was asked of the optimiser, beside what was measured."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from simulator.harness.bench_dispatch.figures import growth_exponent
from simulator.harness.bench_dispatch.measured import Measured
from simulator.harness.bench_dispatch.storage_rows import StorageRun

GROWTH_FROM = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A limit: at most ``must``, or at least where ``more_is_better``; ``None`` where a figure is only reported."""

    quantity: str
    unit: str
    must: float | None
    stretch: float | None = None
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure against its limit."""

    case: str
    asked: Asked
    value: float

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; ``None`` where there is none, or no figure."""
        if self.asked.must is None or math.isnan(self.value):
            return None
        return self.value >= self.asked.must if self.asked.more_is_better else self.value <= self.asked.must

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file of figures."""
        return {"case": self.case, **asdict(self.asked), "value": self.value, "met": self.met}

    def line(self) -> str:
        """As it is printed."""
        figure = f"{self.case}: {self.asked.quantity} {self.value:.4g} {self.asked.unit}".rstrip()
        if self.asked.must is None or self.met is None:
            return f"{'reported':10}{figure}"
        sign = ">=" if self.asked.more_is_better else "<="
        asked = f"asked {sign} {self.asked.must:g} {self.asked.unit}".rstrip()
        return f"{'met' if self.met else 'MISSED':10}{figure} ({asked})"


@dataclass(frozen=True, slots=True)
class Fleets:
    """Measured rows, looked up by what they are about."""

    rows: tuple[Measured, ...]

    def find(self, measurement: str, **arguments: object) -> Measured | None:
        """The first row of ``measurement`` with ``arguments``; ``None`` where there is none with figures."""
        for row in self.rows:
            said = row.row.arguments
            if row.row.measurement == measurement and all(said.get(key) == value for key, value in arguments.items()):
                return row if row.times_s else None
        return None

    def sizes(self) -> list[int]:
        """Numbers of resources of all rows."""
        return sorted({row.row.arguments["resources"] for row in self.rows if "resources" in row.row.arguments})


def fleet_verdicts(fleets: Fleets) -> list[Verdict]:
    """All that can be said about fleets from what was measured."""
    found = [verdict for size in fleets.sizes() for verdict in _of_size(fleets, size)]
    for blocks in (False, True):
        rows = {
            size: row.times_s
            for size in fleets.sizes()
            if size >= GROWTH_FROM and (row := fleets.find("planned", resources=size, blocks=blocks)) is not None
        }
        if len(rows) > 1:
            asked = Asked("growth of time with resources, exponent", "", 1.05)
            found.append(Verdict("with calls" if blocks else "divisible", asked, growth_exponent(rows)))
    return found


WALL_S = {
    (10_000, False): (3.0, 2.0),
    (10_000, True): (4.0, None),
    (100_000, False): (6.0, 4.0),
    (100_000, True): (6.0, 4.0),
    (1_000_000, False): (35.0, 10.0),
    (1_000_000, True): (60.0, 10.0),
}
GAP_PERCENT = {
    (1_000, False): (0.5, 0.1),
    (1_000, True): (0.5, 0.1),
    (10_000, False): (0.3, 0.1),
    (10_000, True): (0.6, 0.3),
    (100_000, False): (0.6, None),
    (100_000, True): (0.6, None),
    (1_000_000, False): (1.0, None),
    (1_000_000, True): (1.5, None),
}
MEMORY_MB = {100_000: 500.0, 1_000_000: 2500.0}
REPLAN_S = {1_000: (0.3, 0.1), 10_000: (2.5, 1.0)}
RATIOS = {"direct": 10.0, "pyomo": 20.0}
SHORTFALL_PERCENT = 0.02


def _of_size(fleets: Fleets, size: int) -> Iterable[Verdict]:
    for blocks in (False, True):
        row = fleets.find("planned", resources=size, blocks=blocks)
        if row is None:
            continue
        name = f"{size} resources, {'with calls' if blocks else 'divisible'}"
        if (size, blocks) in WALL_S:
            yield Verdict(name, Asked("time", "s", *WALL_S[size, blocks]), row.median_s)
        if (size, blocks) in GAP_PERCENT:
            exact, percent = _above_exact(fleets, row, size, blocks=blocks)
            yield Verdict(name, Asked(f"cost above {exact}", "%", *GAP_PERCENT[size, blocks]), percent)
        if size in MEMORY_MB:
            yield Verdict(name, Asked("memory", "MB", MEMORY_MB[size]), row.peak_rss_mb)
        if blocks:
            share = 100.0 * float(row.answer["shortfall_share"])
            yield Verdict(name, Asked("shortfall", "% of the target", SHORTFALL_PERCENT), share)
            yield from _against_search(fleets, row, size, name)
        else:
            yield from _ratios(fleets, row, size, name)
    again = fleets.find("replanned", resources=size)
    if again is not None and size in REPLAN_S:
        yield Verdict(f"{size} resources, planned again", Asked("time", "s", *REPLAN_S[size]), again.median_s)


def _above_exact(fleets: Fleets, row: Measured, size: int, *, blocks: bool) -> tuple[str, float]:
    """Per cent above the exact optimum where it is known, else above the plan's own bound."""
    exact = None if blocks else fleets.find("whole", resources=size, blocks=False, builder="direct")
    objective = float(row.answer["objective_cny"])
    name, known = "its bound", float(row.answer["bound_cny"])
    if exact is not None and exact.answer["status"] == "optimal":
        name, known = "the exact optimum", float(exact.answer["objective_cny"])
    return name, 100.0 * (objective - known) / abs(known)


def _ratios(fleets: Fleets, row: Measured, size: int, name: str) -> Iterable[Verdict]:
    for builder, must in RATIOS.items():
        peer = fleets.find("whole", resources=size, blocks=False, builder=builder)
        if peer is None:
            continue
        whom = "HiGHS interior point" if builder == "direct" else "the same through Pyomo"
        least = must if size >= GROWTH_FROM else None
        asked = Asked(f"times faster than {whom}", "x", least, more_is_better=True)
        yield Verdict(name, asked, peer.median_s / row.median_s)


def _against_search(fleets: Fleets, row: Measured, size: int, name: str) -> Iterable[Verdict]:
    peer = fleets.find("whole", resources=size, blocks=True)
    if peer is None:
        return
    objective = peer.answer["objective_cny"]
    asked = Asked(f"cost above HiGHS's after {peer.row.arguments['time_limit_s']:.3g} s", "%", 0.0)
    if not isinstance(objective, float) or math.isnan(objective) or peer.answer["shortfall_kwh"] > 1.0:
        yield Verdict(f"{name} (HiGHS had no plan that reaches the target)", asked, -math.inf)
    else:
        yield Verdict(name, asked, 100.0 * (float(row.answer["objective_cny"]) - objective) / abs(objective))


STORAGE_RATIO: dict[int, tuple[float | None, float | None]] = {20: (50.0, 100.0), 100: (25.0, 100.0)}
SAME_OPTIMUM = 1e-4


def storage_verdicts(runs: Iterable[StorageRun]) -> list[Verdict]:
    """What can be said about batteries."""
    found = []
    for run in runs:
        case = f"{run.storages} storages"
        found.append(Verdict(case, Asked("problems of our schedule", "", 0.0), float(len(run.problems))))
        must, stretch = STORAGE_RATIO.get(run.storages, (None, None))
        for back_end, ratio in run.ratios().items():
            least = must if back_end == "highspy" else None
            asked = Asked(f"times faster than FlexMeasures ({back_end})", "x", least, stretch, more_is_better=True)
            found.append(Verdict(case, asked, ratio))
            apart = Asked(f"cost apart from FlexMeasures ({back_end}), relative", "", SAME_OPTIMUM)
            found.append(Verdict(case, apart, run.apart(back_end)))
    return found
