from datetime import UTC, datetime

import numpy as np
import pytest

from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.domain.capability import CapabilityOffer
from vpp.domain.day_ahead_offers import Offered, offered_problem
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.events import Direction
from vpp.domain.filling import can_fill
from vpp.domain.flexibility import Block, Charging, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid

START = datetime(2026, 7, 22, 4, 0, tzinfo=UTC)
TOLD, EVENT, COUNT = 8, 16, 24
GRID = TimeGrid(START, COUNT)


def problem_of(
    resource_id: str, flexibility: Flexibility, forecast_kw: Series, usual_kw: Series | None = None
) -> DispatchProblem:
    offer = CapabilityOffer(resource_id, START, TimeGrid(START, TOLD), forecast_kw, flexibility, 60.0)
    usual = np.full(COUNT, np.nan) if usual_kw is None else usual_kw
    return offered_problem(
        GRID,
        EVENT,
        [Offered(offer, usual, 0.8, 0.1, "a-kind")],
        fleet=sample_fleet(),
        node_flow_kw={"root": np.full(COUNT, 500.0), "line": np.full(COUNT, 300.0)},
        common_sd={"a-kind": 0.05},
        direction=Direction.CURTAIL,
    )


def test_offered_problem__beyond_the_offer_the_same_share_of_the_usual_load_counts() -> None:
    offered = Curtailable(np.full(TOLD, 60.0), np.zeros(TOLD), 0.5, 1.0, 1e6)
    usual = np.linspace(100.0, 31.0, COUNT)

    resource = problem_of("line-2", offered, np.full(TOLD, 100.0), usual).resources[0]

    assert isinstance(resource.flexibility, Curtailable)
    assert resource.forecast_kw[:TOLD].tolist() == [100.0] * TOLD
    assert resource.forecast_kw[TOLD:].tolist() == usual[TOLD:].tolist()
    assert resource.flexibility.segment_1_kw[TOLD:] == pytest.approx(0.6 * usual[TOLD:])
    assert (resource.delivery_fraction, resource.delivery_sd, resource.delivery_class) == (0.8, 0.1, "a-kind")


def test_offered_problem__where_no_load_is_known_the_last_interval_goes_on() -> None:
    offered = Curtailable(np.full(TOLD, 60.0), np.zeros(TOLD), 0.5, 1.0, 1e6)

    resource = problem_of("line-2", offered, np.linspace(100.0, 80.0, TOLD)).resources[0]

    assert resource.forecast_kw[TOLD:].tolist() == [80.0] * (COUNT - TOLD)


def test_offered_problem__a_line_that_stands_still_at_the_end_is_not_counted_on() -> None:
    running = np.where(np.arange(TOLD) < 4, 80.0, 0.0)
    offered = Block(running, running, 0.5, 1.0, 1, 8, 2)

    resource = problem_of("line-1", offered, running, np.full(COUNT, 80.0)).resources[0]

    assert isinstance(resource.flexibility, Block)
    assert resource.flexibility.available_kw[TOLD:].tolist() == [0.0] * (COUNT - TOLD)


def test_offered_problem__charging_may_wait_as_long_as_before() -> None:
    ceiling = np.cumsum(np.full(TOLD, 100.0)) * 0.25
    floor = np.concatenate([np.zeros(2), ceiling[:-2]])
    offered = Charging(np.full(TOLD, 20.0), np.full(TOLD, 150.0), floor, ceiling, 0.4)
    usual = np.where(np.arange(COUNT) < 16, 100.0, 40.0)

    resource = problem_of("line-1", offered, np.full(TOLD, 100.0), usual).resources[0]

    flexibility = resource.flexibility
    assert isinstance(flexibility, Charging)
    waiting = flexibility.energy_ceiling_kwh - flexibility.energy_floor_kwh
    assert waiting[2:16] == pytest.approx([50.0] * 14)
    assert waiting[-1] == pytest.approx(20.0)
    assert flexibility.power_min_kw[-1] == pytest.approx(8.0)
    assert flexibility.energy_ceiling_kwh == pytest.approx(np.cumsum(resource.forecast_kw) * 0.25)
    assert (np.diff(flexibility.energy_floor_kwh) >= 0).all()


def test_offered_problem__beyond_its_schedule_a_battery_stands() -> None:
    offered = Storage(100.0, 200.0, 100.0, 20.0, 20.0, 0.9, 0.1, export_allowed=True)

    resource = problem_of("bat-1", offered, np.full(TOLD, 30.0)).resources[0]

    assert resource.forecast_kw.tolist() == [30.0] * TOLD + [0.0] * (COUNT - TOLD)


@pytest.mark.parametrize(
    ("flexibility", "known"),
    [
        (Storage(1.0, 1.0, 0.5, 0.0, 0.0, 0.9, 0.1, export_allowed=True), True),
        (Curtailable(np.ones(TOLD), np.ones(TOLD), 0.5, 1.0, 1.0), False),
    ],
)
def test_can_fill__those_that_state_both_sides(flexibility: Flexibility, known: bool) -> None:
    assert can_fill(flexibility) is known
