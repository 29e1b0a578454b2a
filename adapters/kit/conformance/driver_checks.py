"""The driver alone: shapes, units, and that a setpoint is what it says."""

from datetime import timedelta

import numpy as np

from adapters.kit.checked_driver import GROUP_OF
from adapters.kit.conformance.check import Check, all_but, table
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_near,
    expect_that,
)
from adapters.kit.driver import DeviceReadings, Indices
from vpp.domain.fleet import ResourceKind

_WH_PER_KW_MINUTE = 1000.0 / 60.0


async def _minute(trial: Trial, number: int) -> DeviceReadings:
    await trial.until(number)
    return await trial.probe.read(trial.t0 + timedelta(minutes=number))


def _indices(trial: Trial) -> Indices:
    return np.array(trial.devices, dtype=np.int64)


def _count(trial: Trial) -> int:
    return max(spec.first_device + spec.device_count for spec in trial.specs)


async def read_covers_all_devices(trial: Trial) -> None:
    """Every array of a reading runs over all devices of the gateway, powers as floats, registers as whole Wh.

    Source: adapters.kit.driver; DESIGN 3, what the figures mean (energy register in integer Wh)
    """
    readings = await trial.read()
    for name in ("power_kw", "register_wh", "online", "setpoint_kw"):
        expect_equal(f"shape of {name}", np.shape(getattr(readings, name)), (_count(trial),))
    expect_equal("register_wh holds", readings.register_wh.dtype.kind, "i")
    expect_equal("power_kw holds", readings.power_kw.dtype.kind, "f")
    expect_equal("online holds", readings.online.dtype.kind, "b")


async def read_brings_the_states_of_the_kind(trial: Trial) -> None:
    """The driver reads the group of states that the resource's kind needs, over all devices.

    Source: adapters.kit.driver
    """
    readings = await trial.read()
    name = GROUP_OF[trial.spec.kind]
    group = getattr(readings, name)
    expect_that(group is not None, f"group {name} of a {trial.spec.kind}", group, "states of the devices")
    for field, told in type(group).__dataclass_fields__.items():
        values = getattr(group, field)
        if values is None and told.default is None:
            continue
        expect_equal(f"shape of {name}.{field}", np.shape(values), (_count(trial),))
        expect_that(np.isfinite(values).all(), f"{name}.{field}", values, "finite numbers")


async def read_says_that_devices_run_free(trial: Trial) -> None:
    """A device that holds no setpoint says so with nan, and fresh devices hold none.

    Source: adapters.kit.driver
    """
    readings = await trial.read()
    held = readings.setpoint_kw[trial.spec.devices]
    expect_that(np.isnan(held).all(), "setpoints of fresh devices", held, "nan at each")


async def power_is_in_kw(trial: Trial) -> None:
    """Power is in kW: devices under the lower setpoint draw something, and no more than the resource is rated for.

    Source: style guide, units
    """
    await trial.probe.apply(_indices(trial), trial.split(trial.case.setpoints_kw[1], await _minute(trial, 0)))
    power = float((await _minute(trial, 2)).power_kw[trial.spec.devices].sum())
    expect_that(abs(power) > 0.01 * trial.spec.rated_kw, "power in kW", power, "more than 1 % of the rating")
    expect_at_most("power in kW", abs(power), 1.1 * trial.spec.rated_kw)


async def power_of_a_load_is_not_negative(trial: Trial) -> None:
    """Power into the resource is positive: no load draws less than nothing.

    Source: style guide, signs
    """
    readings = await _minute(trial, 2)
    least = float(readings.power_kw[trial.spec.devices].min())
    expect_at_most("least power of a device, sign turned", -least, 0.0, 0.05 * trial.spec.rated_kw)


async def register_counts_what_power_says(trial: Trial) -> None:
    """The register rises by the minute's mean power, in Wh.

    Source: DESIGN 3, what the figures mean
    """
    before = await _minute(trial, 0)
    for number in range(1, 11):
        after = await _minute(trial, number)
        rise = (after.register_wh - before.register_wh)[trial.spec.devices]
        expected = after.power_kw[trial.spec.devices] * _WH_PER_KW_MINUTE
        worst = int(np.argmax(np.abs(rise - expected)))
        tolerance = 2.0 + 0.02 * abs(float(expected[worst]))
        expect_near(f"Wh in minute {number}", float(rise[worst]), float(expected[worst]), tolerance)
        before = after


