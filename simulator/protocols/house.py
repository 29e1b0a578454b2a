"""All devices of a district as units of registers: lives up to the present whenever somebody looks, forgets nothing.

``House`` knows no protocol: it answers for registers and takes writes. Everything runs in one event loop; a reader sees
one whole minute at a time because nothing is awaited between looking at the clock and copying registers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.clock import PlantClock
from simulator.district import ADAPTER_OF_KIND, AdapterKind
from simulator.plant import PlantState
from simulator.protocols.errors import StateError
from simulator.protocols.image import EPOCH, KindImage, epoch_minute
from simulator.protocols.journal import Control, DeviceJournal
from simulator.protocols.layout import UnitPlace, units_of
from simulator.protocols.panel import Held, Panel, RefusedWriteError, parse_write
from simulator.protocols.register_map import load_map
from simulator.rolling import MINUTE, RollingPlant

DRAW_AHEAD = timedelta(hours=2)
"""How long before midnight, in the devices' time, the next day is drawn."""
CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far a clock may have been set back between two starts."""
_PANEL = ("enabled", "local", "setpoint_w")


@dataclass(slots=True)
class Unit:
    """One resource's registers.

    Attributes:
        first: Row of its first device in the image of its kind.
    """

    place: UnitPlace
    image: KindImage
    first: int
    _version: int = -1
    _holding: list[int] | None = None
    _plate: list[int] | None = None

    def holding(self) -> list[int]:
        """All its holding registers."""
        if self._holding is None or self._version != self.image.version:
            self._holding = self._cut(self.image.live)
            self._version = self.image.version
        return self._holding

    def show_panel(self) -> None:
        """Takes over what its devices have been told."""
        self.image.show_panel(slice(self.first, self.first + self.place.device_count))
        self._holding = None

    def plate(self) -> list[int]:
        """All its input registers."""
        if self._plate is None:
            self._plate = self._cut(self.image.plate)
        return self._plate

    def _cut(self, words: NDArray[np.uint16]) -> list[int]:
        found: list[int] = words[self.first : self.first + self.place.device_count].ravel().tolist()
        return found


class House:
    """The devices, their memory, and the registers they show.

    Attributes:
        rolling: The plant.
        units: By gateway id and unit number.
    """

    def __init__(self, rolling: RollingPlant, maps: Path, journal: DeviceJournal, clock: PlantClock) -> None:
        """Devices that have lived through what the journal remembers, up to now.

        Raises:
            ScenarioFileError, MapError: a register map is wrong.
            StateError: the memory cannot be read, or is of a time to come.
        """
        self.rolling = rolling
        self._clock = clock
        self._journal = journal
        district = rolling.scenario.district
        self.panel = Panel(district, rolling.faults)
        kinds: dict[AdapterKind, None] = {ADAPTER_OF_KIND[resource.kind]: None for resource in district.resources}
        self._images = {kind: KindImage(district, load_map(maps, kind), self.panel) for kind in kinds}
        self.units: Mapping[str, Mapping[int, Unit]] = {
            gateway_id: {place.unit: self._unit(place) for place in places}
            for gateway_id, places in units_of(district).items()
        }
        self._remember()
        for image in self._images.values():
            image.engrave(rolling.plant)
            image.expose(rolling.plant)

    def _unit(self, place: UnitPlace) -> Unit:
        image = self._images[ADAPTER_OF_KIND[place.resource.kind]]
        return Unit(place, image, int(np.searchsorted(image.rows, place.resource.devices.start)))

    def _remember(self) -> None:
        """Lives again through the latest day as it was, then on to the present.

        Raises:
            StateError: the devices have lived further than the clock says.
        """
        known = self._journal.remembered()
        lived = self.rolling.midnight_before(known.day_number) if known.day_number else self.rolling.now
        if known.controls:
            lived = EPOCH + known.controls[-1].minute * MINUTE
        if lived > self._clock.now() + CLOCK_TOLERANCE and (known.controls or known.state is not None):
            raise StateError(
                f"the devices' memory reaches to {lived.isoformat()}, the clock shows "
                f"{self._clock.now().isoformat(timespec='seconds')}: set the clock right, or remove the memory"
            )
        if known.state is not None:
            state = dict(known.state)
            for name in _PANEL:
                getattr(self.panel, name)[:] = state.pop(f"panel_{name}")
            self.rolling.begin_day(known.day_number, state)
        for control in known.controls:
            self.rolling.advance(EPOCH + control.minute * MINUTE)
            self._obey(control.row, Held(control.enabled, control.local, control.setpoint_w))
        self.rolling.advance(self._clock.now(), self._on_midnight)

    @property
    def now(self) -> datetime:
        """The instant up to which the devices have lived."""
        return self.rolling.now

    def refresh(self) -> None:
        """Lives up to the last full minute, and shows it."""
        if self.rolling.now + MINUTE > self._clock.now():
            return
        if self.rolling.advance(self._clock.now(), self._on_midnight):
            for image in self._images.values():
                image.expose(self.rolling.plant)

    async def keep_alive(self) -> None:
        """Lives on minute by minute though nobody looks, and draws each next day ahead; until cancelled."""
        while True:
            await self._clock.sleep_until(self.rolling.now + MINUTE)
            self.refresh()
            if self.rolling.plant.window.end - self.rolling.now <= DRAW_AHEAD:
                await asyncio.to_thread(self.rolling.prepare_tomorrow)

    async def write(self, unit: Unit, address: int, words: Sequence[int]) -> None:
        """Writes holding registers, all or none; on disk when it returns.

        Raises:
            RefusedWriteError: with the exception code to answer with.
        """
        self.refresh()
        changes = parse_write(unit.image.layout, unit.place.device_count, address, words)
        first = unit.place.resource.devices.start
        decided = {first + device: self.panel.decide(first + device, change) for device, change in changes.items()}
        minute = epoch_minute(self.rolling.now)
        told = [
            Control(minute, row, held.enabled, held.local, held.setpoint_w)
            for row, held in decided.items()
            if self._obey(row, held)
        ]
        if told:
            unit.show_panel()
            self._journal.append(told)
            await self._journal.commit()

    def _obey(self, row: int, held: Held) -> bool:
        """Hands what a device holds to the plant; whether it was anything new."""
        if not self.panel.hold(row, held):
            return False
        rows = np.array([row], dtype=np.int64)
        if held.enabled:
            self.rolling.plant.set_limit(rows, held.setpoint_w / 1000.0)
        else:
            self.rolling.plant.release(rows)
        return True

    def _on_midnight(self, number: int, state: PlantState) -> None:
        panel: dict[str, NDArray[Any]] = {f"panel_{name}": getattr(self.panel, name) for name in _PANEL}
        self._journal.begin_day(number, {**state, **panel})


__all__ = ["House", "RefusedWriteError", "Unit"]
