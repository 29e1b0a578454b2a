"""Dispatch problems and plans as JSON files: pydantic at this edge, domain types behind it."""

import json
from pathlib import Path
from typing import Any, Literal, assert_never

import numpy as np
from pydantic import BaseModel, ValidationError

from vpp.domain.dispatch import (
    BindingLimit,
    DispatchNode,
    DispatchPlan,
    DispatchProblem,
    DispatchResource,
    Infeasible,
    Planned,
    PlanningOutcome,
    TimedOut,
    Unreachable,
)
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid, format_instant, parse_instant
from vpp.infra.dispatch_schema import BindingFile, NodeFile, PlanFile, ProblemFile, ResourceFile

SHOWN_CHARACTERS = 60


def read_problem(path: Path) -> DispatchProblem:
    """The dispatch problem of a JSON file.

    Raises:
        ConfigError: unreadable, not JSON, or not a problem; names file, key path, value and expectation.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read: {error}") from error
    try:
        parsed = ProblemFile.model_validate_json(text)
        return problem_of(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(str(path), key, f"{_shown(first['input'])}: {first['msg']}") from error
    except _WrongLengthError as error:
        raise ConfigError(str(path), error.key, f"{error.found} values: expected {error.expected}") from error
    except InputError as error:
        raise ConfigError(str(path), "", str(error)) from error


def problem_of(file: ProblemFile) -> DispatchProblem:
    """The domain's problem behind a parsed file."""
    count, event = file.intervals, file.event_intervals
    if event > count:
        raise InputError(f"event_intervals {event} is above intervals {count}")
    return DispatchProblem(
        TimeGrid(parse_instant(file.start), count),
        event,
        _series("target_kw", file.target_kw, event),
        _series("rebound_cap_kw", file.rebound_cap_kw, count - event),
        tuple(_resource(f"resources.{i}", entry, count) for i, entry in enumerate(file.resources)),
        tuple(_node(f"nodes.{i}", entry, count) for i, entry in enumerate(file.nodes)),
        file.reserve_fraction,
        file.shortfall_cny_per_kwh,
        file.rebound_cny_per_kwh,
    )


class _WrongLengthError(InputError):
    def __init__(self, key: str, found: int, expected: int) -> None:
        self.key, self.found, self.expected = key, found, expected
        super().__init__(f"{key}: {found} values: expected {expected}")


def _series(key: str, values: list[float], count: int) -> Series:
    if len(values) != count:
        raise _WrongLengthError(key, len(values), count)
    return np.array(values, dtype=np.float64)


def _limit(key: str, values: list[float | None] | None, count: int) -> Series:
    if values is None:
        return np.full(count, np.inf)
    return _series(key, [np.inf if value is None else value for value in values], count)


def _node(key: str, file: NodeFile, count: int) -> DispatchNode:
    return DispatchNode(
        file.id,
        file.parent_id,
        _series(f"{key}.forecast_kw", file.forecast_kw, count),
        _limit(f"{key}.import_limit_kw", file.import_limit_kw, count),
        _limit(f"{key}.export_limit_kw", file.export_limit_kw, count),
    )


def _resource(key: str, file: ResourceFile, count: int) -> DispatchResource:
    return DispatchResource(
        file.id,
        file.node_id,
        _series(f"{key}.forecast_kw", file.forecast_kw, count),
        _flexibility(f"{key}.flexibility", file.flexibility.kind, file.flexibility, count),
        file.delivery_fraction,
        file.reserved,
    )


_KINDS: dict[str, type[Flexibility]] = {
    "curtailable": Curtailable,
    "block": Block,
    "charging": Charging,
    "cooling": Cooling,
    "storage": Storage,
}


def _flexibility(key: str, kind: str, file: BaseModel, count: int) -> Flexibility:
    fields: dict[str, Any] = {
        name: _series(f"{key}.{name}", value, count) if isinstance(value, list) else value
        for name, value in file
        if name != "kind"
    }
    return _KINDS[kind](**fields)


