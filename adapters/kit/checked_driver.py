"""A driver as the gateway trusts it: whatever the devices answer, what comes out keeps to ``adapters.kit.driver``.

A gateway must carry its schedule to the end and release, whatever a device answers: an error of any kind is a
``DriverError``, arrays of the wrong shape are no reading, and figures that a device cannot have count as not read.
"""

from collections.abc import Awaitable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from adapters.kit.driver import (
    ApplyResult,
    BatteryReadings,
    DeviceDriver,
    DeviceReadings,
    DriverError,
    Indices,
    LineReadings,
    Mask,
    PileReadings,
    Registers,
    ZoneReadings,
)
from adapters.kit.gateway_config import GatewayConfig
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series

R = TypeVar("R")
Group = LineReadings | PileReadings | ZoneReadings | BatteryReadings
GROUP_OF = {
    ResourceKind.FACTORY_LINE: "lines",
    ResourceKind.FACTORY_PROCESS: "lines",
    ResourceKind.LIGHTING: "lines",
    ResourceKind.PUBLIC_CHARGING: "piles",
    ResourceKind.RESIDENTIAL_CHARGING: "piles",
    ResourceKind.COOLING: "zones",
    ResourceKind.STORAGE: "batteries",
}
"""Name of the states that a kind's devices are read with."""
NEGATIVE_NOISE = 0.05
"""Of a load's mean rating per device: how far a meter near zero may read below it."""


class CheckedDriver:
    """Implements ``DeviceDriver`` over another one."""

    def __init__(self, driver: DeviceDriver, config: GatewayConfig) -> None:
        self._driver = driver
        self._count = config.device_count
        self._least_kw = np.full(config.device_count, -np.inf)
        self._members: dict[str, Mask] = {}
        for spec in config.specs:
            members = self._members.setdefault(GROUP_OF[spec.kind], np.zeros(config.device_count, dtype=bool))
            members[spec.devices] = True
            if spec.kind is not ResourceKind.STORAGE:
                self._least_kw[spec.devices] = -NEGATIVE_NOISE * spec.rated_kw / spec.device_count
        self._loads: Mask = np.isfinite(self._least_kw)
        self._known: dict[str, Group] = {}
        self._registers: Registers = np.zeros(config.device_count, dtype=np.int64)
        self._counted: Mask = np.zeros(config.device_count, dtype=bool)

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``; a figure that no such device can have is ``nan``, its states the last ones.

        A device of which a state is not finite counts as not online. A load's power far below zero, and its power in
        a minute in which its register fell, are ``nan``.

        Raises:
            DriverError: also for whatever else the driver raised, and for arrays of the wrong shape.
        """
        readings = await _translated("read", self._driver.read(at))
        for name in ("power_kw", "register_wh", "online", "setpoint_kw"):
            self._check_shape(name, getattr(readings, name))
        if readings.override is not None:
            self._check_shape("override", readings.override)
        for name, members in self._members.items():
            readings = self._with_finite_states(readings, name, members)
        return self._with_possible_power(readings)

    def _check_shape(self, name: str, values: Series | Registers | Mask) -> None:
        if np.shape(values) != (self._count,):
            raise DriverError(f"devices answered {name} of shape {np.shape(values)}, expected ({self._count},)")

    def _with_finite_states(self, readings: DeviceReadings, name: str, members: Mask) -> DeviceReadings:
        group: Group | None = getattr(readings, name)
        if group is None:
            raise DriverError(f"devices answered without {name}, which resources of this gateway need")
        known = self._known.get(name)
        filled: dict[str, Any] = {}
        spoilt: Mask = np.zeros(self._count, dtype=bool)
        for field in fields(group):
            values = getattr(group, field.name)
            if values is None:
                continue
            self._check_shape(f"{name}.{field.name}", values)
            finite = np.isfinite(values)
            if not finite.all():
                spoilt |= ~finite
                last = None if known is None else getattr(known, field.name)
                filled[field.name] = np.where(finite, values, np.zeros(self._count) if last is None else last)
        if filled:
            group = replace(group, **filled)
            changed: dict[str, Any] = {name: group, "online": readings.online & ~(spoilt & members)}
            readings = replace(readings, **changed)
        self._known[name] = group
        return readings

    def _with_possible_power(self, readings: DeviceReadings) -> DeviceReadings:
        fell = self._loads & self._counted & readings.online & (readings.register_wh < self._registers)
        with np.errstate(invalid="ignore"):
            impossible = fell | (readings.power_kw < self._least_kw)
        # The register goes on from where it fell to: after a change of meters only that one minute is unread.
        self._registers = np.where(readings.online, readings.register_wh, self._registers)
        self._counted = self._counted | readings.online
        if not (impossible & readings.online).any():
            return readings
        return replace(readings, power_kw=np.where(impossible, np.nan, readings.power_kw))

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """As the driver's; an answer that does not cover every written device is a ``DriverError``."""
        return _covering(await _translated("write", self._driver.apply(device_indices, setpoints_kw)), device_indices)

    async def release(self, device_indices: Indices) -> ApplyResult:
        """As the driver's; an answer that does not cover every released device is a ``DriverError``."""
        return _covering(await _translated("release", self._driver.release(device_indices)), device_indices)


async def _translated(what: str, call: Awaitable[R]) -> R:
    try:
        return await call
    except (DriverError, TimeoutError):
        raise
    except Exception as error:
        raise DriverError(f"devices: {what} ended with {type(error).__name__}: {error}") from error


def _covering(result: ApplyResult, device_indices: Indices) -> ApplyResult:
    if np.shape(result.accepted) != np.shape(device_indices):
        raise DriverError(
            f"devices answered for {np.size(result.accepted)} of {np.size(device_indices)} written: "
            "an answer must cover each"
        )
    return result
