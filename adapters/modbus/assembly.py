"""From the groups' registers to the gateway's readings; what cannot be true takes its device off line."""

import numpy as np

from adapters.kit.driver import (
    BatteryReadings,
    DeviceReadings,
    LineReadings,
    Mask,
    PileReadings,
    Registers,
    ZoneReadings,
)
from adapters.modbus.energy import EnergyRegister
from adapters.modbus.layout import DeviceGroup
from adapters.modbus.roles import NEEDED, UNUSED
from adapters.modbus.units import OF_ANOTHER
from adapters.modbus.values import flags, held_setpoints, implausible, values
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series

LOADS = frozenset({ResourceKind.FACTORY_LINE, ResourceKind.FACTORY_PROCESS, ResourceKind.LIGHTING})
PILES = frozenset({ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING})
_WH_PER_KW_MINUTE = 1000.0 / 60.0


class GroupReader:
    """Values of one group, checked."""

    def __init__(self, group: DeviceGroup, largest_kw: Series) -> None:
        """Nothing seen yet; ``largest_kw`` is the most that a device can plausibly draw, shape (devices,)."""
        self.group = group
        self._largest_kw = largest_kw
        fields = group.register_map.fields
        self._energy = EnergyRegister(group, "energy", largest_kw)
        self._export = EnergyRegister(group, "energy_export", largest_kw) if "energy_export" in fields else None
        self._checked = [name for name in group.columns if name not in UNUSED]
        self._percent_of_rated = fields["setpoint"].unit == OF_ANOTHER

    def rated_kw(self) -> Series:
        """Per device."""
        return values(self.group, "rated")

    def least_kw(self) -> Series:
        """Smallest power while running, per device; 0 where there is none."""
        if "power_min" not in NEEDED[self.group.kind]:
            # Zones and batteries have none, and the field is then not read where the map has it.
            return np.zeros(len(self.group.points))
        return values(self.group, "power_min")

    def lag_min(self, minute: int) -> Series | None:
        """Minutes by which each device's stamp is behind; ``None`` where the devices have no stamp."""
        register_map = self.group.register_map
        if "minute" not in self.group.columns:
            return None
        ends = np.floor(values(self.group, "minute")) + (0.0 if register_map.stamp_counts_ends else 1.0)
        return np.asarray(minute - ends, dtype=np.float64)

    @property
    def counters(self) -> dict[str, EnergyRegister]:
        """Its energy registers by field."""
        return {"energy": self._energy} | ({} if self._export is None else {"energy_export": self._export})

    def read(self, minute: int, trouble: dict[int, str]) -> tuple[Series, Registers]:
        """Power and register; devices with an answer that cannot be true are added to ``trouble``."""
        fresh = np.array([device not in trouble for device in self.group.devices.tolist()], dtype=bool)
        power_kw = values(self.group, "power")
        for name in self._checked:
            unknown, outside = implausible(self.group, name)
            fresh = self._refuse(fresh, unknown, f"{name} is not a number", trouble)
            fresh = self._refuse(fresh, outside, f"{name} is out of range", trouble)
        with np.errstate(invalid="ignore"):
            fresh = self._refuse(fresh, ~(np.abs(power_kw) <= self._largest_kw), "power is out of range", trouble)
        if self._percent_of_rated:
            fresh = self._refuse(fresh, ~(self.rated_kw() > 0), "rated is not above 0", trouble)
        lag = self.lag_min(minute)
        late: Mask = np.zeros(len(fresh), dtype=bool)
        if lag is not None:
            fresh = self._refuse(fresh, lag > 0, "its minute stands still", trouble)
            fresh = self._refuse(fresh, lag < -1, "it is at a later minute", trouble)
            late = lag == -1
        register_wh = self._registers(fresh, minute, trouble)
        # A minute has passed while the devices were read: what has been used in it is taken back.
        register_wh -= np.where(late, np.rint(np.nan_to_num(power_kw) * _WH_PER_KW_MINUTE), 0.0).astype(np.int64)
        return power_kw, register_wh

    def _registers(self, fresh: Mask, minute: int, trouble: dict[int, str]) -> Registers:
        register_wh, fallen, jumped = self._energy.read(fresh, minute)
        if self._export is not None:
            given_wh, export_fallen, export_jumped = self._export.read(fresh, minute)
            register_wh, fallen, jumped = register_wh - given_wh, fallen | export_fallen, jumped | export_jumped
        fresh = self._refuse(fresh, fallen, "its energy register went back", trouble)
        self._refuse(fresh, jumped, "its energy register jumped", trouble)
        return register_wh

    def _refuse(self, fresh: Mask, bad: Mask, why: str, trouble: dict[int, str]) -> Mask:
        found = fresh & bad
        if found.any():
            trouble.update(dict.fromkeys(self.group.devices[found].tolist(), why))
            return fresh & ~bad
        return fresh


