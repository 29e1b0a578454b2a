"""Checks a dispatch plan against its problem in plain arithmetic, whoever made the plan, before any command leaves.

Nothing here is shared with the optimiser: states are rebuilt from the responses alone. A limit counts as kept when it
is exceeded by no more than ``TOLERANCE_KW`` (1 W) or ``TOLERANCE_KWH`` (1 Wh); a temperature by ``TOLERANCE_K``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from vpp.domain.dispatch import DispatchNode, DispatchPlan, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Series, Storage
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, INTERVAL_H, TimeGrid

TOLERANCE_KW = 1e-3
TOLERANCE_KWH = 1e-3
TOLERANCE_K = 1e-4

Measure = tuple[str, float]
KW: Measure = ("kW", TOLERANCE_KW)
KWH: Measure = ("kWh", TOLERANCE_KWH)
KELVIN: Measure = ("K", TOLERANCE_K)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit.

    Attributes:
        subject: ``resource:<id>``, ``node:<id>`` or ``plan``.
        limit: Short name of the limit, such as ``available``, ``min_run`` or ``import``.
        interval: Index into the grid; ``None`` for a limit over the whole horizon.
        text: One sentence with figures and units.
    """

    subject: str
    limit: str
    interval: int | None
    text: str


def check_plan(problem: DispatchProblem, plan: DispatchPlan) -> tuple[Violation, ...]:
    """Every limit that ``plan`` breaks; empty when it is feasible.

    A plan whose responses are missing, of the wrong length or not finite is reported for that alone.
    """
    malformed = tuple(_malformed(problem, plan))
    if malformed:
        return malformed
    return (*_resources(problem, plan), *_nodes(problem, plan), *_promises(problem, plan))


def _malformed(problem: DispatchProblem, plan: DispatchPlan) -> Iterator[Violation]:
    known = {resource.id for resource in problem.resources}
    for resource_id in sorted(plan.response_kw.keys() - known):
        yield Violation(f"resource:{resource_id}", "unknown", None, f"resource {resource_id!r} is not in the problem")
    for resource_id in sorted(known):
        if resource_id not in plan.response_kw:
            text = f"resource {resource_id!r} has no response in the plan"
            yield Violation(f"resource:{resource_id}", "missing", None, text)
            continue
        series = np.asarray(plan.response_kw[resource_id], dtype=np.float64)
        if series.shape != (problem.grid.count,):
            text = f"resource {resource_id!r}: {series.size} responses for {problem.grid.count} intervals"
            yield Violation(f"resource:{resource_id}", "length", None, text)
        elif not np.isfinite(series).all():
            at = int(np.flatnonzero(~np.isfinite(series))[0])
            text = f"resource {resource_id!r}: response {series[at]} kW is not finite at {_clock(problem.grid, at)}"
            yield Violation(f"resource:{resource_id}", "finite", at, text)


def _resources(problem: DispatchProblem, plan: DispatchPlan) -> Iterator[Violation]:
    for resource in problem.resources:
        r = np.asarray(plan.response_kw[resource.id], dtype=np.float64)
        check = _Check(resource, problem.grid, problem.event_intervals, r)
        if resource.reserved:
            yield from check.above("reserved", np.abs(r), 0.0, "response of a resource held back as reserve")
            continue
        match resource.flexibility:
            case Curtailable() as f:
                yield from _curtailable(check, f)
            case Block() as f:
                yield from _block(check, f)
            case Charging() as f:
                yield from _charging(check, f)
            case Cooling() as f:
                yield from _cooling(check, f)
            case Storage() as f:
                yield from _storage(check, f)
            case other:
                assert_never(other)


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    resource: DispatchResource
    grid: TimeGrid
    event: int
    r: Series

    def above(
        self, limit: str, value: Series, most: Series | float, what: str, measure: Measure = KW
    ) -> Iterator[Violation]:
        """The first interval in which ``value`` exceeds ``most``, if any."""
        unit, slack = measure
        bound = np.broadcast_to(np.asarray(most, dtype=np.float64), value.shape)
        text = f"{what} {{0:.3f}} {unit} above {{1:.3f}} {unit}"
        yield from self._first(limit, value - bound > slack, value, bound, text)

    def below(
        self, limit: str, value: Series, least: Series | float, what: str, measure: Measure = KW
    ) -> Iterator[Violation]:
        """The first interval in which ``value`` falls below ``least``, if any."""
        unit, slack = measure
        bound = np.broadcast_to(np.asarray(least, dtype=np.float64), value.shape)
        text = f"{what} {{0:.3f}} {unit} below {{1:.3f}} {unit}"
        yield from self._first(limit, bound - value > slack, value, bound, text)

    def only_in_event(self) -> Iterator[Violation]:
        """Responses of kinds that act in event intervals only."""
        outside = np.where(np.arange(self.r.size) >= self.event, np.abs(self.r), 0.0)
        yield from self.above("event_only", outside, 0.0, "response after the event")

    def sentence(self, limit: str, interval: int | None, text: str) -> Violation:
        """A violation of this resource."""
        at = "" if interval is None else f" at {_clock(self.grid, interval)}"
        return Violation(f"resource:{self.resource.id}", limit, interval, f"resource {self.resource.id!r}: {text}{at}")

    def _first(
        self, limit: str, broken: NDArray[np.bool_], value: Series, bound: Series, text: str
    ) -> Iterator[Violation]:
        if broken.any():
            at = int(np.argmax(broken))
            yield self.sentence(limit, at, text.format(float(value[at]), float(bound[at])))


