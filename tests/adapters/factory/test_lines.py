"""Factory lines and processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.factory.lines import FactoryAdapter
from adapters.kit.driver import LineReadings
from adapters.kit.resource_spec import LoadTerms
from tests.adapters.adapter_cases import readings, request, spec
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Block, Curtailable

RATED = np.array([100.0, 50.0, 150.0, 100.0])
LINES = LineReadings(np.array([True, True, True, False]), RATED, np.full(4, 20.0))
TERMS = LoadTerms(segment_1_fraction=0.5, segment_2_fraction=0.25, min_run=2, max_run=8, max_calls=2)
LINE = spec(ResourceKind.FACTORY_LINE, TERMS)
PROCESS = spec(ResourceKind.FACTORY_PROCESS, TERMS)


def test_offer__line_is_a_block_bounded_by_the_shift_plan() -> None:
    forecast = np.array([200.0, 200.0, 0.0, 100.0])
    offer = FactoryAdapter().offer(request(LINE, readings(4, lines=LINES), forecast, running=3, calls=1))
    assert isinstance(offer.flexibility, Block)
    assert offer.flexibility.available_kw == pytest.approx([100.0, 100.0, 0.0, 50.0])
    assert offer.flexibility.minimum_kw == pytest.approx([30.0, 30.0, 0.0, 15.0])
    assert (offer.flexibility.running_intervals, offer.flexibility.max_calls) == (3, 2)
    assert offer.available


def test_offer__calls_of_the_day_are_used_up() -> None:
    offer = FactoryAdapter().offer(request(LINE, readings(4, lines=LINES), np.ones(4), calls=2))
    assert isinstance(offer.flexibility, Block)
    assert offer.flexibility.max_calls == 0


def test_offer__process_has_two_segments_and_leaves_out_what_is_offline() -> None:
    read = readings(4, lines=LINES, online=[True, True, False, True])
    offer = FactoryAdapter().offer(request(PROCESS, read, np.full(2, 400.0)))
    assert isinstance(offer.flexibility, Curtailable)
    share = 250.0 / 400.0
    assert offer.flexibility.segment_1_kw == pytest.approx([200.0 * share] * 2)
    assert offer.flexibility.segment_2_kw == pytest.approx([100.0 * share] * 2)
    assert offer.flexibility.energy_max_kwh == pytest.approx(300.0 * share * 0.5)


def test_offer__not_available_when_all_is_offline() -> None:
    offer = FactoryAdapter().offer(request(LINE, readings(4, lines=LINES, online=[False] * 4), np.ones(2)))
    assert (offer.available, offer.reason) == (False, "all devices are offline")


@given(st.floats(0, 400))
def test_split__lines_are_off_or_at_their_minimum_and_add_up(setpoint_kw: float) -> None:
    powers = FactoryAdapter().split(LINE, setpoint_kw, readings(4, lines=LINES))
    running = powers > 0
    assert (powers[running] >= 20.0 - 1e-6).all()
    assert (powers <= RATED + 1e-6).all()
    assert powers.sum() <= setpoint_kw + 1e-6
    # What is missing is less than the minimum of the line that would have to start for it.
    assert setpoint_kw - powers.sum() < 20.0
    assert setpoint_kw > 300.0 or setpoint_kw < 20.0 or powers.sum() == pytest.approx(setpoint_kw)


@given(st.floats(60, 400))
def test_split__process_conserves_the_sum(setpoint_kw: float) -> None:
    powers = FactoryAdapter().split(PROCESS, setpoint_kw, readings(4, lines=LINES))
    assert powers.sum() == pytest.approx(setpoint_kw)
    assert (powers[:3] >= 20.0 - 1e-6).all()


def test_split__idle_line_gets_what_is_left() -> None:
    powers = FactoryAdapter().split(LINE, 300.0, readings(4, lines=LINES))
    assert powers[3] == 0.0


def test_split__says_when_the_driver_reads_no_lines() -> None:
    with pytest.raises(InputError, match="resource 'r1' of kind 'factory_line': the driver reads no lines"):
        FactoryAdapter().split(LINE, 1.0, readings(4))
