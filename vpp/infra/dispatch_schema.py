"""The shape of dispatch problem and plan files, and their JSON Schemas.

``python -m vpp.infra.dispatch_schema configs/wire/v1`` writes the schemas; a test fails when they lag behind.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from vpp.domain.dispatch import DEFAULT_COVERAGE, REBOUND_CNY_PER_KWH, SHORTFALL_CNY_PER_KWH
from vpp.domain.errors import InputError
from vpp.domain.timegrid import format_instant, parse_instant

PROBLEM_SCHEMA = "dispatch-problem.schema.json"
PLAN_SCHEMA = "dispatch-plan.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _instant_text(text: object) -> str:
    try:
        return format_instant(parse_instant(text))
    except InputError as error:
        raise ValueError(str(error)) from error


def _replaced(reserve_fraction: float) -> float:
    if reserve_fraction:
        raise ValueError("a fixed reserve is no longer held: coverage (0.5 to below 1) and delivery_sd replaced it")
    return reserve_fraction


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
Count = Annotated[int, Field(strict=True, ge=0)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Flag = Annotated[bool, Field(strict=True)]
NoReserve = Annotated[
    float,
    Field(strict=True, ge=0, exclude=True, description="0 or left out: coverage replaced the fixed reserve."),
    AfterValidator(_replaced),
    WithJsonSchema({"type": "number", "const": 0, "deprecated": True}),
]
Instant = Annotated[str, BeforeValidator(_instant_text), WithJsonSchema({"type": "string", "format": "date-time"})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CurtailableFile(_Strict):
    """Divisible curtailment in two price segments."""

    kind: Literal["curtailable"]
    segment_1_kw: list[NonNegative]
    segment_2_kw: list[NonNegative]
    cost_1_cny_per_kwh: NonNegative
    cost_2_cny_per_kwh: NonNegative
    energy_max_kwh: NonNegative


class BlockFile(_Strict):
    """On/off calls; runs are counted in intervals."""

    kind: Literal["block"]
    available_kw: list[NonNegative]
    minimum_kw: list[NonNegative]
    cost_cny_per_kwh: NonNegative
    start_cost_cny: NonNegative
    min_run: Count
    max_run: Count
    max_calls: Count
    running_intervals: Count = 0
    min_rest: Annotated[int, Field(strict=True, ge=1)] = 1


class ChargingFile(_Strict):
    """A charging cluster as an envelope of cumulative energy since the horizon's start."""

    kind: Literal["charging"]
    power_min_kw: list[NonNegative]
    power_max_kw: list[NonNegative]
    energy_floor_kwh: list[NonNegative]
    energy_ceiling_kwh: list[NonNegative]
    cost_cny_per_kwh: NonNegative


class CoolingFile(_Strict):
    """Cooling with thermal state and payback."""

    kind: Literal["cooling"]
    available_kw: list[NonNegative]
    payback_max_kw: NonNegative
    retention: Annotated[float, Field(strict=True, ge=0, le=1)]
    gain_k_per_kw: NonNegative
    band_k: NonNegative
    theta_0_k: NonNegative
    cost_cny_per_kwh: NonNegative
    discomfort_cny_per_kh: NonNegative


class StorageFile(_Strict):
    """A battery."""

    kind: Literal["storage"]
    power_max_kw: NonNegative
    capacity_kwh: NonNegative
    soc_kwh: NonNegative
    soc_min_kwh: NonNegative
    soc_end_kwh: NonNegative
    efficiency: Annotated[float, Field(strict=True, gt=0, le=1)]
    cost_cny_per_kwh: NonNegative
    export_allowed: Flag


FlexibilityFile = Annotated[
    CurtailableFile | BlockFile | ChargingFile | CoolingFile | StorageFile, Field(discriminator="kind")
]


