"""What Prometheus would scrape."""

import pytest

from vpp.domain.errors import InvariantError
from vpp.infra.prometheus import PrometheusMetrics


def test_exposition__counters_and_gauges_with_labels() -> None:
    metrics = PrometheusMetrics()
    metrics.count("commands_sent", 2, gateway="g1")
    metrics.count("commands_sent", gateway="g1")
    metrics.count("commands_sent", gateway="g2")
    metrics.count("vpp_redispatches_total")
    metrics.gauge("verified_kw", 51_200.5)
    lines = metrics.exposition().decode().splitlines()
    assert 'vpp_commands_sent_total{gateway="g1"} 3.0' in lines
    assert 'vpp_commands_sent_total{gateway="g2"} 1.0' in lines
    assert "# TYPE vpp_commands_sent_total counter" in lines
    assert "# HELP vpp_verified_kw Verified kw." in lines
    assert "vpp_redispatches_total 1.0" in lines
    assert "vpp_verified_kw 51200.5" in lines


def test_exposition__registries_are_apart() -> None:
    first, second = PrometheusMetrics(), PrometheusMetrics()
    first.count("facts")
    assert b"vpp_facts" not in second.exposition()


def test_count__labels_and_kind_are_fixed_by_first_use() -> None:
    metrics = PrometheusMetrics()
    metrics.count("facts", kind="x")
    with pytest.raises(InvariantError, match=r"metric 'facts' is a counter with labels \['kind'\], not a counter with"):
        metrics.count("facts")
    with pytest.raises(InvariantError, match=r"not a gauge with labels \['kind'\]"):
        metrics.gauge("facts", 1.0, kind="x")


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_count__amount_must_be_finite_and_not_negative(amount: float) -> None:
    with pytest.raises(InvariantError, match=f"counter 'facts' cannot go up by {amount}"):
        PrometheusMetrics().count("facts", amount)


def test_count__name_is_checked() -> None:
    with pytest.raises(InvariantError, match="'Bad-Name' is not a name for a metric"):
        PrometheusMetrics().count("Bad-Name")
