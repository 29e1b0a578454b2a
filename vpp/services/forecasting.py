"""Baselines: computed once before the event by the programme's rule, frozen, and judged on placebo days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from vpp.domain.baseline import LOOKBACK_DAYS, Baseline, BaselineMethod, BaselineRule, estimate_baselines, quantise_w
from vpp.domain.book import EventRecord
from vpp.domain.evidence import PlaceboTest, choose_placebo_days, join_tests, placebo_test, portfolio_sigma_kw
from vpp.domain.facts import BaselinesFrozen
from vpp.domain.load_history import EventHours, LoadHistory
from vpp.domain.outcome import called_from, commanded_kw
from vpp.domain.programs import Program
from vpp.domain.timegrid import INTERVAL, INTERVAL_H, TimeGrid, day_grid, day_start, trading_day
from vpp.domain.working_days import WorkingDays, days_between
from vpp.ports import Clock, MeterArchive, Workers
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

Calendar = Callable[[Sequence[date]], WorkingDays]
PLACEBO_SHARE = 0.35
WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class BaselineWork:
    """What a worker needs to compute the baselines of one event."""

    history: LoadHistory
    calendar: WorkingDays
    event: EventHours
    rules: Mapping[str, BaselineRule]


@dataclass(frozen=True, slots=True, eq=False)
class BaselineResult:
    """Whole-day baselines per meter (96 values), with methods, findings and the placebo test of all of them."""

    day_kw: dict[str, np.ndarray]
    methods: dict[str, str]
    findings: dict[str, tuple[str, ...]]
    insufficient: dict[str, str]
    placebo: PlaceboTest | None


def compute_baselines(work: BaselineWork) -> BaselineResult:
    """Baselines of all meters, each by its own rule, and their placebo test."""
    result = BaselineResult({}, {}, {}, {}, None)
    tests: list[PlaceboTest] = []
    days = choose_placebo_days(work.history, work.calendar, work.event, share=PLACEBO_SHARE)
    for rule in dict.fromkeys(work.rules.values()):
        rows = [i for i, meter in enumerate(work.history.meter_ids) if work.rules[meter] == rule]
        part = _rows(work.history, rows)
        table = estimate_baselines(part, work.calendar, work.event, rule)
        for row, meter_id in enumerate(part.meter_ids):
            outcome = table.outcome(row)
            if isinstance(outcome, Baseline):
                result.day_kw[meter_id] = outcome.kw
                result.methods[meter_id] = f"{outcome.method} {outcome.adjustment}"
                if outcome.findings:
                    result.findings[meter_id] = outcome.findings
            else:
                result.insufficient[meter_id] = outcome.reason
        if days:
            tests.append(placebo_test(part, work.calendar, work.event.slots, days, rule))
    placebo = join_tests(tests) if tests else None
    return BaselineResult(result.day_kw, result.methods, result.findings, result.insufficient, placebo)


def _rows(history: LoadHistory, rows: Sequence[int]) -> LoadHistory:
    return LoadHistory(
        tuple(history.meter_ids[i] for i in rows),
        history.days,
        history.power_kw[list(rows)],
        history.event_days[list(rows)],
        history.outage_days[list(rows)],
    )


class Forecasting:
    """Freezes baselines."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        archive: MeterArchive,
        workers: Workers,
        *,
        clock: Clock,
        calendar: Calendar,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._archive = archive
        self._workers = workers
        self._clock = clock
        self._calendar = calendar
        self._placebo: dict[str, PlaceboTest | None] = {}

    async def freeze(self, event_id: str, program: Program, *, recovery_intervals: int) -> None:
        """Computes and records the baselines of every committed resource over event and recovery."""
        record = self._recorder.book.event(event_id)
        committed = record.commitment.resource_ids if record.commitment else ()
        rules = {r: self._rule(record, program, r) for r in committed}
        averaged = [r for r, rule in rules.items() if rule.method is not BaselineMethod.DECLARED_SCHEDULE]
        work = await self._work(record, averaged, rules)
        result = await self._workers.run(compute_baselines, work)
        self._placebo[event_id] = result.placebo
        for resource_id in set(committed) - set(averaged):
            self._declare_schedule(resource_id, record, result)
        grid = TimeGrid(record.declaration.start, len(record.grid) + recovery_intervals)
        await self._recorder.record(
            BaselinesFrozen(
                at=self._clock.now(),
                event_id=event_id,
                grid_start=grid.start,
                baseline_kw={r: _cut(kw, grid) for r, kw in result.day_kw.items()},
                methods=result.methods,
                findings=result.findings | {r: (reason,) for r, reason in result.insufficient.items()},
                placebo=_figures(result.placebo),
                day_baseline_kw={r: _rounded(kw) for r, kw in result.day_kw.items()},
            )
        )

    def portfolio_sigma_kw(self, event_id: str, resource_ids: Sequence[str]) -> float | None:
        """Placebo error of these resources' summed baselines; ``None`` when it was not tested in this run."""
        placebo = self._placebo.get(event_id)
        tested = [r for r in resource_ids if placebo is not None and r in placebo.meter_ids]
        return portfolio_sigma_kw(placebo, tested) if placebo is not None and tested else None

    def _rule(self, record: EventRecord, program: Program, resource_id: str) -> BaselineRule:
        site = self._registry.fleet.site_of(resource_id)
        kind = self._registry.fleet.resource(resource_id).kind
        return program.baseline_choice(record.declaration.direction, site.customer_class, kind).rule()

    async def _work(
        self, record: EventRecord, meters: Sequence[str], rules: Mapping[str, BaselineRule]
    ) -> BaselineWork:
        day = trading_day(record.declaration.start)
        first = day - timedelta(days=LOOKBACK_DAYS)
        days = days_between(first, day)
        grid = TimeGrid.between(day_start(first), day_grid(day).end)
        energy = await self._archive.interval_energy(meters, grid)
        power_kw = energy.energy_wh.reshape(len(meters), len(days), len(day_grid(day))) / WH_PER_KWH / INTERVAL_H
        event_days = np.zeros((len(meters), len(days)), dtype=np.bool_)
        for past in self._recorder.book.events.values():
            past_day = trading_day(past.declaration.start)
            if past is record or past_day not in days:
                continue
            called = {r for r, asked in commanded_kw(past).items() if called_from(asked) is not None}
            event_days[[i for i, m in enumerate(meters) if m in called], days.index(past_day)] = True
        history = LoadHistory.of(meters, days, power_kw, event_days=event_days)
        event = EventHours.of_grid(record.grid, whole_day=True)
        return BaselineWork(history, self._calendar(days), event, {m: rules[m] for m in meters})

    def _declare_schedule(self, resource_id: str, record: EventRecord, result: BaselineResult) -> None:
        """A storage is measured against the schedule that its gateway declared before the event; firm at 0 outside."""
        offer = self._registry.offers.get(resource_id)
        if offer is None:
            result.insufficient[resource_id] = "no schedule was declared"
            return
        whole = day_grid(trading_day(record.declaration.start))
        schedule = np.zeros(len(whole))
        first = whole.index_of(offer.grid.start)
        count = min(len(offer.grid), len(whole) - first)
        schedule[first : first + count] = offer.forecast_kw[:count]
        result.day_kw[resource_id] = schedule
        result.methods[resource_id] = BaselineMethod.DECLARED_SCHEDULE.value


