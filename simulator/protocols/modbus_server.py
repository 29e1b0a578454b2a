"""Modbus TCP in front of the devices of one gateway: a port, its units, their registers."""

import socket
from collections.abc import Mapping

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from simulator.protocols.errors import PortError
from simulator.protocols.house import House, Unit
from simulator.protocols.panel import RefusedWriteError

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16


class UnitRegisters(SimCore):
    """The data store that pymodbus asks: registers of the devices instead of its own simulated ones."""

    def __init__(self, house: House, units: Mapping[int, Unit]) -> None:
        """No blocks of pymodbus' own are made: values live in the house."""
        self._house = house
        self._units = units

    def device_ids(self) -> list[int]:
        """The units that exist."""
        return list(self._units)

    async def async_getValues(  # noqa: N802 - pymodbus names it
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Registers of a unit, all of one minute."""
        unit = self._units.get(device_id)
        if unit is None:
            return ExcCodes.GATEWAY_NO_RESPONSE
        self._house.refresh()
        if func_code in {READ_HOLDING, WRITE_ONE}:
            registers = unit.holding()
        elif func_code == READ_INPUT:
            registers = unit.plate()
        else:
            return ExcCodes.ILLEGAL_FUNCTION
        if address + count > len(registers):
            return ExcCodes.ILLEGAL_ADDRESS
        return registers[address : address + count]

    async def async_setValues(  # noqa: N802 - pymodbus names it
        self, device_id: int, func_code: int, address: int, values: list[int] | list[bool]
    ) -> ExcCodes | None:
        """Writes to a unit; ``None`` when it was taken and is on disk."""
        unit = self._units.get(device_id)
        if unit is None:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if func_code not in {WRITE_ONE, WRITE_MANY}:
            return ExcCodes.ILLEGAL_FUNCTION
        try:
            await self._house.write(unit, address, values)
        except RefusedWriteError as refused:
            return ExcCodes(refused.code)
        return None


class GatewayServer:
    """The server of one gateway's port."""

    def __init__(self, house: House, gateway_id: str, *, host: str, port: int) -> None:
        """Not yet listening; needs a running event loop to start."""
        self._house = house
        self._gateway_id = gateway_id
        self._host, self._port = host, port
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            PortError: the port is taken or not allowed; names gateway, address and reason.
        """
        self._try_port()
        # pymodbus insists on a device of its own to start with; the store that answers is ours.
        placeholder = SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)])
        server = ModbusTcpServer(placeholder, address=(self._host, self._port))
        server.context = UnitRegisters(self._house, self._house.units[self._gateway_id])
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise PortError(self._cannot("another program took the port just now")) from error
        self._server = server

    async def stop(self) -> None:
        """Closes the port and every connection; nothing when it never started."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left it without annotations
            self._server = None

    def _try_port(self) -> None:
        """Binds and lets go, because pymodbus does not say why it cannot listen."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self._host, self._port))
        except OSError as error:
            raise PortError(self._cannot(error.strerror or str(error))) from error

    def _cannot(self, reason: str) -> str:
        return f"gateway {self._gateway_id!r}: cannot listen on {self._host}:{self._port}: {reason}"
