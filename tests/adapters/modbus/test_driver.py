"""The driver against a server that misbehaves on demand."""

from pathlib import Path

import numpy as np
import pytest

from adapters.kit.driver import DriverError
from adapters.modbus.driver import ModbusDriver
from adapters.modbus.map_check import load_map
from adapters.modbus.rollovers import RolloverFile
from adapters.modbus.settings import ModbusSettings
from tests.adapters.modbus.driver_rig import (
    AT,
    MINUTE,
    STAMP,
    Counted,
    StoppedClock,
    counts,
    driver,
    factory_line,
    own_map,
    resource,
    shipped,
)
from tests.adapters.modbus.field_server import FieldServer, field_server
from vpp.domain.errors import StoreError
from vpp.domain.fleet import ResourceKind

ONE = np.array([0], dtype=np.int64)
LINE = {
    "power": {"address": 100, "type": "i16", "scale": 0.1, "unit": "kW"},
    "energy": {"address": 110, "type": "u32", "scale": 0.01, "unit": "kWh"},
    "setpoint": {"address": 200, "type": "u16", "unit": "%", "access": "rw", "no_limit": 65535},
    "rated": {"constant": 400, "unit": "kW"},
    "power_min": {"constant": 0, "unit": "kW"},
    "scheduled_on": {"constant": 1},
}


async def test_read__shipped_factory_map() -> None:
    async with field_server() as server:
        factory_line(server, 0)
        factory_line(server, 1, power=0, scheduled_on=0, energy=7)
        made = driver(resource(shipped("factory"), server.port, count=2))
        readings = await made.read(AT)
        made.close()
    assert readings.online.tolist() == [True, True]
    assert readings.power_kw.tolist() == [100.0, 0.0]
    assert readings.register_wh.tolist() == [5_000_000, 7]
    assert np.isnan(readings.setpoint_kw).all()
    assert readings.lines is not None
    assert readings.lines.rated_kw.tolist() == [200.0, 200.0]
    assert readings.lines.min_kw.tolist() == [50.0, 50.0]
    assert readings.lines.scheduled_on.tolist() == [True, False]
    assert (readings.piles, readings.zones, readings.batteries) == (None, None, None)


async def test_read__nine_lines_in_one_request_and_the_name_plate_once() -> None:
    async with field_server() as server:
        for number in range(20):
            factory_line(server, number)
        made = driver(resource(shipped("factory"), server.port, count=20))
        assert made.request_count == 3
        for minute in range(3):
            for number in range(20):
                factory_line(server, number, stamp=STAMP + minute)
            assert (await made.read(AT + minute * MINUTE)).online.all()
        made.close()
    assert [one for one in server.log if one[1] == 4] == [(1, 4, 1, 121), (1, 4, 127, 49)]
    assert len([one for one in server.log if one[1] == 3]) == 9
    assert max(count for _, _, _, count in server.log) <= 125


async def test_read__charging_commercial_storage() -> None:
    async with field_server() as server:
        for unit in (1, 2, 3):
            server.put(unit, 0, ">I", STAMP)
            server.put(unit, 1, ">I", 60_000, table="input")
        server.put(1, 9, ">H", 1)
        server.put(1, 13, ">I", 12_500)
        server.put(1, 15, ">H", 700)
        server.put(1, 16, ">H", 45)
        server.put(1, 3, ">I", 4_140, table="input")
        server.put(2, 13, ">h", -550)
        server.put(2, 9, ">h", 2_400, table="input")
        server.put(2, 10, ">H", 200, table="input")
        server.put(2, 11, ">f", 0.75, table="input")
        server.put(2, 13, ">f", 0.125, table="input")
        server.put(2, 15, ">I", 30_000, table="input")
        server.put(3, 2, ">i", -25_000)
        server.put(3, 4, ">q", -4_000)
        server.put(3, 13, ">I", 80_000)
        server.put(3, 9, ">I", 120_000, table="input")
        server.put(3, 13, ">f", 0.9375, table="input")
        made = driver(
            resource(shipped("charging"), server.port, kind=ResourceKind.PUBLIC_CHARGING, unit=1),
            resource(shipped("commercial"), server.port, kind=ResourceKind.COOLING, unit=2),
            resource(shipped("storage"), server.port, kind=ResourceKind.STORAGE, unit=3),
        )
        readings = await made.read(AT)
        made.close()
    assert readings.online.all()
    assert readings.piles is not None
    assert readings.piles.plugged.tolist() == [True, False, False]
    assert readings.piles.session_needed_kwh[0] == pytest.approx(12.5)
    assert readings.piles.minutes_to_departure[0] == 45.0
    assert (readings.piles.power_max_kw[0], readings.piles.power_min_kw[0]) == pytest.approx((7.0, 4.14))
    assert readings.zones is not None
    zone = [float(getattr(readings.zones, name)[1]) for name in readings.zones.__slots__]
    assert zone == pytest.approx([-5.5, 24.0, 2.0, 0.75, 0.125, 30.0])
    assert readings.batteries is not None
    battery = [float(getattr(readings.batteries, name)[2]) for name in readings.batteries.__slots__]
    assert battery == pytest.approx([80.0, 120.0, 60.0, 0.9375])
    assert readings.power_kw[2] == -25.0
    assert readings.register_wh[2] == -4_000


