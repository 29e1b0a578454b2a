"""What the devices of one kind of gateway show, as registers: made once per minute, read as often as anybody asks."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from simulator.district import ADAPTER_OF_KIND, KINDS, District
from simulator.plant import Plant
from simulator.protocols.panel import Panel
from simulator.protocols.register_map import RegisterMap, Words
from simulator.snapshot import DeviceSnapshot

Ints = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KIND_CODE = {
    "factory_line": 1,
    "factory_process": 2,
    "cooling": 3,
    "lighting": 4,
    "public_charging": 5,
    "residential_charging": 6,
    "storage": 7,
}
_W_PER_KW = 1000.0


def epoch_minute(instant: datetime) -> int:
    """Whole minutes since 1970-01-01T00:00Z."""
    return (instant - EPOCH) // timedelta(minutes=1)


class KindImage:
    """Registers of all devices of one kind of gateway.

    Attributes:
        layout: Where each field lies.
        rows: Their rows in the district's device table, ascending, shape (n,).
        live: Holding registers, shape (n, stride).
        plate: Input registers, shape (n, stride).
        version: Grows whenever ``live`` is made anew.
    """

    def __init__(self, district: District, layout: RegisterMap, panel: Panel) -> None:
        devices = district.devices
        parts = [
            np.arange(part.start, part.stop, dtype=np.int64)
            for kind, part in devices.kind_slices.items()
            if ADAPTER_OF_KIND[kind] == layout.kind
        ]
        self.layout = layout
        self.rows: Ints = np.sort(np.concatenate(parts))
        self.live: Words = np.zeros((self.rows.size, layout.stride["holding"]), dtype=np.uint16)
        self.plate: Words = np.zeros((self.rows.size, layout.stride["input"]), dtype=np.uint16)
        self.version = 0
        self._codes = np.concatenate(
            [
                np.full(devices.kind_slices[kind].stop - devices.kind_slices[kind].start, KIND_CODE[kind])
                for kind in KINDS
            ]
        )[self._in_kind_order(district)]
        self._panel = panel

    def _in_kind_order(self, district: District) -> Ints:
        """Position of each own row in the concatenation of all kinds' rows."""
        order = np.concatenate(
            [
                np.arange(district.devices.kind_slices[kind].start, district.devices.kind_slices[kind].stop)
                for kind in KINDS
            ]
        )
        place = np.empty(order.size, dtype=np.int64)
        place[order] = np.arange(order.size)
        return np.asarray(place[self.rows], dtype=np.int64)

    def engrave(self, plant: Plant) -> None:
        """Makes the name plate."""
        shown = plant.snapshot(self.rows)
        columns = {
            "kind": self._codes,
            "rated": shown.rated_kw * _W_PER_KW,
            "power_min": shown.min_kw * _W_PER_KW,
            "setpoint_least": self._panel.least_w[self.rows],
            "setpoint_most": self._panel.most_w[self.rows],
            "temperature_setpoint": shown.setpoint_c,
            "band": shown.band_k,
            "retention": shown.retention,
            "gain": shown.gain_k_per_kw,
            "power_max": shown.power_max_kw * _W_PER_KW,
            "capacity": shown.capacity_kwh * _W_PER_KW,
            "soc_min": shown.soc_min_kwh * _W_PER_KW,
            "efficiency": shown.efficiency,
        }
        for name, field in self.layout.fields.items():
            if field.function == "input":
                self.layout.put(self.plate, name, np.nan_to_num(columns[name]))

    def expose(self, plant: Plant) -> None:
        """Makes the live values of the plant's last minute; a device that is offline goes on showing its own last."""
        shown = plant.snapshot(self.rows)
        fresh: Words = np.zeros_like(self.live)
        columns = self._live_columns(shown, plant)
        for name, field in self.layout.fields.items():
            if field.function == "holding" and name in columns:
                self.layout.put(fresh, name, np.nan_to_num(columns[name]))
        fresh[~shown.online] = self.live[~shown.online]
        self.live = fresh
        self.version += 1
        self.show_panel(slice(None))

    def show_panel(self, part: slice) -> None:
        """Makes the registers of what some devices were told; an offline device's too, for it holds it.

        Args:
            part: Their rows in this image.
        """
        rows, words = self.rows[part], self.live[part]
        self.layout.put(words, "enable", self._panel.enabled[rows].astype(np.int64))
        self.layout.put(words, "local", self._panel.local[rows].astype(np.int64))
        self.layout.put(words, "setpoint", self._panel.setpoint_w[rows])

    def _live_columns(self, shown: DeviceSnapshot, plant: Plant) -> dict[str, NDArray[np.generic]]:
        count = self.rows.size
        minute_of_day = plant.window.first_minute + plant.minute
        leaves_in = np.where(shown.plugged, np.maximum(shown.departure_minute - minute_of_day, 0.0), 0.0)
        power_max_kw = np.where(
            shown.plugged & np.isfinite(shown.power_max_kw), np.nan_to_num(shown.power_max_kw), shown.rated_kw
        )
        return {
            "minute": np.full(count, epoch_minute(plant.now)),
            "power": shown.power_kw * _W_PER_KW,
            "energy": shown.register_wh,
            "scheduled_on": shown.scheduled_on.astype(np.int64),
            "plugged": shown.plugged.astype(np.int64),
            "session_needed": np.where(shown.plugged, np.nan_to_num(shown.session_needed_kwh), 0.0) * _W_PER_KW,
            "power_max": power_max_kw,
            "minutes_to_departure": leaves_in,
            "temperature": shown.temperature_c,
            "soc": shown.soc_kwh * _W_PER_KW,
        }