class NodeFile(_Strict):
    """A node with hard limits on net flow; ``null`` for no limit."""

    id: Name
    parent_id: Name | None = None
    forecast_kw: list[Number]
    import_limit_kw: list[NonNegative | None] | None = None
    export_limit_kw: list[NonNegative | None] | None = None


class ResourceFile(_Strict):
    """One resource; ``delivery_fraction`` is the mean of what it delivers per kW asked, ``delivery_sd`` its spread."""

    id: Name
    node_id: Name
    forecast_kw: list[Number]
    flexibility: FlexibilityFile
    delivery_fraction: Annotated[float, Field(strict=True, gt=0, le=1.5)] = 1.0
    delivery_sd: NonNegative = 0.0
    delivery_class: Annotated[str, Field(strict=True)] = ""
    use_price_cny_per_kwh: NonNegative = 0.0
    reserved: Flag = False


class ProblemFile(_Strict):
    """A dispatch problem: ``intervals`` of 15 minutes from ``start``, the first ``event_intervals`` are the event.

    ``coverage`` is the probability with which each interval's target is to be delivered; ``common_sd`` the spread of
    the factor that all resources of a delivery class share; energy prices may be negative.
    """

    start: Instant
    intervals: Annotated[int, Field(strict=True, gt=0)]
    event_intervals: Annotated[int, Field(strict=True, gt=0)]
    target_kw: list[NonNegative]
    rebound_cap_kw: list[NonNegative]
    nodes: list[NodeFile]
    resources: list[ResourceFile]
    direction: Literal["curtail", "fill"] = "curtail"
    coverage: Annotated[float, Field(strict=True, ge=0.5, lt=1)] = DEFAULT_COVERAGE
    common_sd: dict[str, NonNegative] = {}
    energy_price_cny_per_kwh: list[Number] | None = None
    reserve_fraction: NoReserve = 0.0
    shortfall_cny_per_kwh: NonNegative = SHORTFALL_CNY_PER_KWH
    rebound_cny_per_kwh: NonNegative = REBOUND_CNY_PER_KWH


class BindingFile(_Strict):
    """A limit that stops more, or keeps the plan from being cheaper; ``null`` where the saving is not known."""

    name: str
    interval: int | None
    text: str
    saves_cny_per_kw: float | None


class MarginalsFile(_Strict):
    """What one more kW in an interval is worth, in CNY per kW and interval of 15 minutes."""

    target_cny_per_kw: list[Number]
    rebound_cny_per_kw: list[Number]
    node_cny_per_kw: dict[str, list[Number]]


class ReasonTextFile(_Strict):
    """A reason in both languages."""

    en: str
    zh: str


class PlanFile(_Strict):
    """An answer; series per resource over all intervals, ``null`` where there is no plan or no figure."""

    outcome: Literal["planned", "unreachable", "infeasible", "timed_out"]
    start: Instant
    source: str | None
    status: str
    gap: float | None
    cost_cny: float | None
    objective_cny: float | None
    bound_cny: float | None
    response_kw: dict[str, list[Number]]
    setpoint_kw: dict[str, list[Number]]
    shortfall_kw: list[Number]
    rebound_excess_kw: list[Number]
    delivery_mean_kw: list[Number]
    delivery_q05_kw: list[Number]
    joint_probability: float | None
    marginals: MarginalsFile | None
    largest_kw: list[Number] | None
    binding: list[BindingFile]
    reasons: dict[str, str] | None
    reason_texts: dict[str, ReasonTextFile] | None
    wall_s: float | None


def render_schemas() -> dict[str, str]:
    """Text of each schema file by its name, keys in a fixed order."""
    found = {}
    for name, model in ((PROBLEM_SCHEMA, ProblemFile), (PLAN_SCHEMA, PlanFile)):
        schema = {"$schema": DIALECT, **model.model_json_schema()}
        found[name] = json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return found


if __name__ == "__main__":
    for schema_name, schema_text in render_schemas().items():
        (Path(sys.argv[1]) / schema_name).write_text(schema_text, encoding="utf-8")
