"""All devices behind one Modbus TCP server: one minute's reading, and writes that are read back."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from adapters.modbus.connection import Connection, ExceptionAnswerError, ModbusError, NoAnswerError, NoConnectionError
from adapters.modbus.layout import DeviceGroup
from adapters.modbus.map_file import Table
from adapters.modbus.requests import ReadRequest, plan_reads
from adapters.modbus.setpoints import Write
from adapters.modbus.settings import ModbusSettings
from adapters.modbus.values import held_setpoints
from vpp.ports import Clock

NOT_REACHED = "not reached in time"
READ_BACK_WAITS_S = (0.0, 0.5, 1.5)
_SAME_KW = 1e-3
_SAME_SHARE = 1e-5

Member = tuple[DeviceGroup, Sequence[int]]
"""A group and the rows of it that one server has."""
Trouble = dict[int, str]
"""Why a device could not be read, by its index in the gateway's arrays."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one device is to be told.

    Attributes:
        position: Place in the caller's list.
        expected_kw: What it must read back; ``nan``: that it runs free.
        tolerance_kw: Half a step of its register and more is no disagreement.
    """

    position: int
    group: DeviceGroup
    row: int
    writes: tuple[Write, ...]
    expected_kw: float
    tolerance_kw: float


@dataclass(slots=True)
class Outcome:
    """What became of orders, by position.

    Attributes:
        refused: The device said no, or holds something else; with the reason.
        failed: Nobody knows: the server or the unit did not answer.
    """

    refused: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


class Server:
    """One connection and the requests that go over it."""

    def __init__(self, connection: Connection, members: Sequence[Member], settings: ModbusSettings) -> None:
        """Nothing read yet."""
        self._connection = connection
        self._settings = settings
        self._live: list[ReadRequest] = []
        self._plates: list[ReadRequest] = []
        for group, rows in members:
            names = group.register_map.used(group.kind)
            once = [name for name in names if group.register_map.once(name, group.kind)]
            readable = [name for name in names if name not in once and group.register_map.fields[name].readable]
            self._live += plan_reads(group, readable, rows)
            self._plates += plan_reads(group, once, rows)
        self.devices = sorted({int(group.devices[row]) for group, rows in members for row in rows})
        self._plates_left: list[ReadRequest] = []
        self._plates_minute = 0
        self._opened = 0
        self._without_plate = set(_devices_of(self._plates))
        self._silent: dict[int, tuple[int, int]] = {}

    @property
    def request_count(self) -> int:
        """Requests that a minute takes."""
        return len(self._live)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    async def read(self, minute: int) -> Trouble:
        """Reads what changes, and what hardly does when that is due; gives the devices that it could not read."""
        trouble: Trouble = {}
        reached: set[int] = set()
        try:
            async with asyncio.timeout(self._settings.pass_timeout_s):
                await self._connection.open()
                self._plan_plates(minute)
                self._plates_left, _ = await self._ask(self._plates_left, minute, {}, set())
                left, self._live = await self._ask(self._live, minute, trouble, reached)
                if left and not reached:
                    # Nobody behind it answers: the connection may be a dead one.
                    self._connection.close()
        except NoConnectionError as error:
            return dict.fromkeys(self.devices, error.why)
        except TimeoutError:
            trouble |= {device: NOT_REACHED for device in self.devices if device not in reached | trouble.keys()}
        self._without_plate -= set(_devices_of(self._plates)) - set(_devices_of(self._plates_left))
        for device in self._without_plate:
            trouble.setdefault(device, "name plate not read")
        return trouble

    async def read_again(self, devices: set[int], minute: int) -> Trouble:
        """Reads some devices once more."""
        wanted = [request for request in self._live if devices & set(_devices_of([request]))]
        trouble: Trouble = {}
        try:
            async with asyncio.timeout(self._settings.pass_timeout_s):
                await self._ask(wanted, minute, trouble, set())
        except TimeoutError:
            trouble |= dict.fromkeys(devices, NOT_REACHED)
        return {device: why for device, why in trouble.items() if device in devices}

    async def carry_out(self, orders: Sequence[Order], clock: Clock) -> Outcome:
        """Writes, then reads back; what differs at first is looked at again a moment later."""
        outcome = Outcome()
        try:
            await self._connection.open()
        except NoConnectionError as error:
            outcome.failed = {order.position: error.why for order in orders}
            return outcome
        dead: set[int] = set()
        for order in orders:
            if order.group.points[order.row].unit in dead:
                outcome.failed[order.position] = NoAnswerError.why
            else:
                await self._write(order, outcome, dead)
        unclear = [o for o in orders if o.position not in outcome.refused and o.position not in outcome.failed]
        for wait_s in READ_BACK_WAITS_S:
            if not unclear:
                break
            if wait_s:
                await clock.sleep_until(clock.now() + timedelta(seconds=wait_s))
            unclear = await self._read_back(unclear, outcome)
        return outcome

    def _plan_plates(self, minute: int) -> None:
        due = minute - self._plates_minute >= self._settings.nameplate_every_min
        if due or self._opened != self._connection.opened:
            self._plates_left = list(self._plates)
            self._plates_minute = minute
            self._opened = self._connection.opened

    async def _ask(
        self, requests: Iterable[ReadRequest], minute: int, trouble: Trouble, reached: set[int]
    ) -> tuple[list[ReadRequest], list[ReadRequest]]:
        """Carries requests out; gives those that failed, and all in the form to be used from now on."""
        failed: list[ReadRequest] = []
        kept: list[ReadRequest] = []
        waiting = list(reversed(list(requests)))
        while waiting:
            request = waiting.pop()
            error = await self._try(request, minute)
            if isinstance(error, ExceptionAnswerError) and len(request.pieces) > 1:
                # One device that the server does not know must not hide its neighbours.
                waiting += reversed(request.one_by_one())
                continue
            kept.append(request)
            if error is None:
                reached.update(_devices_of([request]))
            else:
                failed.append(request)
                trouble |= dict.fromkeys(_devices_of([request]), error.why)
        return failed, kept

    async def _try(self, request: ReadRequest, minute: int) -> ModbusError | None:
        unit = request.unit
        failures, next_minute = self._silent.get(unit, (0, minute))
        if minute < next_minute:
            return NoAnswerError()
        try:
            request.store(await self._connection.read(unit, request.table, request.start, request.count))
        except NoAnswerError as error:
            # A unit that says nothing costs a time-out each time it is asked: that is done ever more rarely.
            pause = min(2**failures, self._settings.silent_unit_longest_min)
            self._silent[unit] = failures + 1, minute + pause
            return error
        except ModbusError as error:
            return error
        self._silent.pop(unit, None)
        return None

    async def _write(self, order: Order, outcome: Outcome, dead: set[int]) -> None:
        unit = order.group.points[order.row].unit
        single = order.group.register_map.single_writes
        try:
            for write in order.writes:
                if write.table is Table.COIL:
                    await self._connection.write_coil(unit, write.address, on=bool(write.words[0]))
                else:
                    await self._connection.write_registers(unit, write.address, write.words, single=single)
        except ExceptionAnswerError as error:
            outcome.refused[order.position] = f"the device answers {error.why}"
        except ModbusError as error:
            outcome.failed[order.position] = error.why
            if isinstance(error, NoAnswerError):
                dead.add(unit)

    async def _read_back(self, orders: list[Order], outcome: Outcome) -> list[Order]:
        trouble: Trouble = {}
        groups = {id(order.group): order.group for order in orders}
        for key, group in groups.items():
            rows = [order.row for order in orders if id(order.group) == key]
            names = [name for name in ("enable", "setpoint", "setpoint_read_back") if name in group.columns]
            readable = [name for name in names if group.register_map.fields[name].readable]
            await self._ask(plan_reads(group, readable, rows), 0, trouble, set())
        held = {key: held_setpoints(group) for key, group in groups.items()}
        differing: list[Order] = []
        for order in orders:
            outcome.refused.pop(order.position, None)
            why = trouble.get(int(order.group.devices[order.row]))
            says_kw = float(held[id(order.group)][order.row])
            if why is not None:
                outcome.failed[order.position] = why
            elif not _agrees(order, says_kw):
                differing.append(order)
                outcome.refused[order.position] = (
                    f"reads back {_power(says_kw)} in place of {_power(order.expected_kw)}"
                )
        return differing


def _agrees(order: Order, says_kw: float) -> bool:
    if np.isnan(order.expected_kw) or np.isnan(says_kw):
        return bool(np.isnan(order.expected_kw) and np.isnan(says_kw))
    return abs(says_kw - order.expected_kw) <= order.tolerance_kw + _SAME_KW + _SAME_SHARE * abs(order.expected_kw)


def _power(power_kw: float) -> str:
    return "no setpoint" if np.isnan(power_kw) else f"{power_kw:g} kW"


def _devices_of(requests: Iterable[ReadRequest]) -> list[int]:
    return [device for request in requests for device in request.group.devices[request.rows].tolist()]
