"""Schema of ``configs/districts/*.yaml``: how many of what, how large, where; in MW unless the name says kW."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.files import FileModel

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Range = tuple[float, float]
Group = Literal["industry", "commerce", "residents"]


class ReferencePeak(FileModel):
    """The peak that targets refer to, with where it comes from."""

    kw: Positive
    source: str
    as_of: date


class NodeFile(FileModel):
    """A substation or line; ``weights`` are relative within a group over all nodes."""

    id: str
    name: str
    name_zh: str
    kind: Literal["district", "substation_220kv", "substation_110kv", "substation_35kv", "line_10kv"]
    parent: str | None = None
    import_limit_mw: Positive
    export_limit_mw: Annotated[float, Field(ge=0)]
    weights: dict[Group, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)


class SectorFile(FileModel):
    """Background load of one sector: 24 hourly values per unit of its own peak."""

    group: Group
    peak_mw: Positive
    slope_per_k: Annotated[float, Field(ge=0, le=0.2)]
    shape: Annotated[list[Annotated[float, Field(ge=0, le=1.2)]], Field(min_length=24, max_length=24)]


class PlantSector(FileModel):
    """A manufacturing sector; ``shifts`` are the shares of one, two and three shifts."""

    name: str
    name_zh: str
    weight: Positive
    shifts: tuple[Share, Share, Share]
    line_cost_cny_per_kwh: Range


class FactoriesFile(FileModel):
    """Plants with lines (on/off) and continuous processes (divisible)."""

    plants: Count
    line_resources: Count
    lines_per_resource: tuple[int, int]
    lines_level_mw: Positive
    process_resources: Count
    process_level_mw: Positive
    process_divisible: Range
    line_slope_per_k: Range
    process_slope_per_k: Range
    lunch_share: Share
    needs_person_share: Share
    sectors: dict[str, PlantSector]


class PublicChargingFile(FileModel):
    """Newly built public stations and the assumed stock beside them."""

    operators: Annotated[int, Field(ge=1)]
    new_stations: Count
    new_piles: Count
    new_fast_share: Share
    stock_stations: Count
    stock_piles_max: Annotated[int, Field(ge=1)]
    fast_kw: list[Positive]
    slow_kw: Positive
    fast_sessions_per_day: Positive
    slow_sessions_per_day: Positive


class ResidentialChargingFile(FileModel):
    """Residential clusters: residents' own piles and jointly operated ones, kept apart.

    With ``ready_margin_h`` cars there charge by their own timers, full that long before they leave; else at once.
    """

    own_clusters: Count
    own_piles: tuple[int, int]
    own_sessions_per_day: Positive
    shared_clusters: Count
    shared_piles: tuple[int, int]
    shared_sessions_per_day: Positive
    opted_in_share: Share
    pile_kw: Positive
    ready_margin_h: Positive | None = None


class CommerceFile(FileModel):
    """Commercial buildings: chiller sub-meters split into zones, and lighting circuits."""

    cooling_resources: Count
    cooling_level_mw: Positive
    zones: tuple[int, int]
    lighting_resources: Count
    lighting_level_mw: Positive
    office_share: Share
    mall_share: Share
    slope_per_k: Range
    band_k: Range


class DataCentresFile(FileModel):
    """Data centres take part with a little of their cooling and with UPS batteries."""

    count: Count
    cooling_level_mw: Positive
    ups_power_mw: Positive
    ups_hours: Positive


class StorageFile(FileModel):
    """One shared station, and batteries behind customers' meters."""

    shared_power_mw: Positive
    shared_capacity_mwh: Positive
    shared_units: Annotated[int, Field(ge=1)]
    user_side: Count
    user_side_power_kw: Range
    user_side_hours: Positive


class ProtectedFile(FileModel):
    """Sites whose resources report and must never be called."""

    hospitals: Count
    residents: Count
    public_services: Count
    cooling_level_kw: Range


class GatewaysFile(FileModel):
    """Number of edge gateways per adapter."""

    factory: Annotated[int, Field(ge=1)]
    charging: Annotated[int, Field(ge=1)]
    commercial: Annotated[int, Field(ge=1)]
    storage: Annotated[int, Field(ge=1)]


class DistrictFile(FileModel):
    """The whole population specification of a district."""

    name: str
    name_zh: str
    population_seed: Annotated[int, Field(ge=0)]
    reference_peak: ReferencePeak
    holidays: tuple[date, ...] = ()
    nodes: Annotated[list[NodeFile], Field(min_length=1)]
    background: dict[str, SectorFile]
    gateways: GatewaysFile
    factories: FactoriesFile
    public_charging: PublicChargingFile
    residential_charging: ResidentialChargingFile
    commerce: CommerceFile
    data_centres: DataCentresFile
    storage: StorageFile
    protected: ProtectedFile

    @model_validator(mode="after")
    def _tree(self) -> "DistrictFile":
        ids = [node.id for node in self.nodes]
        if len(set(ids)) != len(ids):
            raise ValueError("nodes: expected unique ids")
        seen: set[str] = set()
        for node in self.nodes:
            if node.parent is not None and node.parent not in seen:
                raise ValueError(f"nodes: {node.id!r} names parent {node.parent!r}, which does not stand above it")
            seen.add(node.id)
        for group in ("industry", "commerce", "residents"):
            if sum(node.weights.get(group, 0.0) for node in self.nodes) <= 0:
                raise ValueError(f"nodes: expected at least one node with a weight for {group!r}")
        return self
