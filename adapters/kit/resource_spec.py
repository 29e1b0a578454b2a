"""What a gateway is told about each resource when it is installed: devices, rights, prices, habits."""

from dataclasses import dataclass

from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series

INTERVALS_PER_DAY = 96


@dataclass(frozen=True, slots=True)
class LoadTerms:
    """Loads that run by a plan (lines, processes, lighting).

    Attributes:
        segment_1_fraction: Share of the forecast that can go at ``cost_1_cny_per_kwh``.
        segment_2_fraction: Further share at ``cost_2_cny_per_kwh``; used by divisible loads only.
        block_minimum_fraction: Smallest call as a share of the largest; blocks only.
        energy_max_h: Largest curtailed energy of an event, in hours of the largest curtailment.
    """

    segment_1_fraction: float = 0.2
    segment_2_fraction: float = 0.1
    cost_1_cny_per_kwh: float = 0.5
    cost_2_cny_per_kwh: float = 1.5
    start_cost_cny: float = 0.0
    block_minimum_fraction: float = 0.3
    min_run: int = 2
    max_run: int = 16
    max_calls: int = 2
    energy_max_h: float = 4.0


@dataclass(frozen=True, slots=True)
class ChargingTerms:
    """Charging stations and residential clusters.

    Attributes:
        slowing_consented: The tariff lets a session be slowed although less energy is served.
        slowed_to_fraction: Least power of a slowed session, as a share of its own.
        slowed_at_most_min: For how long one session may be slowed.
        session_min: Typical time that a session charges; ``None``: 45 min in public, 150 min at home.
        slack_min: Typical time between the end of charging and departure, for cars not there yet.
        early_start: Cars wait by their own timers and a setpoint lets them begin at once, so that more can be asked of
            the piles than they would take.
    """

    cost_cny_per_kwh: float = 0.6
    slowing_consented: bool = False
    slowed_to_fraction: float = 0.5
    slowed_at_most_min: float = 20.0
    session_min: float | None = None
    slack_min: float = 15.0
    early_start: bool = False


@dataclass(frozen=True, slots=True)
class CoolingTerms:
    """Cooled buildings.

    Attributes:
        curtail_fraction: Largest share of the forecast that can go; fans and pumps stay.
        payback_fraction: Largest payback as a share of rated power.
    """

    curtail_fraction: float = 0.5
    payback_fraction: float = 0.2
    cost_cny_per_kwh: float = 0.3
    discomfort_cny_per_kh: float = 0.5


@dataclass(frozen=True, slots=True)
class StorageTerms:
    """Batteries.

    Attributes:
        soc_min_fraction: Of capacity; kept as the owner's own reserve.
        soc_end_fraction: Of capacity; to be there at the horizon's end.
        export_allowed: Whether the site may feed back.
    """

    soc_min_fraction: float = 0.1
    soc_end_fraction: float = 0.1
    cost_cny_per_kwh: float = 0.4
    export_allowed: bool = False


Terms = LoadTerms | ChargingTerms | CoolingTerms | StorageTerms
TERMS_OF: dict[ResourceKind, type[Terms]] = {
    ResourceKind.FACTORY_LINE: LoadTerms,
    ResourceKind.FACTORY_PROCESS: LoadTerms,
    ResourceKind.LIGHTING: LoadTerms,
    ResourceKind.PUBLIC_CHARGING: ChargingTerms,
    ResourceKind.RESIDENTIAL_CHARGING: ChargingTerms,
    ResourceKind.COOLING: CoolingTerms,
    ResourceKind.STORAGE: StorageTerms,
}


@dataclass(frozen=True, slots=True, eq=False)
class ResourceSpec:
    """One resource as its gateway knows it.

    Attributes:
        first_device: Index of its first device in the driver's arrays.
        device_count: Its devices follow each other.
        profile_kw: Power on a typical day of this type without events, per interval of the local day, shape (96,); for
            storage the declared schedule. ``None``: the latest free power is taken to last.
        confirm_within_s: A person on site confirms within this time; ``None``: nobody is asked.
        opted_in: ``False`` refuses every command.
        protected: A protected class; refuses every command, whatever else is configured.

    Raises:
        InputError: terms of another kind, no device, or a rating that is not positive.
    """

    id: str
    site_id: str
    kind: ResourceKind
    rated_kw: float
    first_device: int
    device_count: int
    terms: Terms
    profile_kw: Series | None = None
    notice_s: float = 60.0
    confirm_within_s: float | None = None
    opted_in: bool = True
    protected: bool = False

    def __post_init__(self) -> None:
        expected = TERMS_OF[self.kind]
        if not isinstance(self.terms, expected):
            raise InputError(
                f"resource {self.id!r} of kind {self.kind.value!r} has {type(self.terms).__name__}, "
                f"not {expected.__name__}"
            )
        if self.device_count < 1 or self.first_device < 0:
            raise InputError(
                f"resource {self.id!r}: {self.device_count} devices from index {self.first_device}; "
                "it needs at least 1 from index 0 on"
            )
        if not self.rated_kw > 0:
            raise InputError(f"resource {self.id!r}: rated power {self.rated_kw} kW is not > 0")
        if self.profile_kw is not None and self.profile_kw.shape != (INTERVALS_PER_DAY,):
            raise InputError(
                f"resource {self.id!r}: profile of shape {self.profile_kw.shape}, not ({INTERVALS_PER_DAY},)"
            )

    @property
    def devices(self) -> slice:
        """Its range in the driver's arrays."""
        return slice(self.first_device, self.first_device + self.device_count)