def _curtailable(check: _Check, f: Curtailable) -> Iterator[Violation]:
    most = np.where(np.arange(check.r.size) < check.event, f.segment_1_kw + f.segment_2_kw, 0.0)
    yield from check.only_in_event()
    yield from check.below("sign", check.r, 0.0, "response")
    yield from check.above("available", check.r[: check.event], most[: check.event], "response")
    energy_kwh = float(check.r[: check.event].sum()) * INTERVAL_H
    if energy_kwh > f.energy_max_kwh + TOLERANCE_KWH:
        text = f"curtailed energy {energy_kwh:.3f} kWh above {f.energy_max_kwh:.3f} kWh"
        yield check.sentence("energy", None, text)


def _block(check: _Check, f: Block) -> Iterator[Violation]:
    event = check.event
    r, available, minimum = check.r[:event], f.available_kw[:event], f.minimum_kw[:event]
    yield from check.only_in_event()
    yield from check.below("sign", check.r, 0.0, "response")
    yield from check.above("available", r, available, "response")
    called = r > TOLERANCE_KW
    yield from check.below("minimum", np.where(called, r, minimum), minimum, "response of a call")
    optional = ~called & (minimum <= TOLERANCE_KW)
    broken = _runs_broken(f, called, optional)
    if broken is not None:
        yield check.sentence(*broken)


_Call = tuple[int, int]
"""Intervals that the running call has lasted (0 when off), calls begun so far."""


def _runs_broken(
    f: Block, called: NDArray[np.bool_], optional: NDArray[np.bool_]
) -> tuple[str, int | None, str] | None:
    """Why no sequence of calls explains the responses, or ``None`` when one does.

    An interval without response may belong to a call only where the call's minimum is 0 kW there (``optional``).
    """
    states: set[_Call] = {(f.running_intervals, 0)}
    for t in range(called.size):
        tried: list[_Call | tuple[str, str]] = []
        for state in sorted(states):
            if called[t] or optional[t]:
                tried.append(_goes_on(f, state, called.size - t))
            if not called[t]:
                tried.append(_goes_off(f, state))
        states = {step for step in tried if not isinstance(step[0], str)}
        if not states:
            limit, text = tried[-1]
            return str(limit), t, str(text)
    return None


def _goes_on(f: Block, state: _Call, left: int) -> _Call | tuple[str, str]:
    run, begun = state
    if run:
        return (
            (run + 1, begun) if run < f.max_run else ("max_run", f"call lasts {run + 1} intervals, above {f.max_run}")
        )
    if begun >= f.max_calls:
        return "max_calls", f"call {begun + 1} begins, above {f.max_calls} calls"
    if left < f.min_run:
        return "late_start", f"call begins {left} intervals before the end, below its minimum run of {f.min_run}"
    return 1, begun + 1


def _goes_off(f: Block, state: _Call) -> _Call | tuple[str, str]:
    run, begun = state
    return ("min_run", f"call ends after {run} intervals, below {f.min_run}") if 0 < run < f.min_run else (0, begun)


def _charging(check: _Check, f: Charging) -> Iterator[Violation]:
    power_kw = check.resource.forecast_kw - check.r
    energy_kwh = np.cumsum(power_kw) * INTERVAL_H
    yield from check.below("power_min", power_kw, f.power_min_kw, "power")
    yield from check.above("power_max", power_kw, f.power_max_kw, "power")
    yield from check.below("energy_floor", energy_kwh, f.energy_floor_kwh, "charged energy", KWH)
    yield from check.above("energy_ceiling", energy_kwh, f.energy_ceiling_kwh, "charged energy", KWH)


