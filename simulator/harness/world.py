"""The simulated world behind the gateways: one plant that is advanced to the present whenever somebody looks."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from adapters.kit.confirmations import Answer, Confirmed
from adapters.kit.driver import (
    ApplyResult,
    BatteryReadings,
    DeviceReadings,
    DriverError,
    Indices,
    LineReadings,
    PileReadings,
    ZoneReadings,
)
from simulator.harness.registration import Installed
from simulator.plant import Plant
from simulator.snapshot import DeviceSnapshot
from vpp.domain.commands import Command
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid
from vpp.ports import Clock

MINUTE = timedelta(minutes=1)
MINUTES_PER_QUARTER = 15
REMEMBERED_MIN = 45
LOADS = frozenset({ResourceKind.FACTORY_LINE, ResourceKind.FACTORY_PROCESS, ResourceKind.LIGHTING})
PILES = frozenset({ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING})


class World:
    """A plant, the clock that moves it, and what every minute of it was."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self.plant = plant
        self._clock = clock
        self.resource_minutes_kw: list[NDArray[np.float64]] = []
        self.node_minutes_kw: list[NDArray[np.float64]] = []
        self._meters: deque[tuple[NDArray[np.float64], NDArray[np.int64]]] = deque(maxlen=REMEMBERED_MIN)

    def advance(self) -> None:
        """Steps the plant up to the last full minute, at most to its window's end."""
        now = self._clock.now()
        while self.plant.minute < self.plant.window.minutes and self.plant.now + MINUTE <= now:
            self._step()

    def advance_to_end(self) -> None:
        """Steps the plant to its window's end, whatever the clock says."""
        while self.plant.minute < self.plant.window.minutes:
            self._step()

    def _step(self) -> None:
        self.plant.step()
        self.resource_minutes_kw.append(self.plant.resource_power_kw())
        self.node_minutes_kw.append(self.plant.node_flow_kw())
        self._meters.append((self.plant.power_kw.copy(), self.plant.register_wh))

    def meters_at(self, at: datetime, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Mean power and register of these devices at the minute that ended at ``at``.

        Raises:
            DriverError: the meters have forgotten that minute.
        """
        back = (self.plant.now - at) // MINUTE
        if back <= 0 or not self._meters:
            return self.plant.power_kw[rows], self.plant.register_wh[rows]
        if back >= len(self._meters):
            raise DriverError(f"the meters remember {len(self._meters)} minutes, not {back}")
        power_kw, register_wh = self._meters[-1 - back]
        return power_kw[rows], register_wh[rows]

    def interval_means_kw(self, start: datetime, count: int) -> NDArray[np.float64]:
        """Mean power per resource and 15-minute interval from ``start`` on, shape (resources, count)."""
        return self._means(self.resource_minutes_kw, start, count)

    def node_means_kw(self, start: datetime, count: int) -> NDArray[np.float64]:
        """Mean net flow per node and 15-minute interval from ``start`` on, shape (nodes, count)."""
        return self._means(self.node_minutes_kw, start, count)

    def _means(self, minutes_kw: list[NDArray[np.float64]], start: datetime, count: int) -> NDArray[np.float64]:
        first = (start - self.plant.window.start) // MINUTE
        minutes = np.array(minutes_kw[first : first + count * MINUTES_PER_QUARTER])
        return np.asarray(minutes.reshape(count, MINUTES_PER_QUARTER, -1).mean(axis=1).T, dtype=np.float64)


class SimulatedDriver:
    """The devices of one gateway (``adapters.kit.driver.DeviceDriver``)."""

    def __init__(self, world: World, installed: Installed) -> None:
        self._world = world
        self._rows = installed.device_rows
        self._kinds = frozenset(spec.kind for spec in installed.specs)
        faults = world.plant.faults
        resource = world.plant.district.devices.resource_index[self._rows]
        self._timed = bool(np.isfinite(world.plant.district.devices.piles.ready_margin_min).any())
        self._refuses = faults.refuses[resource]
        self._ignores = faults.ignores[resource]

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``, from the meters' memory where it is not the latest."""
        self._world.advance()
        plant = self._world.plant
        shown = plant.snapshot(self._rows)
        minute_of_day = plant.window.first_minute + plant.minute
        power_kw, register_wh = self._world.meters_at(at, self._rows)
        return DeviceReadings(
            power_kw=power_kw,
            register_wh=register_wh,
            online=shown.online,
            setpoint_kw=np.where(np.isfinite(shown.limit_kw), shown.limit_kw, np.nan),
            lines=_lines(shown) if self._kinds & LOADS else None,
            piles=_piles(shown, minute_of_day, timed=self._timed) if self._kinds & PILES else None,
            zones=_zones(shown) if ResourceKind.COOLING in self._kinds else None,
            batteries=_batteries(shown) if ResourceKind.STORAGE in self._kinds else None,
        )

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Writes setpoints; a refusing resource says no, an ignoring one says nothing."""
        self._world.advance()
        deaf = self._refuses[device_indices] | self._ignores[device_indices]
        self._world.plant.set_limit(self._rows[device_indices[~deaf]], setpoints_kw[~deaf])
        refused = np.flatnonzero(self._refuses[device_indices])
        return ApplyResult(~deaf, {int(i): "the device is locked by its owner" for i in refused})

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Takes setpoints away."""
        self._world.advance()
        self._world.plant.release(self._rows[device_indices])
        return ApplyResult(np.ones(len(device_indices), dtype=bool))


class PromptPeople:
    """People on site who say yes after their own time; asked over the simulated clock."""

    def __init__(self, minutes: Mapping[str, float]) -> None:
        self._minutes = minutes
        self._asked: dict[str, tuple[str, datetime]] = {}

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Notes the question once."""
        del deadline
        self._asked.setdefault(command.command_id, (command.resource_id, asked_at))

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """Yes, once the person has had its time."""
        if command_id not in self._asked:
            return None
        resource_id, asked_at = self._asked[command_id]
        ready = asked_at + timedelta(minutes=self._minutes.get(resource_id, 0.0))
        return Confirmed() if now >= ready else None


class PlantForecasts:
    """Day-ahead forecast of the network's flows (``vpp.ports.NetworkForecasts``)."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, Series]:
        """Per node, shape (len(grid),)."""
        forecast = self._plant.node_forecast_kw(grid)
        return {node.id: forecast[row] for row, node in enumerate(self._plant.district.nodes)}


def _lines(shown: DeviceSnapshot) -> LineReadings:
    return LineReadings(shown.scheduled_on, shown.rated_kw, _filled(shown.min_kw))


def _zones(shown: DeviceSnapshot) -> ZoneReadings:
    return ZoneReadings(
        _filled(shown.temperature_c),
        _filled(shown.setpoint_c),
        _filled(shown.band_k),
        _filled(shown.retention),
        _filled(shown.gain_k_per_kw),
        _filled(shown.power_max_kw),
    )


def _batteries(shown: DeviceSnapshot) -> BatteryReadings:
    return BatteryReadings(
        _filled(shown.soc_kwh), _filled(shown.capacity_kwh), shown.rated_kw, _filled(shown.efficiency)
    )


def _piles(shown: DeviceSnapshot, minute_of_day: int, *, timed: bool) -> PileReadings:
    leaves_in = np.where(shown.plugged, np.maximum(shown.departure_minute - minute_of_day, 0.0), 0.0)
    waits = np.where(shown.plugged, np.maximum(shown.begin_minute - minute_of_day, 0.0), 0.0)
    needed = np.where(shown.plugged, _filled(shown.session_needed_kwh), 0.0)
    return PileReadings(
        plugged=shown.plugged,
        session_needed_kwh=needed,
        minutes_to_departure=np.nan_to_num(leaves_in),
        power_max_kw=np.where(
            shown.plugged & np.isfinite(shown.power_max_kw), _filled(shown.power_max_kw), shown.rated_kw
        ),
        power_min_kw=_filled(shown.min_kw),
        minutes_to_begin=np.nan_to_num(waits) if timed else None,
    )


def _filled(values: Series) -> Series:
    """Columns of other kinds of devices hold ``nan``; the driver's contract wants zeros there."""
    return np.nan_to_num(values)
