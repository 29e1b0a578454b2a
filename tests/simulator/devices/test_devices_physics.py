"""Physics of single kinds, on the small district without faults."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.devices.batteries import Batteries
from simulator.devices.buildings import Zones
from simulator.devices.lines import Lines
from simulator.devices.piles import Piles, WindowSessions
from simulator.district import BatteryTable, LineTable, PileTable, ZoneTable


def one(value: float) -> NDArray[np.float64]:
    return np.array([value])


FREE = one(np.inf)
STOP = one(0.0)
FULL = one(1.0)
MOVES = np.array([True])


def a_line(catch_up: float = 0.5) -> Lines:
    return Lines(
        LineTable(
            shifts=one(2.0),
            lunch=one(0.0),
            level_kw=one(100.0),
            standby_fraction=one(0.1),
            min_kw=one(35.0),
            stop_minutes=one(4.0),
            start_minutes=one(10.0),
            min_up_minutes=one(30.0),
            catch_up_fraction=one(catch_up),
            boost_fraction=one(0.1),
            slope_per_k=one(0.0),
        )
    )


def test_line__stops_and_restarts_by_its_ramps() -> None:
    line = a_line(catch_up=0.0)

    stopping = [line.step(one(100.0), STOP, FULL)[0] for _ in range(6)]
    starting = [line.step(one(100.0), FREE, FULL)[0] for _ in range(12)]

    assert stopping == pytest.approx([77.5, 55.0, 32.5, 10.0, 10.0, 10.0])
    assert starting[:3] == pytest.approx([19.0, 28.0, 37.0])
    assert starting[9:] == pytest.approx([100.0, 100.0, 100.0])


def test_line__limit_between_least_and_full_caps_it() -> None:
    assert a_line().step(one(100.0), one(60.0), FULL)[0] == pytest.approx(60.0)


def test_line__does_not_stop_again_within_its_minimum_run() -> None:
    line = a_line(catch_up=0.0)
    for _ in range(10):
        line.step(one(100.0), STOP, FULL)
    for _ in range(15):
        line.step(one(100.0), FREE, FULL)

    refused = [line.step(one(100.0), STOP, FULL)[0] for _ in range(24)]
    later = [line.step(one(100.0), STOP, FULL)[0] for _ in range(10)]

    assert refused == pytest.approx([100.0] * 24)
    assert later[-1] == pytest.approx(10.0)


def test_line__catches_up_the_stated_share_and_no_more() -> None:
    line = a_line(catch_up=0.5)
    lost_kwh = sum(100.0 - line.step(one(100.0), STOP, FULL)[0] for _ in range(60)) / 60
    ramp_kwh = extra_kwh = 0.0
    for _ in range(600):
        change = line.step(one(100.0), FREE, FULL)[0] - 100.0
        ramp_kwh += max(-change, 0.0) / 60
        extra_kwh += max(change, 0.0) / 60
        assert change <= 10.0 + 1e-9

    assert extra_kwh == pytest.approx(0.5 * (lost_kwh + ramp_kwh))


def a_zone(band_k: float = 5.0) -> Zones:
    return Zones(
        ZoneTable(
            use=one(0.0),
            level_kw=one(50.0),
            slope_per_k=one(0.06),
            setpoint_c=one(25.0),
            band_k=one(band_k),
            retention=one(0.98),
            gain_k_per_kw=one(0.01),
            air_gain_k_per_kw=one(0.02),
            floor_fraction=one(0.5),
            capacity_kw=one(65.0),
        )
    )


def test_zone__warms_under_a_cap_and_pays_back_after_release() -> None:
    zone = a_zone()
    capped = [zone.step(one(50.0), STOP, FULL)[0] for _ in range(120)]
    peak_k = zone.rise_k[0]
    released = [zone.step(one(50.0), FREE, FULL)[0] for _ in range(600)]

    assert capped == pytest.approx([25.0] * 120)
    assert 1.5 < peak_k < 3.0
    assert 50.0 < released[0] <= 65.0
    assert zone.rise_k[0] < 0.05
    paid = sum(power - 50.0 for power in released)
    assert 0.5 * 120 * 25.0 < paid < 120 * 25.0


def test_zone__thermostat_keeps_the_comfort_band() -> None:
    zone = a_zone(band_k=1.0)
    rises = []
    for _ in range(240):
        zone.step(one(50.0), STOP, FULL)
        rises.append(zone.rise_k[0])

    assert 0.95 < max(rises) < 1.05


def test_zone__air_reacts_within_half_an_hour() -> None:
    zone = a_zone()
    for _ in range(30):
        zone.step(one(50.0), STOP, FULL)

    assert zone.air_rise_k[0] > 0.7 * 0.02 * 25.0


def a_pile(limit_table: PileTable | None = None, begin: int = 10) -> Piles:
    table = limit_table or PileTable(
        pattern=one(2.0),
        rated_kw=one(7.0),
        min_kw=one(1.32),
        sessions_per_day=one(1.0),
        ready_margin_min=one(np.nan),
    )
    never = 10**9
    return Piles(
        table,
        WindowSessions(
            arrive=np.array([[10, 200, never]]),
            begin=np.array([[begin, 200, never]]),
            depart=np.array([[130, 260, never]]),
            energy_kwh=np.array([[7.0, 3.5, 0.0]]),
            power_kw=np.array([[7.0, 7.0, 0.0]]),
        ),
    )


def test_pile__waits_for_its_timer_unless_a_limit_takes_its_place() -> None:
    waiting, woken, deaf = a_pile(begin=60), a_pile(begin=60), a_pile(begin=60)

    free = [waiting.step(minute, FREE, MOVES)[0] for minute in range(125)]
    held = [woken.step(minute, one(3.5), MOVES)[0] for minute in range(60)]
    ignored = [deaf.step(minute, one(3.5), ~MOVES)[0] for minute in range(60)]

    assert free[:60] == [0.0] * 60
    assert free[60:120] == [7.0] * 60
    assert held[10:] == [3.5] * 50
    assert ignored == [0.0] * 60


def test_pile__charges_at_once_and_fully_when_free() -> None:
    pile = a_pile()
    powers = np.array([pile.step(minute, FREE, MOVES)[0] for minute in range(300)])

    assert powers[:10].sum() == 0
    assert powers[10:70] == pytest.approx(7.0)
    assert powers.sum() / 60 == pytest.approx(10.5)
    assert pile.unserved_kwh[0] == pytest.approx(0.0)


def test_pile__below_six_ampere_is_off() -> None:
    pile = a_pile()
    powers = [pile.step(minute, one(1.0), MOVES)[0] for minute in range(120)]

    assert powers == pytest.approx([0.0] * 120)


def test_pile__shifted_energy_arrives_before_departure() -> None:
    pile = a_pile()
    early = [pile.step(minute, STOP, MOVES)[0] for minute in range(60)]
    late = [pile.step(minute, FREE, MOVES)[0] for minute in range(60, 130)]

    assert sum(early) == 0
    assert sum(late) / 60 == pytest.approx(7.0)


def test_pile__what_a_car_did_not_get_is_counted_when_it_leaves() -> None:
    pile = a_pile()
    for minute in range(131):
        pile.step(minute, one(1.4), MOVES)

    assert pile.unserved_kwh[0] == pytest.approx(7.0 - 1.4 * 120 / 60)


def a_battery(*, discharge: bool = True) -> Batteries:
    table = BatteryTable(
        power_kw=one(100.0),
        capacity_kwh=one(200.0),
        efficiency=one(0.9),
        soc_min_kwh=one(20.0),
        schedule_code=one(0.0),
        discharge_allowed=one(float(discharge)),
    )
    return Batteries(table, one(110.0))


def test_battery__discharges_until_its_least_energy() -> None:
    battery = a_battery()
    powers = [battery.step(one(0.0), one(-100.0), MOVES)[0] for _ in range(120)]

    assert powers[0] == pytest.approx(-100.0)
    assert sum(powers) / 60 == pytest.approx(-0.9 * 90.0)
    assert battery.soc_kwh[0] == pytest.approx(20.0)


def test_battery__charges_until_it_is_full() -> None:
    battery = a_battery()
    taken = sum(battery.step(one(0.0), one(100.0), MOVES)[0] for _ in range(120)) / 60

    assert taken == pytest.approx(90.0 / 0.9)
    assert battery.soc_kwh[0] == pytest.approx(200.0)


def test_battery__may_only_stop_charging_when_discharge_is_not_allowed() -> None:
    battery = a_battery(discharge=False)

    assert battery.step(one(30.0), one(-100.0), MOVES)[0] == pytest.approx(0.0)


def test_battery__keeps_its_schedule_when_free_or_deaf() -> None:
    battery = a_battery()

    assert battery.step(one(30.0), FREE, MOVES)[0] == pytest.approx(30.0)
    assert battery.step(one(30.0), one(-50.0), np.array([False]))[0] == pytest.approx(30.0)
