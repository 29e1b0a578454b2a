import numpy as np
import pytest

from optimizer.shards.shard import Shard, lots
from tests.optimizer.shards.small_fleet import SmallFleet
from vpp.domain.errors import InvariantError


def test_responses__are_refused_before_they_are_formed() -> None:
    shard = Shard(SmallFleet.of(50, blocks=True).holding)

    with pytest.raises(InvariantError, match="a shard of 50 resources was asked for responses it has not formed"):
        shard.responses()


def test_lots__are_even_and_depend_on_the_position_alone() -> None:
    found = lots(np.arange(100_000))

    assert ((found >= 0) & (found < 1)).all()
    np.testing.assert_allclose(np.histogram(found, 10, (0.0, 1.0))[0], 10_000, rtol=0.05)
    np.testing.assert_array_equal(lots(np.array([7, 99_999])), found[[7, 99_999]])


def test_cut__every_resource_is_held_once() -> None:
    holding = SmallFleet.of(103, blocks=True).holding

    portions = holding.cut(4)

    assert sorted(np.concatenate([portion.position for portion in portions]).tolist()) == list(range(103))
    for portion in portions:
        kinds = (portion.curtailable, portion.block, portion.charging, portion.cooling, portion.storage)
        assert sorted(np.concatenate([kind.index for kind in kinds]).tolist()) == list(range(portion.count))
    at = portions[1].storage
    whole = holding.storage
    mine = np.isin(whole.index, portions[1].position[at.index])
    np.testing.assert_array_equal(at.capacity_kwh, whole.capacity_kwh[mine])
