"""Two Ray nodes on this machine: the same plan as without Ray, also when one of them is lost on the way."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from optimizer.shards.fleet import Fleet, Question, local_fleet
from optimizer.shards.holding import Holding
from optimizer.shards.ray_fleet import RayShards
from optimizer.shards.shard import Shard
from tests.optimizer.shards.small_fleet import SmallFleet
from vpp.domain.errors import OutsideError

pytestmark = [pytest.mark.slow]
NODE = {"num_cpus": 1, "object_store_memory": 90_000_000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Loopback alone; Ray reads this variable once, when it is imported, and its own processes read it again.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


class Watched(RayShards):
    """Counts the questions, and does something before one of them."""

    def __init__(self, parts: list[Any], before: dict[int, Callable[[], None]]) -> None:
        super().__init__(parts)
        self.asked, self._before = 0, before

    def each(self, question: Question[Any], *, changes: bool = False) -> list[Any]:
        self.asked += 1
        self._before.get(self.asked, lambda: None)()
        return super().each(question, changes=changes)


def _node_of(_: Shard) -> str:
    return str(ray.get_runtime_context().get_node_id())


def test_plan__is_the_same_as_without_ray_also_when_a_node_is_lost(cluster: Cluster) -> None:
    second = cluster.add_node(**NODE)
    small = SmallFleet.of(500, blocks=True)
    expected = small.plan(fleet_of=partial(local_fleet, shards=2))
    made: list[Watched] = []

    def fleet_of(holding: Holding, before: dict[int, Callable[[], None]]) -> Fleet:
        made.append(Watched(holding.cut(2), before))
        return Fleet(made[-1], event=holding.event_intervals, intervals=holding.intervals)

    undisturbed = small.plan(fleet_of=partial(fleet_of, before={}))
    nodes = made[0].each(_node_of)
    made[0].close()
    # Lost near the end: calls are settled already, so that the new shard has to be told of them.
    late = made[0].asked - 6
    disturbed = small.plan(fleet_of=partial(fleet_of, before={late: lambda: cluster.remove_node(second)}))
    made[1].close()

    assert len(set(nodes)) == 2
    assert made[0].losses == 0
    assert made[1].losses == 1
    for found in (undisturbed, disturbed):
        assert found.bound_cny == expected.bound_cny
        assert found.response_kw is not None
        assert expected.response_kw is not None
        np.testing.assert_array_equal(found.response_kw, expected.response_kw)


def test_each__gives_up_on_a_shard_that_is_lost_again_and_again(cluster: Cluster) -> None:
    def broken() -> Holding:
        raise FileNotFoundError("no holding here")

    with (
        RayShards([broken], most_losses=1) as shards,
        pytest.raises(OutsideError, match=r"shard 0 of 1 was lost 2 times; more than 1 losses are not mended"),
    ):
        shards.each(Shard.known)


def test_loader__brings_the_holding_to_the_actor(cluster: Cluster) -> None:
    small = SmallFleet.of(60, blocks=False)

    def load() -> Holding:
        return small.holding

    with RayShards([load]) as shards:
        (known,) = shards.each(Shard.known)

    np.testing.assert_array_equal(known.values, Shard(small.holding).known().values)
