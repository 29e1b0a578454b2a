from functools import partial

import numpy as np
import pytest

from optimizer.respond.answer import Sums, add_rows
from optimizer.shards.fleet import Fleet, local_fleet
from optimizer.shards.settle import Weighted
from tests.optimizer.shards.small_fleet import SmallFleet

PRICE = 0.1


@pytest.mark.parametrize("uncertain", [False, True], ids=["certain", "uncertain"])
@pytest.mark.parametrize("shards", [2, 4, 7])
def test_plan__is_the_same_however_a_fleet_without_calls_is_cut(shards: int, uncertain: bool) -> None:
    fleet = SmallFleet.of(700, blocks=False, uncertain=uncertain)

    whole = fleet.plan(fleet_of=local_fleet)
    cut = fleet.plan(fleet_of=partial(local_fleet, shards=shards, threads=2))

    assert cut.bound_cny == whole.bound_cny
    assert cut.response_kw is not None
    assert whole.response_kw is not None
    np.testing.assert_array_equal(cut.response_kw, whole.response_kw)


def test_plan__calls_settled_shard_by_shard_are_as_good() -> None:
    fleet = SmallFleet.of(1500, blocks=True)

    whole = fleet.plan(fleet_of=local_fleet)
    cut = fleet.plan(fleet_of=partial(local_fleet, shards=4))

    assert cut.bound_cny == whole.bound_cny
    assert fleet.gap(whole) < 0.005
    assert fleet.gap(cut) < 0.005


def test_answers__are_the_same_to_the_last_digit() -> None:
    small = SmallFleet.of(600, blocks=True, uncertain=True)
    fleets = [
        local_fleet(small.holding, shards=shards, threads=threads) for shards, threads in ((1, 1), (1, 2), (5, 1))
    ]
    chance = np.full(small.layout.slots, 0.3)

    def figures(fleet: Fleet) -> list[np.ndarray]:
        prices = small.prices(PRICE)
        answers = (fleet.respond(prices), fleet.known(), fleet.sampled(prices, chance))
        return [*(array for answer in answers for array in answer.arrays), *fleet.drawn(chance)]

    first, *others = (figures(fleet) for fleet in fleets)
    for other in others:
        for one, another in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, another)


def test_answer__sums_what_the_resources_give() -> None:
    small = SmallFleet.of(300, blocks=True)
    layout, holding = small.layout, small.holding
    fleet = local_fleet(holding, shards=3)
    everything = (Weighted(small.prices(PRICE), np.ones(layout.slots)),)

    answer = fleet.respond(small.prices(PRICE))
    formed = fleet.finish(everything)
    response_kw = fleet.responses(small.arrays.count)

    np.testing.assert_allclose(answer.full_kw.sum(axis=0), response_kw.sum(axis=0), rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(formed.full_kw, answer.full_kw, rtol=1e-9, atol=1e-3)
    below_kw = (small.arrays.below @ response_kw)[layout.node_of_row, layout.interval_of_row]
    np.testing.assert_allclose(layout.node_sums_kw(formed.full_kw), below_kw, rtol=1e-12, atol=1e-9)


def test_settle__every_block_follows_one_of_the_answers() -> None:
    small = SmallFleet.of(300, blocks=True)
    layout, block = small.layout, small.arrays.block
    fleet = local_fleet(small.holding, shards=2)
    prices = (small.prices(0.03), small.prices(0.2))
    alone = []
    for tables in prices:
        fleet.finish((Weighted(tables, np.ones(layout.slots)),))
        alone.append(fleet.responses(small.arrays.count)[block.index, :8] > 0)

    half = np.full(layout.slots, 0.5)
    fleet.settle(tuple(Weighted(tables, half) for tables in prices))
    fleet.finish((Weighted(small.prices(0.1), np.ones(layout.slots)),))
    settled = fleet.responses(small.arrays.count)[block.index, :8] > 0

    followed = [(settled == one).all(axis=1) for one in alone]
    assert (followed[0] | followed[1]).all()
    assert followed[0].any()
    assert followed[1].any()
    assert (alone[0] != alone[1]).any()


def test_drawn__a_chance_of_one_draws_everybody() -> None:
    small = SmallFleet.of(200, blocks=True)
    fleet = local_fleet(small.holding)
    everybody, prices = np.ones(small.layout.slots), small.prices(PRICE)

    whole_kwh, drawn_kwh = fleet.drawn(everybody)

    np.testing.assert_array_equal(whole_kwh, drawn_kwh)
    for one, another in zip(fleet.sampled(prices, everybody).arrays, fleet.respond(prices).arrays, strict=True):
        np.testing.assert_array_equal(one, another)


def test_sums__do_not_lose_small_ones_beside_large_ones() -> None:
    # 1e16 + 1 is 1e16 in floating point; what was lost must come back when the large one leaves.
    sums = Sums.nothing(1, 1)
    add_rows(np.zeros(4, dtype=np.intp), np.array([[1e16], [1.0], [1.0], [-1e16]]), sums.high, sums.low)

    assert sums.values[0, 0] == 2.0
