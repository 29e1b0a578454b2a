"""Charging envelopes and least laxity."""

import dataclasses
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.charging.piles import ChargingAdapter, laxity_order, unserved_kwh
from adapters.kit.driver import PileReadings
from adapters.kit.resource_spec import ChargingTerms
from tests.adapters.adapter_cases import NOW, readings, request, spec
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Charging

PILES = PileReadings(
    plugged=np.array([True, True, False, True]),
    session_needed_kwh=np.array([7.0, 3.5, np.nan, 7.0]),
    minutes_to_departure=np.array([120.0, 240.0, np.nan, 60.0]),
    power_max_kw=np.full(4, 7.0),
    power_min_kw=np.full(4, 1.38),
)
CLUSTER = spec(ResourceKind.RESIDENTIAL_CHARGING, ChargingTerms(), rated_kw=28.0)
STATION = spec(ResourceKind.PUBLIC_CHARGING, ChargingTerms(slowing_consented=True), rated_kw=28.0)


def envelope(resource: object = CLUSTER, hours: int = 6) -> Charging:
    assert resource in (CLUSTER, STATION)
    chosen = CLUSTER if resource is CLUSTER else STATION
    offer = ChargingAdapter().offer(request(chosen, readings(4, piles=PILES), np.zeros(hours * 4)))
    assert isinstance(offer.flexibility, Charging)
    assert np.cumsum(offer.forecast_kw) * 0.25 == pytest.approx(offer.flexibility.energy_ceiling_kwh)
    return offer.flexibility


def test_offer__ceiling_is_charging_at_once_and_floor_the_promise_by_departure() -> None:
    flexibility = envelope()
    # One hour at 7 kW for each car with 7 kWh, half an hour for the other.
    assert flexibility.energy_ceiling_kwh[[0, 1, 2, 3]] == pytest.approx([5.25, 10.5, 14.0, 17.5])
    # Car 4 leaves after 1 h and has no slack; car 1 must start after 1 h; car 2 after 3.5 h.
    assert flexibility.energy_floor_kwh[[3, 7, 13, 15]] == pytest.approx([7.0, 14.0, 14.0, 17.5])
    assert (flexibility.power_min_kw == 0.0).all()


def test_offer__consenting_station_may_serve_less_but_never_below_its_fraction() -> None:
    flexibility = envelope(STATION)
    kept = 1.0 - 0.5 * 20.0 / 45.0
    forecast = np.diff(flexibility.energy_ceiling_kwh, prepend=0.0) / 0.25
    assert flexibility.power_min_kw == pytest.approx(kept * forecast)
    assert (flexibility.energy_floor_kwh <= kept * flexibility.energy_ceiling_kwh + 1e-9).all()


def test_offer__cars_to_come_are_counted_from_the_forecast() -> None:
    empty = PileReadings(np.zeros(4, dtype=bool), np.zeros(4), np.zeros(4), np.full(4, 7.0), np.full(4, 1.38))
    offer = ChargingAdapter().offer(request(CLUSTER, readings(4, piles=empty), np.full(8, 10.0)))
    assert isinstance(offer.flexibility, Charging)
    # The share of newcomers grows with the lead from the middle of each interval; half a session at home is 1.25 h.
    newcomers_kw = 10.0 * (1.0 - np.exp(-(np.arange(8) + 0.5) * 0.25 / 1.25))
    assert offer.forecast_kw == pytest.approx(newcomers_kw)
    energy_kwh = np.cumsum(newcomers_kw) * 0.25
    # Served a quarter of an hour later at the latest.
    assert offer.flexibility.energy_floor_kwh == pytest.approx(np.concatenate([[0.0], energy_kwh[:-1]]))


def test_offer__within_an_interval_sums_count_from_its_start() -> None:
    whole = request(CLUSTER, readings(4, piles=PILES), np.full(8, 4.0))
    later = dataclasses.replace(whole, now=NOW + timedelta(minutes=10))
    flexibility = ChargingAdapter().offer(later).flexibility
    assert isinstance(flexibility, Charging)
    # 10 min at 4 kW, then 5 min of three cars at 7 kW and next to nothing of cars to come.
    assert flexibility.energy_ceiling_kwh[0] == pytest.approx(4.0 / 6 + 21.0 / 12, abs=0.02)


@given(st.floats(0, 40), st.lists(st.floats(0, 30), min_size=16, max_size=16))
def test_offer__envelope_never_contradicts_itself(need_kwh: float, forecast: list[float]) -> None:
    piles = PileReadings(PILES.plugged, np.full(4, need_kwh), np.full(4, 90.0), PILES.power_max_kw, PILES.power_min_kw)
    for resource in (CLUSTER, STATION):
        offer = ChargingAdapter().offer(request(resource, readings(4, piles=piles), np.array(forecast)))
        flexibility = offer.flexibility
        assert isinstance(flexibility, Charging)
        assert (flexibility.energy_floor_kwh <= flexibility.energy_ceiling_kwh + 1e-9).all()
        assert (np.diff(flexibility.energy_ceiling_kwh) >= -1e-9).all()
        assert (np.diff(flexibility.energy_floor_kwh) >= -1e-9).all()
        assert (flexibility.power_min_kw <= flexibility.power_max_kw + 1e-9).all()
        # The forecast itself must be a feasible answer.
        assert (offer.forecast_kw >= flexibility.power_min_kw - 1e-9).all()
        assert (offer.forecast_kw <= flexibility.power_max_kw + 1e-9).all()