async def test_read__a_silent_unit_leaves_the_others_alone_and_is_asked_ever_more_rarely() -> None:
    async with field_server() as server:
        factory_line(server, unit=1)
        factory_line(server, unit=2)
        server.silent.add(1)
        made = driver(*(resource(shipped("factory"), server.port, unit=unit) for unit in (1, 2)))
        for minute in range(8):
            factory_line(server, unit=2, stamp=STAMP + minute)
            readings = await made.read(AT + minute * MINUTE)
            assert readings.online.tolist() == [False, True]
            assert made.trouble == {0: "no answer"}
        made.close()
    assert len(server.reads(1)) == 4, "in minutes 0, 1, 3 and 7"
    assert counts(made)["vpp_modbus_devices_not_read/no answer"] == 8


async def test_read__an_unreachable_server_is_not_the_whole_gateway() -> None:
    async with field_server() as server:
        async with field_server() as gone:
            port = gone.port
        factory_line(server)
        made = driver(resource(shipped("factory"), port, unit=1), resource(shipped("factory"), server.port, unit=2))
        factory_line(server, unit=2)
        readings = await made.read(AT)
        made.close()
    assert readings.online.tolist() == [False, True]
    assert made.trouble == {0: "no connection"}


async def test_read__reconnects_after_a_pause_and_reads_the_name_plate_again() -> None:
    clock = StoppedClock()
    async with field_server() as server:
        port = server.port
        factory_line(server)
        made = driver(resource(shipped("factory"), port), clock=clock, backoff_first_s=100.0, backoff_longest_s=100.0)
        assert (await made.read(AT)).online.all()
    assert not (await made.read(AT)).online.any()
    assert not (await made.read(AT)).online.any()
    async with field_server(port) as server:
        factory_line(server, rated=300_000)
        assert not (await made.read(AT)).online.any(), "its pause is not over"
        clock.instant += MINUTE * 2
        readings = await made.read(AT)
        made.close()
    assert readings.online.all()
    assert readings.lines is not None
    assert readings.lines.rated_kw[0] == 300.0


async def test_read__one_device_that_the_server_does_not_know_hides_no_neighbour() -> None:
    async with field_server() as server:
        factory_line(server, 0)
        factory_line(server, 1)
        server.unknown_from[1] = 26
        made = driver(resource(shipped("factory"), server.port, count=3))
        readings = await made.read(AT)
        made.close()
    assert readings.online.tolist() == [True, True, False]
    assert made.trouble == {2: "exception 2 (illegal data address)"}


async def test_read__a_shortened_answer_is_garbled() -> None:
    async with field_server() as server:
        factory_line(server)
        server.shorten = True
        made = driver(resource(shipped("factory"), server.port))
        assert not (await made.read(AT)).online.any()
        made.close()
    assert made.trouble == {0: "garbled answer"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"power": 1_600_000}, "power is out of range"),
        ({"stamp": STAMP - 5}, "its minute stands still"),
        ({"stamp": STAMP + 2}, "it is at a later minute"),
    ],
)
async def test_read__what_cannot_be_true_is_not_online(change: dict[str, int], why: str) -> None:
    async with field_server() as server:
        factory_line(server, 0, **change)
        factory_line(server, 1)
        made = driver(resource(shipped("factory"), server.port, count=2))
        readings = await made.read(AT)
        made.close()
    assert readings.online.tolist() == [False, True]
    assert made.trouble == {0: why}
    assert counts(made)[f"vpp_modbus_devices_not_read/{why}"] == 1


