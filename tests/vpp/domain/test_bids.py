"""Bids by quantity: who is taken for a bid, and that no plan can ask for more than was bid."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import plan_dispatch
from vpp.domain.bids import Bid, hold_bids, share_of_bid
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource, Infeasible
from vpp.domain.feasibility import check_plan
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.portfolio import most_kw
from vpp.domain.timegrid import TimeGrid

EVENT, RECOVERY = 4, 2
HORIZON = EVENT + RECOVERY
GRID = TimeGrid(datetime(2026, 7, 22, 6, tzinfo=UTC), HORIZON)


def flat(kw: float) -> Series:
    return np.full(HORIZON, kw)


def resource(name: str, flexibility: Flexibility, forecast_kw: float = 200.0) -> DispatchResource:
    return DispatchResource(name, "root", flat(forecast_kw), flexibility)


def curtailable(name: str, kw: float, price: float = 1.0, second_kw: float = 0.0) -> DispatchResource:
    return resource(name, Curtailable(flat(kw), flat(second_kw), price, price + 1.0, 1e6))


def line(name: str, kw: float, least_kw: float, price: float = 1.0) -> DispatchResource:
    return resource(name, Block(flat(kw), flat(least_kw), price, 0.0, 1, 4, 2))


def piles(name: str, kw: float, forecast_kw: float = 100.0) -> DispatchResource:
    ceiling = np.cumsum(flat(forecast_kw)) * 0.25
    return resource(name, Charging(flat(forecast_kw - kw), flat(150.0), flat(0.0), ceiling, 0.4), forecast_kw)


def cooling(name: str, kw: float) -> DispatchResource:
    return resource(name, Cooling(flat(kw), 50.0, 0.9, 0.001, 3.0, 0.0, 0.5, 0.1))


def battery(name: str, kw: float, energy_kwh: float, schedule_kw: float = 0.0, price: float = 0.1) -> DispatchResource:
    store = Storage(kw, 500.0, energy_kwh + 20.0, 20.0, 20.0, 1.0, price, export_allowed=True)
    return resource(name, store, schedule_kw)


def problem(*resources: DispatchResource, target_kw: float = 1000.0) -> DispatchProblem:
    flow = np.full(HORIZON, 5000.0)
    root = DispatchNode("root", None, flow, flow + 5000.0, np.full(HORIZON, np.inf))
    return DispatchProblem(GRID, EVENT, np.full(EVENT, target_kw), np.full(RECOVERY, 1000.0), resources, (root,))


def test_share_of_bid__cheapest_first_until_the_bid_is_reached() -> None:
    offers = [curtailable("dear", 40.0, 2.0), curtailable("b", 60.0), curtailable("a", 60.0), curtailable("c", 60.0)]

    share = share_of_bid(offers, 100.0, event_intervals=EVENT)

    assert list(share.kept) == ["a", "b"]
    assert [float(most_kw(r, EVENT).max()) for r in share.kept.values()] == [60.0, 40.0]
    assert share.reached


def test_share_of_bid__who_is_called_already_stays() -> None:
    share = share_of_bid(
        [curtailable("a", 60.0), curtailable("z", 60.0, 9.0)], 50.0, event_intervals=EVENT, called={"z"}
    )

    assert list(share.kept) == ["z"]


def test_share_of_bid__an_interval_that_is_short_takes_one_more() -> None:
    uneven = resource("a", Curtailable(np.array([80.0, 80.0, 30.0, 80.0, 0, 0]), flat(0.0), 0.5, 1.0, 1e6))

    share = share_of_bid([uneven, curtailable("b", 60.0)], 80.0, event_intervals=EVENT)

    assert most_kw(share.kept["b"], EVENT).tolist() == [0.0, 0.0, 50.0, 0.0]
    assert share.reached


def test_share_of_bid__a_line_that_cannot_give_so_little_is_passed_over() -> None:
    share = share_of_bid([line("a", 90.0, 90.0), line("b", 90.0, 20.0, 2.0)], 50.0, event_intervals=EVENT)

    assert list(share.kept) == ["b"]
    assert most_kw(share.kept["b"], EVENT).tolist() == [50.0] * EVENT


def test_share_of_bid__what_nobody_offers_is_left() -> None:
    share = share_of_bid([curtailable("a", 30.0)], 50.0, event_intervals=EVENT)

    assert share.left_kw.tolist() == [20.0] * EVENT
    assert not share.reached


@pytest.mark.parametrize(
    ("one", "bid_kw", "expected"),
    [
        (curtailable("r", 60.0, 1.0, 60.0), 90.0, 90.0),
        (cooling("r", 80.0), 30.0, 30.0),
        (piles("r", 60.0), 25.0, 25.0),
        (battery("r", 100.0, 60.0), 40.0, 40.0),
        (battery("r", 100.0, 60.0), 80.0, 60.0),
    ],
)
def test_share_of_bid__every_divisible_kind_is_cut(one: DispatchResource, bid_kw: float, expected: float) -> None:
    share = share_of_bid([one], bid_kw, event_intervals=EVENT)

    assert most_kw(share.kept["r"], EVENT) == pytest.approx([expected] * EVENT)


@pytest.mark.parametrize(
    "one",
    [
        battery("r", 100.0, 60.0, schedule_kw=90.0),
        resource("r", Storage(100.0, 500.0, 100.0, 20.0, 20.0, 0.9, 0.1, export_allowed=False), 80.0),
        resource("r", Charging(flat(40.0), flat(150.0), flat(0.0), flat(15.0), 0.4), 100.0),
    ],
    ids=["battery bound to its schedule", "battery that may not give", "cars that cannot take so much"],
)
def test_share_of_bid__what_cannot_be_cut_is_left_out(one: DispatchResource) -> None:
    assert not share_of_bid([one], 30.0, event_intervals=EVENT).kept


def test_hold_bids__without_bids_nothing_changes() -> None:
    whole = problem(curtailable("a", 60.0))

    assert hold_bids(whole, [], ()) == (whole, ())


def test_hold_bids__leaves_others_as_they_are() -> None:
    whole = problem(curtailable("a", 60.0), curtailable("b", 60.0), curtailable("other", 60.0))

    held, beyond = hold_bids(whole, [Bid(("a", "b", "gone"), 40.0)], ())

    assert beyond == ("b",)
    assert [r.id for r in held.resources] == ["a", "other"]
    assert held.resources[1] is whole.resources[2]


kilowatts = st.floats(1.0, 120.0)
kinds = st.sampled_from(["curtailable", "line", "cooling", "piles", "battery"])


@given(st.lists(st.tuples(kinds, kilowatts, kilowatts), min_size=1, max_size=5), st.floats(1.0, 300.0))
@settings(max_examples=25, deadline=None)
def test_hold_bids__no_plan_exceeds_a_bid(parts: list[tuple[str, float, float]], bid_kw: float) -> None:
    makers: dict[str, Callable[[str, float, float], DispatchResource]] = {
        "curtailable": lambda n, kw, other: curtailable(n, kw, 1.0, other),
        "line": lambda n, kw, other: line(n, max(kw, other), min(kw, other)),
        "cooling": lambda n, kw, _: cooling(n, kw),
        "piles": lambda n, kw, _: piles(n, min(kw, 90.0)),
        "battery": battery,
    }
    resources = [makers[kind](f"r{i}", kw, other) for i, (kind, kw, other) in enumerate(parts)]
    held, beyond = hold_bids(problem(*resources), [Bid(tuple(r.id for r in resources), bid_kw)], ())

    outcome = plan_dispatch(held)

    assert not isinstance(outcome, Infeasible)
    assert not check_plan(held, outcome.plan)
    asked = sum((kw[:EVENT] for kw in outcome.plan.response_kw.values()), np.zeros(EVENT))
    assert asked.max() <= bid_kw + 1e-3
    assert {r.id for r in held.resources}.isdisjoint(beyond)