def test_laxity_order__least_time_to_spare_first_and_empty_piles_last() -> None:
    assert laxity_order(PILES, slice(0, 4)).tolist() == [3, 0, 1, 2]


@given(st.floats(0, 28))
def test_split__power_is_0_or_at_least_6_amperes(setpoint_kw: float) -> None:
    powers = ChargingAdapter().split(CLUSTER, setpoint_kw, readings(4, piles=PILES))
    running = powers > 0
    assert (powers[running] >= 1.38 - 1e-9).all()
    assert (powers <= 7.0 + 1e-9).all()
    assert powers.sum() <= setpoint_kw + 1e-9
    assert setpoint_kw - powers.sum() < 1.38
    assert not 1.38 <= setpoint_kw <= 21.0 or powers.sum() == pytest.approx(setpoint_kw)


def test_split__most_pressing_car_first() -> None:
    powers = ChargingAdapter().split(CLUSTER, 2.0, readings(4, piles=PILES))
    assert powers == pytest.approx([0.0, 0.0, 0.0, 2.0])


def test_split__consenting_station_slows_none_below_half() -> None:
    powers = ChargingAdapter().split(STATION, 12.0, readings(4, piles=PILES))
    assert powers == pytest.approx([4.0, 4.0, 0.0, 4.0])
    assert (powers[[0, 1, 3]] >= 3.5).all()


def test_split__empty_piles_may_use_what_is_left() -> None:
    powers = ChargingAdapter().split(STATION, 25.0, readings(4, piles=PILES))
    assert powers == pytest.approx([7.0, 7.0, 4.0, 7.0])


TIMED = dataclasses.replace(PILES, minutes_to_begin=np.array([60.0, 0.0, np.nan, 0.0]))
EARLY = spec(ResourceKind.RESIDENTIAL_CHARGING, ChargingTerms(early_start=True), rated_kw=28.0)


def test_offer__waiting_cars_lie_between_the_forecast_and_the_ceiling() -> None:
    offer = ChargingAdapter().offer(request(EARLY, readings(4, piles=TIMED), np.zeros(16)))
    assert isinstance(offer.flexibility, Charging)
    # Car 1 begins after an hour by itself, and could begin now.
    assert np.cumsum(offer.forecast_kw)[[0, 3, 7]] * 0.25 == pytest.approx([3.5, 10.5, 17.5])
    assert offer.flexibility.energy_ceiling_kwh[[0, 3, 7]] == pytest.approx([5.25, 17.5, 17.5])
    assert (offer.flexibility.energy_floor_kwh <= np.cumsum(offer.forecast_kw) * 0.25 + 1e-9).all()


def test_offer__cars_that_nobody_may_start_early_offer_nothing_more() -> None:
    offer = ChargingAdapter().offer(request(CLUSTER, readings(4, piles=TIMED), np.zeros(16)))
    assert isinstance(offer.flexibility, Charging)
    assert offer.flexibility.energy_ceiling_kwh == pytest.approx(np.cumsum(offer.forecast_kw) * 0.25)


@pytest.mark.parametrize(
    ("setpoint_kw", "expected"),
    [(0.0, [0.0, 7.0, 0.0, 7.0]), (14.0, [0.0, 7.0, 0.0, 7.0]), (15.0, [7.0, 7.0, 0.0, 7.0])],
)
def test_start_early__holds_nothing_back_and_starts_no_more_than_it_takes(
    setpoint_kw: float, expected: list[float]
) -> None:
    powers = ChargingAdapter().start_early(EARLY, setpoint_kw, readings(4, piles=TIMED))
    assert powers.tolist() == expected


def test_start_early__what_has_been_started_goes_on() -> None:
    both = dataclasses.replace(PILES, minutes_to_begin=np.array([60.0, 90.0, np.nan, 0.0]))
    seen = dataclasses.replace(readings(4, piles=both), power_kw=np.array([0.0, 7.0, 0.0, 7.0]))
    assert ChargingAdapter().start_early(EARLY, 14.0, seen).tolist() == [0.0, 7.0, 0.0, 7.0]


def test_split__a_cap_starts_no_car_early() -> None:
    powers = ChargingAdapter().split(EARLY, 18.0, readings(4, piles=TIMED))
    # 14 kW to the two that charge; what is left goes to the empty pile.
    assert powers == pytest.approx([0.0, 7.0, 4.0, 7.0])


def test_unserved_kwh__is_what_cars_lack_at_departure() -> None:
    # Of 7 kW, three minima of 1.38 kW leave 2.86 kW for the most pressing: car 4 gets 4.24 kW for its hour and lacks
    # 2.76 kWh; car 1 gets 1.38 kW for two hours and lacks 4.24 kWh; car 2 gets its 3.5 kWh in four hours.
    assert unserved_kwh(CLUSTER, 7.0, readings(4, piles=PILES)) == pytest.approx(2.76 + 4.24)
    assert unserved_kwh(CLUSTER, 28.0, readings(4, piles=PILES)) == 0.0


def test_split__says_when_the_driver_reads_no_piles() -> None:
    with pytest.raises(InputError, match="the driver reads no piles"):
        ChargingAdapter().split(CLUSTER, 1.0, readings(4))