async def test_read__not_a_number_and_limits_of_the_map(tmp_path: Path) -> None:
    fields = {**LINE, "power": {"address": 100, "type": "f32", "unit": "kW", "low": -1, "high": 450}}
    made_map = load_map(own_map(tmp_path, fields))
    async with field_server() as server:
        for unit, power in ((1, float("nan")), (2, 451.0), (3, 450.0)):
            server.put(unit, 100, ">f", power)
            server.put(unit, 200, ">H", 65535)
        made = driver(*(resource(made_map, server.port, unit=unit) for unit in (1, 2, 3)))
        readings = await made.read(AT)
        made.close()
    assert readings.online.tolist() == [False, False, True]
    assert made.trouble == {0: "power is not a number", 1: "power is out of range"}


async def test_read__waits_for_a_late_minute_stamp() -> None:
    clock = StoppedClock()
    async with field_server() as server:
        factory_line(server, stamp=STAMP - 1)
        factory_line(server, unit=2)

        def comes_later(here: FieldServer) -> None:
            if clock.now() > AT:
                factory_line(here)

        server.on_request = comes_later
        made = driver(*(resource(shipped("factory"), server.port, unit=unit) for unit in (1, 2)), clock=clock)
        readings = await made.read(AT)
        made.close()
    assert readings.online.all()


async def test_read__a_register_that_is_a_minute_ahead_is_taken_back() -> None:
    async with field_server() as server:
        factory_line(server, power=60_000, energy=10_000, stamp=STAMP + 1)
        made = driver(resource(shipped("factory"), server.port))
        readings = await made.read(AT)
        made.close()
    assert readings.online.all()
    assert readings.register_wh[0] == 9_000


async def test_read__register_rolls_over_and_a_fall_is_flagged(tmp_path: Path) -> None:
    made_map = load_map(own_map(tmp_path, LINE))
    top = 2**32
    seen = []
    async with field_server() as server:
        server.put(1, 200, ">H", 65535)
        made = driver(resource(made_map, server.port))
        for minute, raw in enumerate((top - 100, top - 50, 20, 70, 10, 60, 4_000_000, 4_000_050)):
            server.put(1, 110, ">I", raw)
            readings = await made.read(AT + minute * MINUTE)
            seen.append((int(readings.register_wh[0]) if readings.online[0] else None, made.trouble.get(0, "")))
        made.close()
    assert seen == [
        ((top - 100) * 10, ""),
        ((top - 50) * 10, ""),
        ((top + 20) * 10, ""),
        ((top + 70) * 10, ""),
        (None, "its energy register went back"),
        ((top + 60) * 10, ""),
        (None, "its energy register jumped"),
        ((top + 4_000_050) * 10, ""),
    ]


async def test_read__a_roll_over_while_the_process_was_down_is_unwrapped(tmp_path: Path) -> None:
    made_map = load_map(own_map(tmp_path, LINE))
    file = RolloverFile(tmp_path / "gw.rollovers.json")
    seen = []
    async with field_server() as server:
        for minute, raw in enumerate((2**32 - 100, 50)):
            server.put(1, 110, ">I", raw)
            resources = [resource(made_map, server.port)]
            settings, clock = ModbusSettings(), StoppedClock()
            made = ModbusDriver("gw", resources, settings=settings, clock=clock, metrics=Counted(), rollovers=file)
            readings = await made.read(AT + minute * 600 * MINUTE)
            seen.append((int(readings.register_wh[0]), bool(readings.online[0])))
            made.close()
    assert seen == [((2**32 - 100) * 10, True), ((2**32 + 50) * 10, True)]


def test_rollover_file__unreadable_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(StoreError, match=r"roll-over file '.*x.json'"):
        RolloverFile(tmp_path / "x.json").load()
    assert RolloverFile(tmp_path / "none.json").load() == {}


async def test_apply__shipped_map_writes_setpoint_and_enable_in_one_request() -> None:
    async with field_server() as server:
        factory_line(server)
        made = driver(resource(shipped("factory"), server.port))
        await made.read(AT)
        result = await made.apply(ONE, np.array([80.0005]))
        held = await made.read(AT)
        freed = await made.release(ONE)
        free = await made.read(AT)
        made.close()
    assert result.accepted.tolist() == [True]
    assert held.setpoint_kw.tolist() == [80.0], "a cap is rounded down"
    assert freed.accepted.tolist() == [True]
    assert np.isnan(free.setpoint_kw).all()
    assert server.writes() == [(1, 16, 10, 3), (1, 16, 10, 1)]


