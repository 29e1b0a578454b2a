"""One connection to one Modbus TCP server: the only module that speaks to pymodbus.

Requests go one after the other. A lost connection is opened again after a pause that grows; answers come as raw bytes,
so that nothing here loops over registers.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

import numpy as np
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from adapters.kit.cancelling import pass_on_cancellation
from adapters.kit.driver import DriverError
from adapters.modbus.map_file import Table
from adapters.modbus.registers import WORD
from vpp.ports import Clock

EXCEPTION_WORDS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledged, still working",
    6: "server device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}
BEHIND_THE_GATEWAY = frozenset({10, 11})
"""Exceptions of a Modbus gateway that speak of a device which does not answer."""

# The library says each failure at length; what matters is counted and noted by the driver.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class ModbusError(DriverError):
    """A request came to nothing; ``why`` is short and fit for a metric's label."""

    why = "modbus error"


class NoConnectionError(ModbusError):
    """The server cannot be reached."""

    why = "no connection"


class NoAnswerError(ModbusError):
    """The unit said nothing in time."""

    why = "no answer"


class GarbledError(ModbusError):
    """The answer is not what was asked for."""

    why = "garbled answer"


class ExceptionAnswerError(ModbusError):
    """The device answered with a Modbus exception."""

    def __init__(self, code: int) -> None:
        self.code = code
        words = EXCEPTION_WORDS.get(code, "unknown")
        self.why = f"exception {code} ({words})"
        super().__init__(self.why)


class _RawHolding(ReadHoldingRegistersResponse):
    raw: bytes = b""

    def decode(self, data: bytes) -> None:
        """Keeps the bytes as they are."""
        self.raw = data[1 : 1 + data[0]]


class _RawInput(ReadInputRegistersResponse):
    raw: bytes = b""

    def decode(self, data: bytes) -> None:
        """Keeps the bytes as they are."""
        self.raw = data[1 : 1 + data[0]]


class Connection:
    """To one host and port."""

    def __init__(self, host: str, port: int, clock: Clock, *, timeout_s: float, backoff_s: tuple[float, float]) -> None:
        """Not open yet; ``backoff_s`` is the first and the longest pause between attempts, by the clock."""
        self.where = f"{host}:{port}"
        self._host, self._port = host, port
        self._clock = clock
        self._timeout_s = timeout_s
        self._backoff_s = backoff_s
        self._client: AsyncModbusTcpClient | None = None
        self._failures = 0
        self._not_before: datetime | None = None
        # Spreads reconnects; nothing secret hangs on it.
        self._random = random.Random(self.where)  # noqa: S311
        self._lock = asyncio.Lock()
        self.opened = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Connects unless connected; ``opened`` counts how often that was done.

        Raises:
            NoConnectionError: the server cannot be reached, or its pause is not over.
        """
        async with self._lock:
            if self.is_open:
                return
            self._drop()
            now = self._clock.now()
            if self._not_before is not None and now < self._not_before:
                raise NoConnectionError(f"no connection to {self.where}: tried again later")
            client = AsyncModbusTcpClient(
                self._host, port=self._port, timeout=self._timeout_s, retries=0, reconnect_delay=0
            )
            for response in (_RawHolding, _RawInput):
                client.register(response)
            try:
                connected = await client.connect()
            except (OSError, ModbusException):
                connected = False
            pass_on_cancellation()
            if not connected:
                client.close()
                self._failures += 1
                self._not_before = now + timedelta(seconds=self._pause_s())
                raise NoConnectionError(f"no connection to {self.where}")
            self._client, self._failures, self._not_before = client, 0, None
            self.opened += 1

    def close(self) -> None:
        """Ends the connection; ``open`` makes the next one."""
        self._drop()

    async def read(self, unit: int, table: Table, start: int, count: int) -> np.ndarray:
        """Registers as '>u2', or bits as bool, shape (count,).

        Raises:
            ModbusError: no connection, no answer in time, an exception, or an answer of another length.
        """
        client = self._connected()
        match table:
            case Table.HOLDING:
                asked = client.read_holding_registers(start, count=count, device_id=unit)
            case Table.INPUT:
                asked = client.read_input_registers(start, count=count, device_id=unit)
            case Table.COIL:
                asked = client.read_coils(start, count=count, device_id=unit)
            case Table.DISCRETE:
                asked = client.read_discrete_inputs(start, count=count, device_id=unit)
        answer = await self._answer(asked, unit)
        if isinstance(answer, _RawHolding | _RawInput):
            words = np.frombuffer(answer.raw[: len(answer.raw) // 2 * 2], dtype=WORD)
            if len(words) == count:
                return words
            raise GarbledError(f"{self.where} unit {unit}: {len(words)} registers for {count} from {start} on")
        if isinstance(answer, ReadCoilsResponse | ReadDiscreteInputsResponse) and len(answer.bits) >= count:
            return np.array(answer.bits[:count], dtype=bool)
        raise GarbledError(f"{self.where} unit {unit}: not {count} values of table {table.value!r} from {start} on")

    async def write_registers(self, unit: int, start: int, words: Sequence[int], *, single: bool = False) -> None:
        """Writes holding registers; one alone with function 6 where ``single``.

        Raises:
            ModbusError: as ``read``.
        """
        client = self._connected()
        if single and len(words) == 1:
            await self._answer(client.write_register(start, words[0], device_id=unit), unit)
        else:
            await self._answer(client.write_registers(start, list(words), device_id=unit), unit)

    async def write_coil(self, unit: int, address: int, *, on: bool) -> None:
        """Writes one coil.

        Raises:
            ModbusError: as ``read``.
        """
        await self._answer(self._connected().write_coil(address, on, device_id=unit), unit)

    def _connected(self) -> AsyncModbusTcpClient:
        if self._client is None or not self._client.connected:
            raise NoConnectionError(f"the connection to {self.where} is lost")
        return self._client

    async def _answer(self, asked: Awaitable[ModbusPDU], unit: int) -> ModbusPDU:
        try:
            try:
                answer = await asked
            finally:
                pass_on_cancellation()
        except ModbusException as error:
            if not self.is_open:
                raise NoConnectionError(f"the connection to {self.where} is lost") from error
            raise NoAnswerError(f"{self.where} unit {unit} does not answer") from error
        except OSError as error:
            self._drop()
            raise NoConnectionError(f"the connection to {self.where} is lost: {error}") from error
        if isinstance(answer, ExceptionResponse):
            if answer.exception_code in BEHIND_THE_GATEWAY:
                words = EXCEPTION_WORDS[answer.exception_code]
                raise NoAnswerError(f"{self.where} unit {unit}: exception {answer.exception_code} ({words})")
            raise ExceptionAnswerError(answer.exception_code)
        return answer

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _pause_s(self) -> float:
        first, longest = self._backoff_s
        return min(first * 2.0 ** min(self._failures - 1, 30), longest) * (0.5 + 0.5 * self._random.random())