def readings_of(readers: list[GroupReader], count: int, minute: int, trouble: dict[int, str]) -> DeviceReadings:
    """All groups' values in the gateway's arrays; devices in ``trouble``, which grows, are not online."""
    power_kw, setpoint_kw = np.zeros(count), np.full(count, np.nan)
    register_wh = np.zeros(count, dtype=np.int64)
    override = np.zeros(count, dtype=bool)
    for reader in readers:
        devices = reader.group.devices
        power_kw[devices], register_wh[devices] = reader.read(minute, trouble)
        setpoint_kw[devices] = held_setpoints(reader.group)
        override[devices] = flags(reader.group, "local")
    online = np.ones(count, dtype=bool)
    online[list(trouble)] = False
    return DeviceReadings(
        power_kw=power_kw,
        register_wh=register_wh,
        online=online,
        setpoint_kw=np.where(online, setpoint_kw, np.nan),
        override=override & online,
        lines=_lines(_of(readers, LOADS), count),
        piles=_piles(_of(readers, PILES), count),
        zones=_zones(_of(readers, frozenset({ResourceKind.COOLING})), count),
        batteries=_batteries(_of(readers, frozenset({ResourceKind.STORAGE})), count),
    )


def _of(readers: list[GroupReader], kinds: frozenset[ResourceKind]) -> list[DeviceGroup]:
    return [reader.group for reader in readers if reader.group.kind in kinds]


def _spread(groups: list[DeviceGroup], name: str, count: int, factor: float = 1.0) -> Series:
    spread = np.zeros(count)
    for group in groups:
        spread[group.devices] = np.nan_to_num(values(group, name), posinf=0.0, neginf=0.0) * factor
    return spread


def _marked(groups: list[DeviceGroup], name: str, count: int) -> Mask:
    marked = np.zeros(count, dtype=bool)
    for group in groups:
        marked[group.devices] = flags(group, name)
    return marked


def _lines(groups: list[DeviceGroup], count: int) -> LineReadings | None:
    if not groups:
        return None
    return LineReadings(
        _marked(groups, "scheduled_on", count), _spread(groups, "rated", count), _spread(groups, "power_min", count)
    )


def _piles(groups: list[DeviceGroup], count: int) -> PileReadings | None:
    if not groups:
        return None
    needed_kwh = _spread(groups, "session_needed", count, 1e-3)
    plugged = _marked(groups, "plugged", count)
    return PileReadings(
        plugged=plugged,
        session_needed_kwh=np.where(plugged, needed_kwh, 0.0),
        minutes_to_departure=np.where(plugged, _spread(groups, "minutes_to_departure", count), 0.0),
        power_max_kw=_spread(groups, "power_max", count),
        power_min_kw=_spread(groups, "power_min", count),
    )


def _zones(groups: list[DeviceGroup], count: int) -> ZoneReadings | None:
    if not groups:
        return None
    return ZoneReadings(
        temperature_c=_spread(groups, "temperature", count),
        setpoint_c=_spread(groups, "temperature_setpoint", count),
        band_k=_spread(groups, "band", count),
        retention=_spread(groups, "retention", count),
        gain_k_per_kw=_spread(groups, "gain", count),
        power_max_kw=_spread(groups, "power_max", count),
    )


def _batteries(groups: list[DeviceGroup], count: int) -> BatteryReadings | None:
    if not groups:
        return None
    return BatteryReadings(
        soc_kwh=_spread(groups, "soc", count, 1e-3),
        capacity_kwh=_spread(groups, "capacity", count, 1e-3),
        power_max_kw=_spread(groups, "rated", count),
        efficiency=_spread(groups, "efficiency", count),
    )
