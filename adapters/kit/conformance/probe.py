"""A driver around the one under trial: notes what is written, and lets the devices break in chosen ways."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from adapters.kit.driver import ApplyResult, DeviceDriver, DeviceReadings, Indices, Mask
from vpp.domain.flexibility import Series
from vpp.ports import Clock


@dataclass(frozen=True, slots=True)
class Write:
    """One setpoint written to one device; ``nan`` is a release."""

    at: datetime
    device: int
    setpoint_kw: float


class Probe:
    """Implements ``DeviceDriver`` over another one; faultless until told otherwise.

    Attributes:
        writes: Everything that reached the devices, in order.
        attempts: Calls of ``apply`` so far, those that failed included.
        truth: What the devices said last, before anything was altered; ``None`` before the first reading.
        history: All of it, by the minute asked for.
        alter: Changes what is read.
        alter_result: Changes what the devices say to a setpoint.
        offline: Devices that do not answer: figures of theirs are rubbish on purpose.
        overridden: Devices under local control.
        refusing: Devices that refuse each setpoint, with their reason.
        reads_fail: Raised by every reading.
        writes_fail: Raised by every setpoint and release.
        hanging: No call ever comes back.
    """

    def __init__(self, driver: DeviceDriver, clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self.writes: list[Write] = []
        self.attempts = 0
        self.truth: DeviceReadings | None = None
        self.history: list[tuple[datetime, DeviceReadings]] = []
        self.alter: Callable[[DeviceReadings], DeviceReadings] | None = None
        self.alter_result: Callable[[ApplyResult], ApplyResult] | None = None
        self.offline: set[int] = set()
        self.overridden: set[int] = set()
        self.refusing: Mapping[int, str] = {}
        self.reads_fail: Exception | None = None
        self.writes_fail: Exception | None = None
        self.hanging = False

    async def read(self, at: datetime) -> DeviceReadings:
        """What the devices say, as far as they are whole."""
        if self.hanging:
            await asyncio.Event().wait()
        if self.reads_fail is not None:
            raise self.reads_fail
        self.truth = await self._driver.read(at)
        self.history.append((at, self.truth))
        shown = self._without_offline(self.truth)
        return shown if self.alter is None else self.alter(shown)

    def _without_offline(self, readings: DeviceReadings) -> DeviceReadings:
        out, local = _mask(self.offline, readings), _mask(self.overridden, readings)
        if not out.any() and not local.any():
            return readings
        return replace(
            readings,
            power_kw=np.where(out, np.nan, readings.power_kw),
            register_wh=np.where(out, 0, readings.register_wh),
            setpoint_kw=np.where(out, np.nan, readings.setpoint_kw),
            online=readings.online & ~out,
            override=local if readings.override is None else readings.override | local,
        )

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Hands on what whole devices are told; refusing and silent ones get nothing."""
        self.attempts += 1
        await self._fail_or_hang()
        listed = device_indices.tolist()
        whole = np.array([d not in self.refusing and d not in self.offline for d in listed], dtype=bool)
        accepted: Mask = np.zeros(len(listed), dtype=bool)
        refusals = {position: self.refusing[d] for position, d in enumerate(listed) if d in self.refusing}
        if whole.any():
            result = await self._driver.apply(device_indices[whole], setpoints_kw[whole])
            accepted[whole] = result.accepted
            inner = np.flatnonzero(whole)
            refusals |= {int(inner[position]): reason for position, reason in result.refusals.items()}
            now = self._clock.now()
            self.writes += [Write(now, listed[i], float(setpoints_kw[i])) for i in np.flatnonzero(accepted).tolist()]
        answer = ApplyResult(accepted, refusals)
        return answer if self.alter_result is None else self.alter_result(answer)

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Hands on which whole devices are let go."""
        await self._fail_or_hang()
        whole = np.array([d not in self.offline for d in device_indices.tolist()], dtype=bool)
        accepted: Mask = np.zeros(len(device_indices), dtype=bool)
        if whole.any():
            accepted[whole] = (await self._driver.release(device_indices[whole])).accepted
            now = self._clock.now()
            self.writes += [Write(now, int(d), float("nan")) for d in device_indices[accepted].tolist()]
        return ApplyResult(accepted)

    async def _fail_or_hang(self) -> None:
        if self.hanging:
            await asyncio.Event().wait()
        if self.writes_fail is not None:
            raise self.writes_fail


def _mask(devices: set[int], readings: DeviceReadings) -> Mask:
    mask = np.zeros(len(readings.power_kw), dtype=bool)
    mask[sorted(devices)] = True
    return mask
