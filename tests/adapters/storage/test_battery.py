"""Batteries as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.driver import BatteryReadings
from adapters.kit.resource_spec import StorageTerms
from adapters.storage.battery import StorageAdapter
from tests.adapters.adapter_cases import readings, request, spec
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Storage

HELD = spec(ResourceKind.STORAGE, StorageTerms(), rated_kw=200.0, devices=2)
EXPORTING = spec(ResourceKind.STORAGE, StorageTerms(export_allowed=True), rated_kw=200.0, devices=2)


def batteries(soc_kwh: list[float]) -> BatteryReadings:
    return BatteryReadings(np.array(soc_kwh), np.full(2, 200.0), np.full(2, 100.0), np.full(2, 0.95))


def test_offer__sums_and_the_owners_reserve() -> None:
    read = readings(2, batteries=batteries([100.0, 60.0]))
    offer = StorageAdapter().offer(request(EXPORTING, read, np.array([50.0, -50.0])))
    assert isinstance(offer.flexibility, Storage)
    assert (offer.flexibility.power_max_kw, offer.flexibility.capacity_kwh) == (200.0, 400.0)
    assert (offer.flexibility.soc_kwh, offer.flexibility.soc_min_kwh) == (160.0, 40.0)
    assert offer.flexibility.efficiency == pytest.approx(0.95)
    assert offer.flexibility.export_allowed
    assert offer.forecast_kw == pytest.approx([50.0, -50.0])


def test_offer__below_the_reserve_is_no_contradiction() -> None:
    offer = StorageAdapter().offer(request(HELD, readings(2, batteries=batteries([5.0, 5.0])), np.zeros(2)))
    assert isinstance(offer.flexibility, Storage)
    assert offer.flexibility.soc_min_kwh == offer.flexibility.soc_kwh == offer.flexibility.soc_end_kwh == 10.0


def test_offer__leaves_out_what_is_offline() -> None:
    read = readings(2, batteries=batteries([100.0, 60.0]), online=[True, False])
    offer = StorageAdapter().offer(request(HELD, read, np.zeros(2)))
    assert isinstance(offer.flexibility, Storage)
    assert (offer.flexibility.power_max_kw, offer.flexibility.soc_kwh) == (100.0, 100.0)


@given(st.floats(-200, 200), st.lists(st.floats(0, 200), min_size=2, max_size=2))
def test_split__conserves_the_sum_within_what_the_batteries_can(setpoint_kw: float, soc_kwh: list[float]) -> None:
    powers = StorageAdapter().split(EXPORTING, setpoint_kw, readings(2, batteries=batteries(soc_kwh)))
    soc = np.array(soc_kwh)
    upper = np.minimum(100.0, (200.0 - soc) / 0.95 * 4)
    lower = -np.minimum(100.0, np.maximum(soc - 20.0, 0.0) * 0.95 * 4)
    assert powers.sum() == pytest.approx(np.clip(setpoint_kw, lower.sum(), upper.sum()), abs=1e-6)
    assert (powers >= lower - 1e-6).all()
    assert (powers <= upper + 1e-6).all()


def test_split__never_exports_without_permission() -> None:
    powers = StorageAdapter().split(HELD, -50.0, readings(2, batteries=batteries([100.0, 100.0])))
    assert powers == pytest.approx([0.0, 0.0])


def test_split__says_when_the_driver_reads_no_batteries() -> None:
    with pytest.raises(InputError, match="the driver reads no batteries"):
        StorageAdapter().split(HELD, 1.0, readings(2))
