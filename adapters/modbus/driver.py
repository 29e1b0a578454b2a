"""The devices of one gateway over Modbus TCP (``adapters.kit.driver.DeviceDriver``).

Each minute every server is read at once, each over its one connection. A device that cannot be read, or whose answer
cannot be true, is not online in that minute, for a reason that is counted; the others are not touched by it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from adapters.kit.driver import ApplyResult, DeviceReadings, DriverError, Indices, Mask
from adapters.modbus.assembly import GroupReader, readings_of
from adapters.modbus.connection import Connection
from adapters.modbus.energy import EnergyRegister
from adapters.modbus.layout import DeviceGroup, ResourceDevices, groups_of
from adapters.modbus.map_file import Table
from adapters.modbus.rollovers import SAVE_EVERY_MIN, RolloverFile
from adapters.modbus.server import Order, Outcome, Server, Trouble
from adapters.modbus.setpoints import step_kw, target, writes_to_hold, writes_to_release
from adapters.modbus.settings import ModbusSettings
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.ports import Clock, Metrics

_EXAMPLES = 5
_SECONDS_PER_MINUTE = 60


class ModbusDriver:
    """Implements ``DeviceDriver``."""

    def __init__(  # noqa: PLR0913 - what a driver stands on
        self,
        gateway_id: str,
        resources: Sequence[ResourceDevices],
        *,
        settings: ModbusSettings,
        clock: Clock,
        metrics: Metrics,
        rollovers: RolloverFile | None = None,
    ) -> None:
        """Nothing connected yet; the first ``read`` connects.

        Raises:
            StoreError: ``rollovers``, where the meters' roll-overs are kept, cannot be read.
        """
        self._gateway_id = gateway_id
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._count = sum(len(resource.points) for resource in resources)
        rated_kw = np.repeat([r.rated_kw for r in resources], [len(r.points) for r in resources])
        self._groups = groups_of(resources)
        largest_kw = settings.implausible_ratio * rated_kw
        self._readers = [GroupReader(group, largest_kw[group.devices]) for group in self._groups]
        self._place: dict[int, tuple[DeviceGroup, int]] = {}
        for group in self._groups:
            self._place |= {device: (group, row) for row, device in enumerate(group.devices.tolist())}
        self._servers = self._make_servers()
        self._server_of = {device: server for server in self._servers for device in server.devices}
        self._doubted: set[int] = set()
        self._rollovers = rollovers
        self._kept: dict[str, tuple[int, float]] = {}
        self._kept_minute = 0
        self._remind()
        self.trouble: Trouble = {}

    @property
    def device_count(self) -> int:
        """Length of the arrays."""
        return self._count

    @property
    def request_count(self) -> int:
        """Requests that a minute's reading takes."""
        return sum(server.request_count for server in self._servers)

    def close(self) -> None:
        """Ends all connections."""
        for server in self._servers:
            server.close()

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``; devices without it are not online, and ``trouble`` says why."""
        minute = int(at.timestamp()) // _SECONDS_PER_MINUTE
        trouble: Trouble = {}
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(server.read(minute), name=f"{self._gateway_id}/read") for server in self._servers
            ]
        for task in tasks:
            trouble |= task.result()
        await self._wait_for_late(minute, trouble)
        for device in self._doubted:
            trouble.setdefault(device, "a write was not answered")
        self._doubted.clear()
        readings = readings_of(self._readers, self._count, minute, trouble)
        self._keep(minute)
        self._tell(trouble)
        return readings

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Writes setpoints and reads them back.

        Raises:
            DriverError: none of the devices could be reached.
        """
        refused: dict[int, str] = {}
        orders: dict[int, list[Order]] = {}
        for position, (device, setpoint_kw) in enumerate(
            zip(device_indices.tolist(), setpoints_kw.tolist(), strict=True)
        ):
            try:
                order = self._hold(position, device, setpoint_kw)
            except InputError as error:
                refused[position] = f"setpoint {setpoint_kw:g} kW: {error}"
            else:
                orders.setdefault(id(self._server_of[device]), []).append(order)
        return await self._carry_out(device_indices, orders, refused)

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Lets devices run free and reads that back.

        Raises:
            DriverError: none of the devices could be reached.
        """
        orders: dict[int, list[Order]] = {}
        for position, device in enumerate(device_indices.tolist()):
            group, row = self._place[device]
            order = Order(position, group, row, tuple(writes_to_release(group, row)), np.nan, 0.0)
            orders.setdefault(id(self._server_of[device]), []).append(order)
        return await self._carry_out(device_indices, orders, {})

    def _hold(self, position: int, device: int, setpoint_kw: float) -> Order:
        group, row = self._place[device]
        reader = self._reader_of(group)
        rated_kw = float(reader.rated_kw()[row])
        held = target(
            group,
            setpoint_kw,
            rated_kw=rated_kw,
            least_kw=float(reader.least_kw()[row]),
            cap=group.kind is not ResourceKind.STORAGE,
        )
        writes = tuple(writes_to_hold(group, row, held.raw))
        return Order(position, group, row, writes, held.power_kw, step_kw(group, rated_kw) / 2)

    async def _carry_out(
        self, device_indices: Indices, orders: dict[int, list[Order]], refused: dict[int, str]
    ) -> ApplyResult:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(server.carry_out(orders[id(server)], self._clock), name=f"{self._gateway_id}/write")
                for server in self._servers
                if id(server) in orders
            ]
        outcome = Outcome(refused)
        for task in tasks:
            outcome.refused |= task.result().refused
            outcome.failed |= task.result().failed
        # Whether these hold the setpoint is not known: until they have been read again they count as gone.
        self._doubted |= {int(device_indices[position]) for position in outcome.failed}
        for why, times in Counter(outcome.failed.values()).items():
            self._metrics.count("vpp_modbus_writes_failed", float(times), gateway=self._gateway_id, why=why)
        if outcome.failed and len(outcome.failed) == len(device_indices):
            reasons = ", ".join(sorted(set(outcome.failed.values())))
            raise DriverError(f"gateway {self._gateway_id!r}: none of {len(device_indices)} devices written: {reasons}")
        reasons_of = outcome.refused | outcome.failed
        accepted: Mask = np.ones(len(device_indices), dtype=bool)
        accepted[list(reasons_of)] = False
        return ApplyResult(accepted, reasons_of)

    async def _wait_for_late(self, minute: int, trouble: Trouble) -> None:
        """Asks devices whose stamp is one minute behind once more; all of them may be late, then for longer."""
        for number, wait_s in enumerate(self._settings.late_waits_s):
            late, stamped = self._late(minute, trouble)
            if not late or (number and len(late) < stamped):
                return
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=wait_s))
            for server in self._servers:
                if mine := late & set(server.devices):
                    trouble |= await server.read_again(mine, minute)

    def _late(self, minute: int, trouble: Trouble) -> tuple[set[int], int]:
        late: set[int] = set()
        stamped = 0
        for reader in self._readers:
            lag = reader.lag_min(minute)
            if lag is None:
                continue
            read = [device not in trouble for device in reader.group.devices.tolist()]
            stamped += sum(read)
            late |= set(reader.group.devices[(lag == 1) & np.array(read)].tolist())
        return late, stamped

    def _reader_of(self, group: DeviceGroup) -> GroupReader:
        return next(reader for reader in self._readers if reader.group is group)

    def _make_servers(self) -> list[Server]:
        members: dict[tuple[str, int], dict[int, list[int]]] = {}
        for number, group in enumerate(self._groups):
            for row, point in enumerate(group.points):
                members.setdefault(point.server, {}).setdefault(number, []).append(row)
        settings = self._settings
        return [
            Server(
                Connection(
                    host,
                    port,
                    self._clock,
                    timeout_s=settings.timeout_s,
                    backoff_s=(settings.backoff_first_s, settings.backoff_longest_s),
                ),
                [(self._groups[number], rows) for number, rows in groups.items()],
                settings,
            )
            for (host, port), groups in members.items()
        ]

    def _meters(self) -> Iterator[tuple[str, EnergyRegister, int]]:
        for reader in self._readers:
            for name, counter in reader.counters.items():
                for row, point in enumerate(reader.group.points):
                    address = reader.group.register_map.fields[name].address
                    yield f"{point.host}:{point.port}/{point.unit}/{point.bases[Table.HOLDING]}/{address}", counter, row

    def _remind(self) -> None:
        if self._rollovers is not None and (known := self._rollovers.load()):
            for meter, counter, row in self._meters():
                if meter in known:
                    counter.remind(row, *known[meter])

    def _keep(self, minute: int) -> None:
        """Saves now and then; a roll-over since then, or while we are down, shows by the raw value that has fallen."""
        if self._rollovers is None or minute - self._kept_minute < SAVE_EVERY_MIN:
            return
        known: dict[str, tuple[int, float]] = {}
        remembered = {id(c): c.remembered() for reader in self._readers for c in reader.counters.values()}
        for meter, counter, row in self._meters():
            if row in remembered[id(counter)]:
                known[meter] = remembered[id(counter)][row]
        if known and known != self._kept:
            self._rollovers.save(known)
        self._kept, self._kept_minute = known, minute

    def _tell(self, trouble: Trouble) -> None:
        for why, times in Counter(trouble.values()).items():
            self._metrics.count("vpp_modbus_devices_not_read", float(times), gateway=self._gateway_id, why=why)
        self._metrics.gauge("vpp_modbus_devices_offline", float(len(trouble)), gateway=self._gateway_id)
        if trouble == self.trouble:
            return
        new = {device: why for device, why in trouble.items() if self.trouble.get(device) != why}
        back = len(self.trouble.keys() - trouble.keys())
        examples = [f"{self.where(device)}: {why}" for device, why in list(new.items())[:_EXAMPLES]]
        self._metrics.note("devices changed", gateway=self._gateway_id, offline=len(trouble), new=examples, back=back)
        self.trouble = trouble

    def where(self, device: int) -> str:
        """Host, port, unit and base address of a device."""
        group, row = self._place[device]
        return str(group.points[row])
