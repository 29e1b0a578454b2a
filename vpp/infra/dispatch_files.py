"""Dispatch problems as JSON files: pydantic at this edge, domain types behind it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.events import Direction
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid, format_instant, parse_instant
from vpp.infra.dispatch_schema import NodeFile, ProblemFile, ResourceFile

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
    prices = file.energy_price_cny_per_kwh
    return DispatchProblem(
        grid=TimeGrid(parse_instant(file.start), count),
        event_intervals=event,
        target_kw=_series("target_kw", file.target_kw, event),
        rebound_cap_kw=_series("rebound_cap_kw", file.rebound_cap_kw, count - event),
        resources=tuple(_resource(f"resources.{i}", entry, count) for i, entry in enumerate(file.resources)),
        nodes=tuple(_node(f"nodes.{i}", entry, count) for i, entry in enumerate(file.nodes)),
        direction=Direction(file.direction),
        coverage=file.coverage,
        common_sd=file.common_sd,
        energy_price_cny_per_kwh=None if prices is None else _series("energy_price_cny_per_kwh", prices, count),
        shortfall_cny_per_kwh=file.shortfall_cny_per_kwh,
        rebound_cny_per_kwh=file.rebound_cny_per_kwh,
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
        delivery_fraction=file.delivery_fraction,
        delivery_sd=file.delivery_sd,
        delivery_class=file.delivery_class,
        use_price_cny_per_kwh=file.use_price_cny_per_kwh,
        reserved=file.reserved,
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
    prices = problem.energy_price_cny_per_kwh
    return ProblemFile.model_validate(
        {
            "start": format_instant(problem.grid.start),
            "intervals": problem.grid.count,
            "event_intervals": problem.event_intervals,
            "target_kw": problem.target_kw.tolist(),
            "rebound_cap_kw": problem.rebound_cap_kw.tolist(),
            "direction": problem.direction.value,
            "coverage": problem.coverage,
            "common_sd": dict(problem.common_sd),
            "energy_price_cny_per_kwh": None if prices is None else prices.tolist(),
            "shortfall_cny_per_kwh": problem.shortfall_cny_per_kwh,
            "rebound_cny_per_kwh": problem.rebound_cny_per_kwh,
            "nodes": [_node_fields(node) for node in problem.nodes],
            "resources": [_resource_fields(resource) for resource in problem.resources],
        }
    )


def _node_fields(node: DispatchNode) -> dict[str, object]:
    return {
        "id": node.id,
        "parent_id": node.parent_id,
        "forecast_kw": node.forecast_kw.tolist(),
        "import_limit_kw": _nullable(node.import_limit_kw),
        "export_limit_kw": _nullable(node.export_limit_kw),
    }


def _resource_fields(resource: DispatchResource) -> dict[str, object]:
    kind = next(name for name, kind in _KINDS.items() if isinstance(resource.flexibility, kind))
    return {
        "id": resource.id,
        "node_id": resource.node_id,
        "forecast_kw": resource.forecast_kw.tolist(),
        "flexibility": {"kind": kind, **_fields(resource.flexibility)},
        "delivery_fraction": resource.delivery_fraction,
        "delivery_sd": resource.delivery_sd,
        "delivery_class": resource.delivery_class,
        "use_price_cny_per_kwh": resource.use_price_cny_per_kwh,
        "reserved": resource.reserved,
    }


def _nullable(limit: Series) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in limit.tolist()]


def _fields(flexibility: Flexibility) -> dict[str, object]:
    fields = {name: getattr(flexibility, name) for name in flexibility.__dataclass_fields__}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
