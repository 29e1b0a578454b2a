from pathlib import Path

import numpy as np
import pytest

from simulator.faults import Faults
from simulator.protocols.panel import Held, Panel, RefusedWriteError, parse_write
from simulator.protocols.register_map import load_map
from simulator.scenario import Scenario

LINE = 0


@pytest.fixture
def panel(quick: Scenario) -> Panel:
    return Panel(quick.district, Faults.none(len(quick.district.resources)))


def test_parse_write__takes_several_fields_and_devices_at_once(maps: Path) -> None:
    layout = load_map(maps, "factory")

    assert parse_write(layout, 3, 13 + 10, [1, 0xFFFF, 0xFFFE]) == {1: {"enable": 1, "setpoint": -2}}


@pytest.mark.parametrize(
    ("address", "words", "code", "reason"),
    [
        (39, [1], 2, r"register 39: the unit ends at 38"),
        (2, [0, 0], 2, r"register 2: power to be read only"),
        (10, [1, 0, 1, 0], 2, r"register 13: minute to be read only"),
        (10, [1, 0], 3, r"register 11: half of setpoint"),
        (12, [7], 3, r"register 12: half of setpoint"),
    ],
)
def test_parse_write__what_cannot_be_written_is_refused(
    maps: Path, address: int, words: list[int], code: int, reason: str
) -> None:
    with pytest.raises(RefusedWriteError, match=reason) as refused:
        parse_write(load_map(maps, "factory"), 3, address, words)
    assert refused.value.code == code


def test_parse_write__the_unused_register_of_a_battery_is_no_field(maps: Path) -> None:
    with pytest.raises(RefusedWriteError, match=r"register 9: nothing to be read only"):
        parse_write(load_map(maps, "storage"), 1, 9, [0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enable": 2}, r"enable 2 of device 0 is neither 0 nor 1"),
        ({"local": 9}, r"local 9 of device 0 is neither 0 nor 1"),
        ({"enable": 1, "setpoint": -1}, r"setpoint -1 W of device 0 is outside \[0, \d+\] W"),
        ({"enable": 1, "setpoint": 10**9}, r"setpoint 1000000000 W of device 0 is outside \[0, \d+\] W"),
    ],
)
def test_decide__values_outside_of_their_limits_are_illegal(panel: Panel, change: dict[str, int], reason: str) -> None:
    with pytest.raises(RefusedWriteError, match=reason) as refused:
        panel.decide(LINE, change)
    assert refused.value.code == 3


def test_decide__limits_reach_to_the_rating_and_batteries_may_discharge(quick: Scenario, panel: Panel) -> None:
    devices = quick.district.devices
    battery = devices.kind_slices["storage"].start

    assert panel.most_w[LINE] >= devices.rated_kw[LINE] * 1000.0
    assert panel.decide(battery, {"enable": 1, "setpoint": int(panel.least_w[battery])}).setpoint_w < 0


def test_decide__under_local_control_a_device_runs_free_until_it_is_enabled_again(panel: Panel) -> None:
    panel.hold(LINE, panel.decide(LINE, {"enable": 1, "setpoint": 500}))
    taken_over = panel.decide(LINE, {"local": 1})
    panel.hold(LINE, taken_over)
    with pytest.raises(RefusedWriteError, match=r"device 0 is under local control") as refused:
        panel.decide(LINE, {"enable": 1, "setpoint": 500})

    given_back = panel.decide(LINE, {"local": 0})

    assert taken_over == Held(enabled=False, local=True, setpoint_w=500)
    assert refused.value.code == 4
    assert given_back == Held(enabled=False, local=False, setpoint_w=500)


def test_decide__a_refusing_device_lets_itself_be_released_only(quick: Scenario) -> None:
    none = Faults.none(len(quick.district.resources))
    panel = Panel(quick.district, Faults(none.delivery, none.silent, none.late_minutes, ~none.refuses, none.ignores))

    with pytest.raises(RefusedWriteError, match=r"device 0 is locked by its owner") as refused:
        panel.decide(LINE, {"setpoint": 500})
    assert refused.value.code == 4
    assert panel.decide(LINE, {"enable": 0, "setpoint": 0}) == Held(enabled=False, local=False, setpoint_w=0)


def test_decide__an_ignoring_device_keeps_what_it_held(quick: Scenario) -> None:
    none = Faults.none(len(quick.district.resources))
    panel = Panel(quick.district, Faults(none.delivery, none.silent, none.late_minutes, none.refuses, ~none.ignores))

    assert panel.decide(LINE, {"enable": 1, "setpoint": 500}) == Held(enabled=False, local=False, setpoint_w=0)


def test_hold__says_whether_anything_is_new(panel: Panel) -> None:
    held = Held(enabled=True, local=False, setpoint_w=500)

    assert panel.hold(LINE, held)
    assert not panel.hold(LINE, held)
    assert np.flatnonzero(panel.enabled).tolist() == [LINE]