def problem_file(problem: DispatchProblem) -> ProblemFile:
    """The file form of a problem; reading it back gives equal figures."""
    names = {kind: name for name, kind in _KINDS.items()}
    return ProblemFile.model_validate(
        {
            "start": format_instant(problem.grid.start),
            "intervals": problem.grid.count,
            "event_intervals": problem.event_intervals,
            "target_kw": problem.target_kw.tolist(),
            "rebound_cap_kw": problem.rebound_cap_kw.tolist(),
            "reserve_fraction": problem.reserve_fraction,
            "shortfall_cny_per_kwh": problem.shortfall_cny_per_kwh,
            "rebound_cny_per_kwh": problem.rebound_cny_per_kwh,
            "nodes": [
                {
                    "id": node.id,
                    "parent_id": node.parent_id,
                    "forecast_kw": node.forecast_kw.tolist(),
                    "import_limit_kw": _nullable(node.import_limit_kw),
                    "export_limit_kw": _nullable(node.export_limit_kw),
                }
                for node in problem.nodes
            ],
            "resources": [
                {
                    "id": resource.id,
                    "node_id": resource.node_id,
                    "forecast_kw": resource.forecast_kw.tolist(),
                    "flexibility": {"kind": names[type(resource.flexibility)], **_fields(resource.flexibility)},
                    "delivery_fraction": resource.delivery_fraction,
                    "reserved": resource.reserved,
                }
                for resource in problem.resources
            ],
        }
    )


def _nullable(limit: Series) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in limit.tolist()]


def _fields(flexibility: Flexibility) -> dict[str, object]:
    fields = {name: getattr(flexibility, name) for name in flexibility.__dataclass_fields__}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}


def plan_file(problem: DispatchProblem, outcome: PlanningOutcome, *, explain: bool) -> PlanFile:
    """The file form of an outcome; with ``explain``, a reason per resource."""
    match outcome:
        case Planned():
            return _plan(problem, outcome.plan, "planned", explain=explain)
        case Unreachable():
            plan = _plan(problem, outcome.plan, "unreachable", explain=explain)
            return plan.model_copy(
                update={"largest_kw": outcome.largest_kw.tolist(), "binding": _binding(outcome.binding)}
            )
        case TimedOut():
            plan = _plan(problem, outcome.plan, "timed_out", explain=explain)
            return plan.model_copy(update={"status": outcome.reason})
        case Infeasible():
            return _no_plan(problem, outcome)
        case other:
            assert_never(other)


def _binding(limits: tuple[BindingLimit, ...]) -> list[BindingFile]:
    return [BindingFile(name=limit.name, interval=limit.interval, text=limit.text) for limit in limits]


def _plan(
    problem: DispatchProblem,
    plan: DispatchPlan,
    outcome: Literal["planned", "unreachable", "timed_out"],
    *,
    explain: bool,
) -> PlanFile:
    forecasts = {resource.id: resource.forecast_kw for resource in problem.resources}
    return PlanFile(
        outcome=outcome,
        start=format_instant(problem.grid.start),
        source=plan.source,
        status=plan.status,
        gap=plan.gap if np.isfinite(plan.gap) else None,
        cost_cny=plan.cost_cny,
        response_kw={name: series.tolist() for name, series in plan.response_kw.items()},
        setpoint_kw={name: (forecasts[name] - series).tolist() for name, series in plan.response_kw.items()},
        shortfall_kw=plan.shortfall_kw.tolist(),
        rebound_excess_kw=plan.rebound_excess_kw.tolist(),
        largest_kw=None,
        binding=[],
        reasons=dict(plan.reasons) if explain else None,
        wall_s=plan.wall_s,
    )


def _no_plan(problem: DispatchProblem, outcome: Infeasible) -> PlanFile:
    return PlanFile(
        outcome="infeasible",
        start=format_instant(problem.grid.start),
        source=None,
        status=outcome.reason,
        gap=None,
        cost_cny=None,
        response_kw={},
        setpoint_kw={},
        shortfall_kw=[],
        rebound_excess_kw=[],
        largest_kw=None,
        binding=_binding(outcome.binding),
        reasons=None,
        wall_s=None,
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
