"""The district's devices, advanced minute by minute: set limits, step, look.

A plant knows no controller. On its no-event twin nothing is ever set; both share one exogenous object.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.background import Background, GridLike
from simulator.devices.batteries import Batteries, soc_at_minute
from simulator.devices.buildings import Lights, Zones
from simulator.devices.lines import Lines, Processes
from simulator.devices.piles import CarsThere, Piles, with_cars_there
from simulator.district import District
from simulator.faults import Faults
from simulator.history import Exogenous, History, WeatherSpec, Window, build_exogenous
from simulator.snapshot import DeviceSnapshot, StaticColumns, static_columns
from simulator.streams import Streams
from simulator.uncontrolled import OFF_SHIFT, battery_schedule_kw, line_plans

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
PlantState = Mapping[str, NDArray[Any]]
"""All that devices carry over midnight, by name; of one length per kind."""


class Plant:
    """All devices of a district during one window of one day."""

    def __init__(  # noqa: PLR0913 - the district, the run's five coordinates, and two optional parts
        self,
        district: District,
        *,
        seed: int,
        day: date,
        start: datetime,
        end: datetime,
        weather: WeatherSpec,
        faults: Faults | None = None,
        exogenous: Exogenous | None = None,
    ) -> None:
        """A plant at the window's start with nothing set.

        Args:
            district: What exists.
            seed: The scenario's seed; all exogenous numbers follow from it.
            day: The event day, local.
            start: Start of the window, aware, on the 15-minute grid.
            end: End of the window, on the same local day.
            weather: Daily maxima for the history and the event day.
            faults: Who misbehaves how; none by default.
            exogenous: Made before for the same arguments; saves the time to make it again.
        """
        window = Window(day, start, end)
        self.district = district
        self.seed = seed
        self.exogenous = exogenous or build_exogenous(district, seed=seed, window=window, weather=weather)
        self.weather_spec = weather
        self.faults = faults or Faults.none(len(district.resources))
        self.background = Background(self.exogenous)
        self.window = window
        self.minute = 0
        self._parents: dict[str, str] = {}
        self._below = district.below
        self._set_up_devices()
        self._set_up_controls()

    def twin(self) -> "Plant":
        """A plant with the same seed and faults at the window's start, on which nothing has been set."""
        return Plant(
            self.district,
            seed=self.seed,
            day=self.window.day,
            start=self.window.start,
            end=self.window.end,
            weather=self.weather_spec,
            faults=self.faults,
            exogenous=self.exogenous,
        )

    def _set_up_devices(self) -> None:
        devices = self.district.devices
        self.lines = Lines(devices.lines)
        self.processes = Processes(devices.processes)
        self.zones = Zones(devices.zones)
        self.lights = Lights(devices.lights)
        self.piles = Piles(devices.piles, self.exogenous.sessions)
        self.schedule_kw = battery_schedule_kw(self.district)
        soc = soc_at_minute(devices.batteries, self.schedule_kw, self.window.first_minute)
        self.batteries = Batteries(devices.batteries, soc)
        workday = self.exogenous.weather.workday[-1:]
        self._line_plan = line_plans(devices, workday)[:, 0, :]
        streams = Streams(self.seed)
        count = len(devices.ids)
        self._watt_minutes = 60 * streams.integers(devices.keys, "register/start", 1, below=5_000_000)[:, 0]
        self.power_kw = self.exogenous.minute_kw[0].copy()
        charging = np.minimum(self.piles.power_max_kw, 60.0 * self.piles.needed_kwh)
        self.power_kw[devices.pile_slice] = np.where(self.piles.begins <= 0, charging, 0.0)
        obeys = streams.uniform(devices.keys, "delivery/obeys", 1)[:, 0]
        index = devices.resource_index
        delivery = np.where(self.faults.silent, 0.0, self.faults.delivery)[index]
        self._delivery = delivery
        self._moves = obeys < delivery
        self._moves[devices.kind_slices["storage"]] = delivery[devices.kind_slices["storage"]] > 0.0
        self._late = np.ceil(self.faults.late_minutes[index]).astype(np.int64)
        self._online = np.ones(count, dtype=bool)

    def _set_up_controls(self) -> None:
        count = len(self.district.devices.ids)
        self.limit_kw = np.full(count, np.inf)
        self._applied_kw = np.full(count, np.inf)
        self._apply_at = np.full(count, -1, dtype=np.int64)
        self.state_changes = np.zeros(count, dtype=np.int64)
        self._static = static_columns(self.district.devices)
        self._shown: StaticColumns = {}
        self._shown_minute = -1

    @property
    def now(self) -> datetime:
        """The instant up to which the plant has been advanced, in the window's own offset."""
        return self.window.start + timedelta(minutes=self.minute)

    def set_limit(self, device_indices: Ints, limit_kw: Floats | float) -> None:
        """Sets a limit from the next minute on: the most a device may draw; for a battery the power it shall have.

        Args:
            device_indices: Rows of the device table, each at most once.
            limit_kw: Finite, one for all or shape (len(device_indices),).

        Raises:
            ValueError: a limit is not finite.
        """
        wanted = np.broadcast_to(np.asarray(limit_kw, dtype=np.float64), np.shape(device_indices))
        if not np.isfinite(wanted).all():
            raise ValueError("limits must be finite kW; use release() to take one away")
        self._control(device_indices, wanted)

    def release(self, device_indices: Ints) -> None:
        """Takes limits away from the next minute on."""
        self._control(device_indices, np.full(np.shape(device_indices), np.inf))

    def _control(self, device_indices: Ints, wanted: Floats) -> None:
        rows = np.asarray(device_indices, dtype=np.int64)
        changed = self.limit_kw[rows] != wanted
        rows, wanted = rows[changed], wanted[changed]
        self.limit_kw[rows] = wanted
        self.state_changes[rows] += 1
        self._apply_at[rows] = self.minute + self._late[rows]

    def step(self) -> None:
        """Advances one minute.

        Raises:
            IndexError: the window is over.
        """
        if self.minute >= self.window.minutes:
            raise IndexError(f"the window ended at {self.window.end}")
        due = self._apply_at == self.minute
        self._applied_kw[due] = self.limit_kw[due]
        parts = self.district.devices.kind_slices
        free = self.exogenous.minute_kw[self.minute]
        limit, delivery, power = self._applied_kw, self._delivery, self.power_kw
        part = parts["factory_line"]
        power[part] = self.lines.step(free[part], limit[part], delivery[part])
        part = parts["factory_process"]
        power[part] = self.processes.step(free[part], limit[part], delivery[part])
        part = parts["cooling"]
        power[part] = self.zones.step(free[part], limit[part], delivery[part])
        part = parts["lighting"]
        power[part] = self.lights.step(free[part], limit[part], delivery[part])
        part = self.district.devices.pile_slice
        power[part] = self.piles.step(self.minute, limit[part], self._moves[part])
        part = parts["storage"]
        power[part] = self.batteries.step(free[part], limit[part], self._moves[part])
        watts = np.rint(power * 1000.0).astype(np.int64)
        self.power_kw = watts / 1000.0
        self._watt_minutes += watts
        self.minute += 1

    def hand_over(self) -> PlantState:
        """What the devices carry into the next day, once the last minute of this one has been.

        Raises:
            ValueError: the window is not over, or does not end with its day.
        """
        if self.minute < self.window.minutes or self.window.end != self.window.day_start + timedelta(days=1):
            raise ValueError(f"plant at {self.now}: only the end of {self.window.day} can be handed over")
        self.piles.arrive_and_leave(self.minute)
        return {
            "line_running": self.lines.running,
            "line_run_minutes": self.lines.run_minutes,
            "line_deferred_kwh": self.lines.deferred_kwh,
            "process_ratio": self.processes.ratio,
            "zone_mass_rise_k": self.zones.mass_rise_k,
            "zone_air_rise_k": self.zones.air_rise_k,
            "pile_begins": np.where(self.piles.plugged, np.maximum(self.piles.begins - self.minute, 0), 0),
            "pile_departure": np.where(self.piles.plugged, self.piles.departure - self.minute, 0),
            "pile_needed_kwh": self.piles.needed_kwh,
            "pile_power_kw": self.piles.power_max_kw,
            "pile_unserved_kwh": self.piles.unserved_kwh,
            "soc_kwh": self.batteries.soc_kwh,
            "limit_kw": self.limit_kw,
            "applied_kw": self._applied_kw,
            "apply_in": np.where(self._apply_at >= self.minute, self._apply_at - self.minute, -1),
            "state_changes": self.state_changes,
            "watt_minutes": self._watt_minutes,
            "power_kw": self.power_kw,
            "moves": self._moves,
            "online": self._online,
        }

    def take_over(self, state: PlantState) -> None:
        """Goes on from what ``hand_over`` gave the evening before: same cars, registers, temperatures, limits.

        Raises:
            ValueError: this plant is not at the beginning of a day.
        """
        if self.minute or self.window.first_minute:
            raise ValueError(f"plant at {self.now}: only the beginning of a day can take over")
        state = {name: values.copy() for name, values in state.items()}
        self.lines.running = state["line_running"]
        self.lines.run_minutes = state["line_run_minutes"]
        self.lines.deferred_kwh = state["line_deferred_kwh"]
        self.processes.ratio = state["process_ratio"]
        self.zones.mass_rise_k = state["zone_mass_rise_k"]
        self.zones.air_rise_k = state["zone_air_rise_k"]
        cars = CarsThere(
            state["pile_begins"], state["pile_departure"], state["pile_needed_kwh"], state["pile_power_kw"]
        )
        self.piles = Piles(self.district.devices.piles, with_cars_there(self.exogenous.sessions, cars))
        self.piles.unserved_kwh = state["pile_unserved_kwh"]
        self.batteries.soc_kwh = state["soc_kwh"]
        self.limit_kw = state["limit_kw"]
        self._applied_kw = state["applied_kw"]
        self._apply_at = state["apply_in"]
        self.state_changes = state["state_changes"]
        self._watt_minutes = state["watt_minutes"]
        self.power_kw = state["power_kw"]
        self._moves = state["moves"]
        self._online = state["online"]
        self._shown_minute = -1

    def set_online(self, device_indices: Ints, *, online: bool) -> None:
        """Marks devices as answering or not; their physics goes on."""
        self._online[np.asarray(device_indices, dtype=np.int64)] = online

    @property
    def register_wh(self) -> Ints:
        """Energy registers of all devices, whole Wh; the remainder is kept, so that differences add up exactly."""
        return np.asarray(self._watt_minutes // 60, dtype=np.int64)

    def resource_power_kw(self) -> Floats:
        """Mean power of the last minute per resource, shape (resources,)."""
        return self._by_resource(self.power_kw)

    def resource_register_wh(self) -> Ints:
        """Sub-meter register per resource, whole Wh of the exact sum over its devices, shape (resources,)."""
        starts = np.flatnonzero(np.diff(self.district.devices.resource_index, prepend=-1))
        return np.asarray(np.add.reduceat(self._watt_minutes, starts) // 60, dtype=np.int64)

    def _by_resource(self, device_kw: Floats) -> Floats:
        index = self.district.devices.resource_index
        return np.asarray(
            np.bincount(index, weights=device_kw, minlength=len(self.district.resources)), dtype=np.float64
        )

    def history(self, days: int) -> History:
        """The sub-meters' past ``days`` days and the event day up to the window's start.

        Raises:
            ValueError: more days asked for than the weather reaches back.
        """
        known = self.exogenous.quarter_kw.shape[1] - 1
        if not 0 <= days <= known:
            raise ValueError(f"history of {days} days: the weather reaches back {known} days")
        first = known - days
        return History(
            days=self.exogenous.weather.days[first:-1],
            resource_ids=tuple(resource.id for resource in self.district.resources),
            power_kw=self.exogenous.quarter_kw[:, first:-1, :],
            today_kw=self.exogenous.quarter_kw[:, -1, : self.window.first_minute // 15],
        )

    def node_background_kw(self, minute: int) -> Floats:
        """Load hanging directly from each node that no resource meters, ``minute`` of the window, shape (nodes,)."""
        return np.asarray(self.background.minute_kw[minute], dtype=np.float64)

    def node_flow_kw(self) -> Floats:
        """Net flow of the last minute at every node, all below included, shape (nodes,)."""
        minute = max(self.minute - 1, 0)
        own = self.background.minute_kw[minute] + np.bincount(
            self.district.node_of_resource, weights=self.resource_power_kw(), minlength=len(self.district.nodes)
        )
        return np.asarray(self._below @ own, dtype=np.float64)

    def transfer(self, node_id: str, parent_id: str) -> None:
        """Feeds a node, and all that hangs below it, from another node from now on; its customers notice nothing."""
        self._parents[node_id] = parent_id
        self._below = self.district.below_with(self._parents)

    def node_forecast_kw(self, grid: GridLike) -> Floats:
        """Day-ahead forecast of each node's net flow without an event, all below included, shape (nodes, intervals)."""
        return self.background.forecast_kw(grid)

    def snapshot(self, device_indices: Ints) -> DeviceSnapshot:
        """What these devices show now."""
        if self._shown_minute != self.minute:
            self._shown = self._moving_columns()
            self._shown_minute = self.minute
        rows = np.asarray(device_indices, dtype=np.int64)
        columns = {name: values[rows] for name, values in self._static.items()}
        columns |= {name: values[rows] for name, values in self._shown.items()}
        return DeviceSnapshot(limit_kw=self.limit_kw[rows], online=self._online[rows], **columns)

    def _moving_columns(self) -> StaticColumns:
        """The columns of a snapshot that change from minute to minute, over all devices."""
        devices = self.district.devices
        count = len(devices.ids)
        parts = devices.kind_slices
        minute = min(self.minute, self.window.minutes - 1)
        quarter = (self.window.first_minute + minute) // 15
        power_max = np.full(count, np.nan)
        power_max[parts["cooling"]] = devices.zones.capacity_kw
        power_max[devices.pile_slice] = self.piles.power_max_kw
        shown: StaticColumns = {"power_kw": self.power_kw, "register_wh": self.register_wh, "power_max_kw": power_max}
        scheduled = np.zeros(count, dtype=bool)
        scheduled[parts["factory_line"]] = self._line_plan[:, quarter] > 2 * OFF_SHIFT
        shown["scheduled_on"] = scheduled
        plugged = np.zeros(count, dtype=bool)
        plugged[devices.pile_slice] = self.piles.plugged
        shown["plugged"] = plugged
        departure = np.where(self.piles.plugged, self.window.first_minute + self.piles.departure, np.nan)
        begins = np.where(self.piles.plugged, self.window.first_minute + self.piles.begins, np.nan)
        for name, part, values in (
            ("begin_minute", devices.pile_slice, begins),
            ("session_needed_kwh", devices.pile_slice, self.piles.needed_kwh),
            ("departure_minute", devices.pile_slice, departure),
            ("temperature_c", parts["cooling"], devices.zones.setpoint_c + self.zones.rise_k),
            ("soc_kwh", parts["storage"], self.batteries.soc_kwh),
            ("schedule_kw", parts["storage"], self.schedule_kw[:, quarter]),
        ):
            column = np.full(count, np.nan)
            column[part] = values
            shown[name] = column
        return shown