def _cut(day_kw: np.ndarray, grid: TimeGrid) -> tuple[float, ...]:
    """The part of a whole-day array that ``grid`` covers; what passes midnight repeats the day's last value."""
    first = (grid.start - day_start(trading_day(grid.start))) // INTERVAL
    columns = np.minimum(np.arange(first, first + len(grid)), len(day_kw) - 1)
    return _rounded(day_kw[columns])


def _rounded(power_kw: np.ndarray) -> tuple[float, ...]:
    """Whole watts, as kW; a slot without any reading is taken as 0, which only whole-day arrays can hold."""
    return tuple(float(x) for x in quantise_w(np.nan_to_num(power_kw)) / 1000.0)


def _figures(placebo: PlaceboTest | None) -> dict[str, float]:
    if placebo is None:
        return {}
    adjusted, unadjusted = placebo.portfolio(adjusted=True), placebo.portfolio(adjusted=False)
    figures: dict[str, float] = {"days": float(len(placebo.days))}
    if adjusted is not None and unadjusted is not None:
        figures |= {
            "bias_percent": adjusted.bias_percent,
            "cvrmse_percent": adjusted.cvrmse_percent,
            "unadjusted_bias_percent": unadjusted.bias_percent,
            "unadjusted_cvrmse_percent": unadjusted.cvrmse_percent,
        }
    return figures