async def setpoint_is_read_back(trial: Trial) -> None:
    """A written setpoint is accepted and read back as written, in kW.

    Source: adapters.kit.driver
    """
    shares = trial.split(trial.case.setpoints_kw[0], await _minute(trial, 0))
    result = await trial.probe.apply(_indices(trial), shares)
    expect_that(result.accepted.all(), "accepted", result.accepted.tolist(), "every device")
    held = (await _minute(trial, 1)).setpoint_kw[trial.spec.devices]
    expect_that(np.allclose(held, shares, atol=0.05, rtol=0.005), "setpoints read back", held, f"{shares}")


async def setpoint_binds(trial: Trial) -> None:
    """Devices that hold a setpoint draw no more than it.

    Source: adapters.kit.driver (a cap for loads, the very power for batteries)
    """
    shares = trial.split(trial.case.setpoints_kw[0], await _minute(trial, 0))
    await trial.probe.apply(_indices(trial), shares)
    minutes = int(trial.spec.notice_s // 60) + 3
    for number in range(1, minutes + 1):
        readings = await _minute(trial, number)
    power = float(readings.power_kw[trial.spec.devices].sum())
    expect_at_most("kW under a setpoint", power, float(shares.sum()), trial.tolerance_kw)


async def setpoint_is_a_state_not_a_change(trial: Trial) -> None:
    """The same setpoint twice leaves the devices where the first one left them.

    Source: DESIGN 3, commands (what should be, not what to change)
    """
    shares = trial.split(trial.case.setpoints_kw[0], await _minute(trial, 0))
    await trial.probe.apply(_indices(trial), shares)
    once = (await _minute(trial, 1)).setpoint_kw[trial.spec.devices]
    await trial.probe.apply(_indices(trial), shares)
    twice = (await _minute(trial, 2)).setpoint_kw[trial.spec.devices]
    expect_that(np.array_equal(once, twice), "setpoints after the second write", twice, f"{once}")


async def setpoint_reaches_only_the_listed_devices(trial: Trial) -> None:
    """Writing one device leaves all others as they were.

    Source: adapters.kit.driver
    """
    shares = trial.split(trial.case.setpoints_kw[0], await _minute(trial, 0))
    await trial.probe.apply(_indices(trial)[:1], shares[:1])
    held = (await _minute(trial, 1)).setpoint_kw
    others = np.delete(held, trial.devices[0])
    expect_that(not np.isnan(held[trial.devices[0]]), "setpoint of the written device", held, "a number")
    expect_that(np.isnan(others).all(), "setpoints of the others", others, "nan at each")


async def release_lets_devices_run_free(trial: Trial) -> None:
    """A released device holds no setpoint any more; releasing a free one is no error.

    Source: adapters.kit.driver
    """
    shares = trial.split(trial.case.setpoints_kw[0], await _minute(trial, 0))
    await trial.probe.apply(_indices(trial), shares)
    for number in (1, 2):
        result = await trial.probe.release(_indices(trial))
        expect_that(result.accepted.all(), f"release {number} accepted", result.accepted.tolist(), "every device")
    held = (await _minute(trial, 3)).setpoint_kw[trial.spec.devices]
    expect_that(np.isnan(held).all(), "setpoints after the release", held, "nan at each")


CHECKS: tuple[Check, ...] = (
    *table(
        "driver",
        read_covers_all_devices,
        read_brings_the_states_of_the_kind,
        read_says_that_devices_run_free,
        power_is_in_kw,
        register_counts_what_power_says,
        setpoint_is_read_back,
        setpoint_binds,
        setpoint_is_a_state_not_a_change,
        setpoint_reaches_only_the_listed_devices,
        release_lets_devices_run_free,
    ),
    *table("driver", power_of_a_load_is_not_negative, applies=all_but(ResourceKind.STORAGE)),
)