async def test_apply__percent_of_rated_without_enable(tmp_path: Path) -> None:
    made_map = load_map(own_map(tmp_path, LINE, single_writes=True))
    async with field_server() as server:
        server.put(1, 200, ">H", 65535)
        made = driver(resource(made_map, server.port))
        before = await made.read(AT)
        result = await made.apply(ONE, np.array([130.0]))
        written = server.holding[1, 200]
        during = await made.read(AT)
        await made.release(ONE)
        made.close()
    assert np.isnan(before.setpoint_kw[0])
    assert result.accepted.all()
    assert (written, during.setpoint_kw[0]) == (32, 128.0), "32 % of 400 kW: rounded down"
    assert server.holding[1, 200] == 65535
    assert [function for _, function, _, _ in server.writes()] == [6, 6]


async def test_apply__partial_failure_is_told_per_device() -> None:
    async with field_server() as server:
        made = driver(*(resource(shipped("factory"), server.port, unit=unit) for unit in (1, 2, 3, 4)))
        for unit in (1, 2, 3, 4):
            factory_line(server, unit=unit)
        await made.read(AT)
        server.exceptions[2, 16] = 4
        server.deaf.add(3)
        server.silent.add(4)
        result = await made.apply(np.arange(4), np.full(4, 60.0))
        server.silent.clear()
        after = await made.read(AT)
        later = await made.read(AT)
        made.close()
    assert result.accepted.tolist() == [True, False, False, False]
    assert result.refusals == {
        1: "the device answers exception 4 (server device failure)",
        2: "reads back no setpoint in place of 60 kW",
        3: "no answer",
    }
    assert after.online.tolist() == [True, True, True, False], "nobody knows what it holds: not online until read anew"
    assert later.online.all()


async def test_apply__nobody_reached_is_a_driver_error_so_that_it_is_tried_again() -> None:
    async with field_server() as server:
        factory_line(server)
        made = driver(resource(shipped("factory"), server.port))
        await made.read(AT)
    with pytest.raises(DriverError, match=r"gateway 'gw': none of 1 devices written: no connection"):
        await made.apply(ONE, np.array([80.0]))
    made.close()


async def test_apply__a_setpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    fields = {**LINE, "setpoint": {"address": 200, "scale": 0.001, "unit": "kW", "access": "rw", "no_limit": 65535}}
    made_map = load_map(own_map(tmp_path, fields))
    async with field_server() as server:
        made = driver(resource(made_map, server.port))
        await made.read(AT)
        result = await made.apply(ONE, np.array([80.0]))
        made.close()
    assert result.refusals == {0: "setpoint 80 kW: raw value 80000 does not fit into u16 [0, 65535]"}


async def test_apply__coil_enables_and_swapped_words(tmp_path: Path) -> None:
    fields = {
        **LINE,
        "setpoint": {"address": 300, "type": "u32", "word_order": "little", "unit": "W", "access": "rw"},
        "enable": {"function": "coil", "address": 5, "type": "bit", "access": "rw"},
        "local": {"address": 120, "bit": 3},
        "scheduled_on": {"function": "discrete", "address": 6, "type": "bit"},
    }
    made_map = load_map(own_map(tmp_path, fields))
    async with field_server() as server:
        server.coils[1, 6] = True
        server.put(1, 120, ">H", 0b0111)
        made = driver(resource(made_map, server.port))
        before = await made.read(AT)
        result = await made.apply(ONE, np.array([100.0]))
        server.put(1, 120, ">H", 0b1000)
        after = await made.read(AT)
        made.close()
    assert before.lines is not None
    assert before.lines.scheduled_on.tolist() == [True]
    assert before.override is not None
    assert not before.override.any()
    assert result.accepted.all()
    assert server.coils[1, 5] is True
    assert (server.holding[1, 300], server.holding[1, 301]) == (100_000 & 0xFFFF, 100_000 >> 16)
    assert after.setpoint_kw.tolist() == [100.0]
    assert after.override is not None
    assert after.override.all()


async def test_read__trouble_is_noted_once() -> None:
    async with field_server() as server:
        factory_line(server, stamp=STAMP - 9)
        made = driver(resource(shipped("factory"), server.port))
        for _ in range(3):
            await made.read(AT)
        made.close()
    notes = made._metrics.notes  # type: ignore[attr-defined]
    assert notes == [
        (
            "devices changed",
            {
                "gateway": "gw",
                "offline": 1,
                "new": [f"127.0.0.1:{server.port} unit 1: its minute stands still"],
                "back": 0,
            },
        )
    ]
