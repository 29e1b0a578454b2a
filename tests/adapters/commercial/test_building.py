"""Cooling within its band, and lighting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.commercial.building import CommercialAdapter
from adapters.kit.driver import LineReadings, ZoneReadings
from adapters.kit.resource_spec import CoolingTerms, LoadTerms
from tests.adapters.adapter_cases import readings, request, spec
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Cooling, Curtailable

COOLING = spec(ResourceKind.COOLING, CoolingTerms(curtail_fraction=0.5, payback_fraction=0.25))
LIGHTING = spec(ResourceKind.LIGHTING, LoadTerms())


def zones(temperature_c: list[float]) -> ZoneReadings:
    return ZoneReadings(
        temperature_c=np.array(temperature_c),
        setpoint_c=np.full(4, 25.0),
        band_k=np.full(4, 2.0),
        retention=np.full(4, 0.9),
        gain_k_per_kw=np.full(4, 0.04),
        power_max_kw=np.full(4, 100.0),
    )


def test_offer__cooling_tells_the_band_and_where_it_stands() -> None:
    offer = CommercialAdapter().offer(
        request(COOLING, readings(4, zones=zones([25.0, 25.4, 25.8, 26.0])), np.full(4, 200.0))
    )
    assert isinstance(offer.flexibility, Cooling)
    assert offer.flexibility.theta_0_k == pytest.approx(0.55)
    assert offer.flexibility.band_k == 2.0
    assert offer.flexibility.available_kw == pytest.approx(np.full(4, 100.0))
    assert offer.flexibility.payback_max_kw == pytest.approx(100.0)
    # One kW less is a quarter of a kW less in each of four like zones.
    assert offer.flexibility.gain_k_per_kw == pytest.approx(0.01)


def test_offer__nothing_is_left_where_the_band_is_used_up() -> None:
    offer = CommercialAdapter().offer(request(COOLING, readings(4, zones=zones([28.0] * 4)), np.full(4, 200.0)))
    assert isinstance(offer.flexibility, Cooling)
    assert offer.flexibility.theta_0_k == 2.0
    assert (offer.flexibility.available_kw == 0.0).all()


def test_offer__lighting_is_divisible() -> None:
    lights = LineReadings(np.ones(4, dtype=bool), np.full(4, 100.0), np.full(4, 30.0))
    offer = CommercialAdapter().offer(request(LIGHTING, readings(4, lines=lights), np.full(4, 300.0)))
    assert isinstance(offer.flexibility, Curtailable)


@given(st.floats(0, 400), st.lists(st.floats(24, 29), min_size=4, max_size=4))
def test_split__cooling_conserves_the_sum(setpoint_kw: float, temperature_c: list[float]) -> None:
    powers = CommercialAdapter().split(COOLING, setpoint_kw, readings(4, zones=zones(temperature_c)))
    assert powers.sum() == pytest.approx(setpoint_kw)
    assert (powers <= 100.0 + 1e-6).all()
    assert (powers >= 0.0).all()


def test_split__warm_zones_get_more() -> None:
    powers = CommercialAdapter().split(COOLING, 100.0, readings(4, zones=zones([25.0, 25.0, 25.0, 27.0])))
    assert powers[3] == pytest.approx(3 * powers[0])


def test_split__lighting_keeps_its_floor() -> None:
    lights = LineReadings(np.ones(4, dtype=bool), np.full(4, 100.0), np.full(4, 30.0))
    assert CommercialAdapter().split(LIGHTING, 0.0, readings(4, lines=lights)) == pytest.approx([30.0] * 4)


def test_split__says_when_the_driver_reads_no_zones() -> None:
    with pytest.raises(InputError, match="the driver reads no zones"):
        CommercialAdapter().split(COOLING, 1.0, readings(4))
