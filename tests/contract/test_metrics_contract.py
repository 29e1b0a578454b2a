"""What every metrics port takes."""

import pytest

from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.prometheus import PrometheusMetrics
from vpp.ports import Metrics


@pytest.mark.parametrize("make", [MemoryMetrics, PrometheusMetrics])
def test_metrics__take_counts_gauges_and_notes(make: type[MemoryMetrics | PrometheusMetrics]) -> None:
    metrics: Metrics = make()
    metrics.count("facts")
    metrics.count("facts", 2.0)
    metrics.count("messages", gateway="g1")
    metrics.gauge("verified_kw", -1.5, kind="storage")
    metrics.note("told", figure=1.0)
    # Every name that our code uses, and those that a logger might claim for itself.
    metrics.note("told", event="event-1", level="high", logger="x", timestamp=1, exc_info=None, reason="r")


def test_memory_metrics__can_be_read_back() -> None:
    metrics = MemoryMetrics()
    metrics.count("messages", gateway="g1", kind="ack")
    metrics.count("messages", 2.0, kind="ack", gateway="g1")
    metrics.count("messages", gateway="g2", kind="ack")
    metrics.gauge("verified_kw", 1.0)
    metrics.gauge("verified_kw", 2.0)
    metrics.note("told", figure=1.0)
    assert metrics.counts[("messages", (("gateway", "g1"), ("kind", "ack")))] == 3.0
    assert (metrics.total("messages"), metrics.total("never")) == (4.0, 0.0)
    assert metrics.gauges == {("verified_kw", ()): 2.0}
    assert metrics.notes == [("told", {"figure": 1.0})]
