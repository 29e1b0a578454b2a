"""A factory behind somebody else's Modbus TCP server (pyModbusTCP), with a register map of its own.

Nothing of our own Modbus code is on the device's side: registers are packed here by hand, swapped words and all.
"""

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
from pyModbusTCP.server import DataBank, ModbusServer  # type: ignore[import-untyped]

from simulator.harness.registration import Installed
from simulator.harness.world import World
from vpp.ports import Clock

MINUTE = timedelta(minutes=1)
BLOCK = 40
NO_LIMIT = 0xFFFF
SETPOINT = 20

OWN_MAP: dict[str, Any] = {
    "name": "third-party",
    "reading": {"max_registers": 60, "max_gap": 10},
    "single_writes": True,
    "fields": {
        "power": {"address": 3, "type": "i32", "word_order": "little", "scale": 0.1, "unit": "kW"},
        "energy": {"address": 10, "type": "u32", "scale": 0.01, "unit": "kWh"},
        "setpoint": {
            "address": SETPOINT,
            "type": "u16",
            "scale": 0.1,
            "unit": "kW",
            "access": "rw",
            "no_limit": NO_LIMIT,
        },
        "rated": {"function": "input", "address": 30, "type": "u16", "scale": 0.1, "unit": "kW"},
        "power_min": {"function": "input", "address": 31, "type": "u16", "scale": 0.1, "unit": "kW"},
        "scheduled_on": {"address": 32, "type": "u16", "bit": 2},
    },
}
"""What the installer writes: other addresses, tenths of kW, swapped words, hundredths of kWh in 32 bits, no enable."""


class _Bank(DataBank):  # type: ignore[misc]
    """Tells of setpoints that a client has written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, factory: "ThirdPartyFactory") -> None:
        super().__init__()
        self._loop = loop
        self._factory = factory

    def on_holding_registers_change(self, address: int, from_value: int, to_value: int, srv_info: object) -> None:
        del from_value, srv_info
        device, register = divmod(address, BLOCK)
        if register == SETPOINT:
            self._loop.call_soon_threadsafe(self._factory.on_setpoint, device, to_value)


class ThirdPartyFactory:
    """The devices of one gateway, moved by the simulated plant, seen through the registers only.

    Attributes:
        setpoints_kw: Per device, what was written to it; ``nan`` for a release.
    """

    def __init__(self, world: World, installed: Installed, clock: Clock) -> None:
        self._world = world
        self._rows = installed.device_rows
        self._clock = clock
        self._bank = _Bank(asyncio.get_running_loop(), self)
        self._server = ModbusServer("127.0.0.1", 0, no_block=True, data_bank=self._bank)
        self.setpoints_kw: dict[int, list[float]] = {}
        self._shown = np.full(len(self._rows), -1, dtype=np.int64)
        for device in range(len(self._rows)):
            self._bank.set_holding_registers(device * BLOCK + SETPOINT, [NO_LIMIT])

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serves; gives the port."""
        self.show()
        self._server.start()
        try:
            yield self._server._service.server_address[1]
        finally:
            self._server.stop()

    def on_setpoint(self, device: int, raw: int) -> None:
        """A client has written a setpoint."""
        self._world.advance()
        rows = self._rows[device : device + 1]
        if raw == NO_LIMIT:
            self._world.plant.release(rows)
        else:
            self._world.plant.set_limit(rows, np.array([raw / 10.0]))
        self.setpoints_kw.setdefault(device, []).append(float("nan") if raw == NO_LIMIT else raw / 10.0)

    async def live(self) -> None:
        """Brings the registers up to date each minute until cancelled."""
        while True:
            next_minute = self._clock.now().replace(second=0, microsecond=0) + MINUTE
            await self._clock.sleep_until(next_minute)
            self.show()

    def show(self) -> None:
        """Puts what the meters say into the registers."""
        self._world.advance()
        shown = self._world.plant.snapshot(self._rows)
        for device in range(len(self._rows)):
            base = device * BLOCK
            high, low = struct.unpack(">HH", struct.pack(">i", round(float(shown.power_kw[device]) * 10)))
            self._bank.set_holding_registers(base + 3, [low, high])
            energy = struct.unpack(">HH", struct.pack(">I", int(shown.register_wh[device]) // 10 % 2**32))
            self._bank.set_holding_registers(base + 10, list(energy))
            self._bank.set_holding_registers(base + 32, [int(shown.scheduled_on[device]) << 2])
            plate = [round(float(np.nan_to_num(column[device])) * 10) for column in (shown.rated_kw, shown.min_kw)]
            self._bank.set_input_registers(base + 30, plate)