def _cooling(check: _Check, f: Cooling) -> Iterator[Violation]:
    available = np.where(np.arange(check.r.size) < check.event, f.available_kw, 0.0)
    yield from check.above("available", check.r, available, "response")
    yield from check.below("payback", check.r, -f.payback_max_kw, "response")
    theta_k, theta, undisturbed = f.theta_0_k, np.empty(check.r.size), np.empty(check.r.size)
    for t, response_kw in enumerate(check.r):
        theta_k = f.retention * theta_k + f.gain_k_per_kw * response_kw
        theta[t], undisturbed[t] = theta_k, f.theta_0_k * f.retention ** (t + 1)
    yield from check.above("band", theta, np.maximum(f.band_k, undisturbed), "temperature rise", KELVIN)
    yield from check.below("undercooling", theta, 0.0, "temperature rise", KELVIN)
    end_k = np.full(check.r.size, np.inf)
    end_k[-1] = max(0.25 * f.band_k, undisturbed[-1])
    yield from check.above("end", theta, end_k, "temperature rise at the horizon's end", KELVIN)


def _storage(check: _Check, f: Storage) -> Iterator[Violation]:
    power_kw = check.resource.forecast_kw - check.r
    charge_kw, discharge_kw = np.maximum(power_kw, 0.0), np.maximum(-power_kw, 0.0)
    yield from check.above("power", np.abs(power_kw), f.power_max_kw, "power")
    if not f.export_allowed:
        yield from check.below("export", power_kw, 0.0, "power of a storage that may not export")
    soc_kwh = f.soc_kwh + np.cumsum(f.efficiency * charge_kw - discharge_kw / f.efficiency) * INTERVAL_H
    yield from check.below("soc_min", soc_kwh, f.soc_min_kwh, "state of charge", KWH)
    yield from check.above("capacity", soc_kwh, f.capacity_kwh, "state of charge", KWH)
    end_kwh = np.full(check.r.size, -np.inf)
    end_kwh[-1] = f.soc_end_kwh
    yield from check.below("soc_end", soc_kwh, end_kwh, "state of charge at the horizon's end", KWH)


def _nodes(problem: DispatchProblem, plan: DispatchPlan) -> Iterator[Violation]:
    flow_kw = {node.id: np.array(node.forecast_kw, dtype=np.float64) for node in problem.nodes}
    parent = {node.id: node.parent_id for node in problem.nodes}
    for resource in problem.resources:
        at: str | None = resource.node_id
        while at is not None:
            flow_kw[at] -= plan.response_kw[resource.id]
            at = parent[at]
    for node in problem.nodes:
        yield from _node(problem, node, flow_kw[node.id])


def _node(problem: DispatchProblem, node: DispatchNode, flow_kw: Series) -> Iterator[Violation]:
    import_kw = np.maximum(node.import_limit_kw, node.forecast_kw)
    export_kw = np.minimum(-node.export_limit_kw, node.forecast_kw)
    for limit, broken, bound in (
        ("import", flow_kw - import_kw > TOLERANCE_KW, import_kw),
        ("export", export_kw - flow_kw > TOLERANCE_KW, export_kw),
    ):
        if broken.any():
            at = int(np.argmax(broken))
            text = (
                f"node {node.id!r}: net flow {flow_kw[at]:.3f} kW beyond its {limit} limit of {bound[at] + 0.0:.3f} kW "
                f"at {_clock(problem.grid, at)}"
            )
            yield Violation(f"node:{node.id}", limit, at, text)


def _promises(problem: DispatchProblem, plan: DispatchPlan) -> Iterator[Violation]:
    """What the plan says about itself must follow from its responses."""
    event = problem.event_intervals
    total_kw, expected_kw = np.zeros(problem.grid.count), np.zeros(problem.grid.count)
    for resource in problem.resources:
        total_kw += plan.response_kw[resource.id]
        expected_kw += resource.delivery_fraction * plan.response_kw[resource.id]
    claims = (
        ("shortfall", plan.shortfall_kw, np.maximum(problem.target_kw - expected_kw[:event], 0.0), 0),
        ("rebound", plan.rebound_excess_kw, np.maximum(-total_kw[event:] - problem.rebound_cap_kw, 0.0), event),
    )
    for limit, claimed, true, offset in claims:
        if np.shape(claimed) != true.shape:
            yield Violation("plan", limit, None, f"plan states {np.size(claimed)} {limit} figures for {true.size}")
            continue
        broken = ~(np.abs(claimed - true) <= TOLERANCE_KW)
        if broken.any():
            at = int(np.argmax(broken))
            clock = _clock(problem.grid, at + offset)
            text = f"plan states {limit} {claimed[at]:.3f} kW, its responses give {true[at]:.3f} kW at {clock}"
            yield Violation("plan", limit, at + offset, text)


def _clock(grid: TimeGrid, interval: int) -> str:
    return f"{(grid.start + interval * INTERVAL).astimezone(DISTRICT_ZONE):%H:%M}"
