"""What more can be taken: by offers, by what is bid, and by the problem that is made of both."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.domain.bids import share_of_bid
from vpp.domain.capability import CapabilityOffer
from vpp.domain.dispatch import DispatchResource
from vpp.domain.events import Direction
from vpp.domain.filling import bound_filled_kw, can_fill, cut_filling, most_filled_kw
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.portfolio import Candidate, depth, most_kw
from vpp.domain.timegrid import TimeGrid

COUNT = 4
GRID = TimeGrid(datetime(2026, 7, 22, 18, tzinfo=UTC), 6)


def flat(kw: float) -> Series:
    return np.full(len(GRID), kw)


def resource(flexibility: Flexibility, forecast_kw: Series | float, name: str = "r") -> DispatchResource:
    forecast = flat(forecast_kw) if isinstance(forecast_kw, float) else forecast_kw
    return DispatchResource(name, "root", forecast, flexibility)


def waiting_cars(ceiling_kwh: float, *, forecast_kw: float = 20.0, power_kw: float = 100.0) -> DispatchResource:
    """Cars that could have ``ceiling_kwh`` more than they would take, by any interval."""
    ceiling = np.cumsum(flat(forecast_kw)) * 0.25 + ceiling_kwh
    return resource(Charging(flat(0.0), flat(power_kw), flat(0.0), ceiling, 0.5), forecast_kw)


def battery(soc_kwh: float = 100.0, *, schedule_kw: float = 0.0, name: str = "r") -> DispatchResource:
    store = Storage(100.0, 200.0, soc_kwh, 20.0, 20.0, 0.8, 0.1, export_allowed=False)
    return resource(store, schedule_kw, name)


NO_FILLING: list[Flexibility] = [
    Curtailable(flat(50.0), flat(0.0), 0.5, 1.0, 1e6),
    Block(flat(50.0), flat(20.0), 0.5, 1.0, 1, 4, 2),
    Cooling(flat(50.0), 50.0, 0.9, 0.01, 2.0, 0.0, 0.5, 0.1),
]


@pytest.mark.parametrize("flexibility", NO_FILLING, ids=lambda f: type(f).__name__)
def test_most_filled_kw__nothing_where_the_offer_tells_of_less_only(flexibility: Flexibility) -> None:
    assert not can_fill(flexibility)
    assert most_filled_kw(resource(flexibility, 100.0), COUNT).tolist() == [0.0] * COUNT
    assert bound_filled_kw(resource(flexibility, 100.0), COUNT).tolist() == [0.0] * COUNT
    assert cut_filling(resource(flexibility, 100.0), np.zeros(COUNT)) is None


def test_most_filled_kw__charging_by_what_its_cars_can_take_and_by_power() -> None:
    # 10 kWh more within a quarter of an hour are 40 kW; 100 kWh more are held to 100 - 20 kW.
    assert most_filled_kw(waiting_cars(10.0), COUNT).tolist() == [40.0] * COUNT
    assert most_filled_kw(waiting_cars(100.0), COUNT).tolist() == [80.0] * COUNT
    # Uncontrolled charging is as fast as can be: nothing more to take.
    assert most_filled_kw(waiting_cars(0.0), COUNT).tolist() == [0.0] * COUNT
    assert can_fill(waiting_cars(0.0).flexibility)


def test_most_filled_kw__storage_by_its_room_over_the_event() -> None:
    # 100 kWh of room take 125 kWh at 80 %, over an hour 125 kW, more than the converter has.
    assert most_filled_kw(battery(), COUNT).tolist() == [100.0] * COUNT
    # 40 kWh of room take 50 kWh: 50 kW over the hour, of which 20 kW are scheduled anyway.
    assert most_filled_kw(battery(160.0, schedule_kw=20.0), COUNT).tolist() == [30.0] * COUNT
    assert most_filled_kw(battery(200.0), COUNT).tolist() == [0.0] * COUNT
    assert most_kw(battery(), COUNT, Direction.FILL).tolist() == [100.0] * COUNT
    assert most_kw(battery(schedule_kw=30.0), COUNT).tolist() == [30.0] * COUNT


def test_share_of_bid__filling_is_held_to_the_bid() -> None:
    share = share_of_bid(
        [waiting_cars(100.0), battery(name="b")], 90.0, event_intervals=COUNT, direction=Direction.FILL
    )

    assert list(share.kept) == ["b"]
    kept = share.kept["b"].flexibility
    assert isinstance(kept, Storage)
    assert kept.power_max_kw == 90.0
    assert share.reached


def test_cut_filling__charging_keeps_its_promise() -> None:
    cars = waiting_cars(100.0)
    cut = cut_filling(cars, np.full(COUNT, 15.0))

    assert isinstance(cut, Charging)
    assert cut.power_max_kw.tolist() == [35.0] * COUNT + [100.0] * 2
    hungry = resource(Charging(flat(0.0), flat(100.0), np.cumsum(flat(60.0)) * 0.25, flat(1e3), 0.5), 20.0)
    assert cut_filling(hungry, np.full(COUNT, 15.0)) is None


def test_cut_filling__storage_that_cannot_follow_its_schedule_is_left_out() -> None:
    schedule = np.array([20.0, 20.0, 20.0, 20.0, 90.0, 90.0])
    store = resource(battery().flexibility, schedule)

    assert cut_filling(store, np.full(COUNT, 30.0)) is None
    assert cut_filling(store, np.full(COUNT, 75.0)) is not None


def test_depth__what_is_taken_on_top_of_nothing_can_be_measured() -> None:
    cars = waiting_cars(20.0, forecast_kw=0.0)
    offer = CapabilityOffer("cool-1", GRID.start, GRID, flat(0.0), cars.flexibility, 60.0)
    candidate = Candidate(offer, flat(0.0), 0.85)

    assert depth(candidate, GRID, COUNT, sample_fleet(), direction=Direction.FILL) == float("inf")
    assert depth(candidate, GRID, COUNT, sample_fleet()) == 0.0
