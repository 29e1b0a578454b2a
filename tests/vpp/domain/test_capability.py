"""Offers that no device can mean."""

import numpy as np
import pytest

from tests.vpp.domain.event_samples import START
from vpp.domain.capability import CapabilityOffer, flaw_of
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Storage
from vpp.domain.timegrid import TimeGrid

FINE = np.array([1.0, 0.0])
WRONG = np.array([1.0, -2.0])


@pytest.mark.parametrize(
    ("flexibility", "flaw"),
    [
        (Curtailable(FINE, FINE, 0.5, 1.0, 9.0), None),
        (Curtailable(WRONG, FINE, 0.5, 1.0, 9.0), "segment_1_kw is -2.0"),
        (Curtailable(FINE, np.array([np.nan, 1.0]), 0.5, 1.0, 9.0), "segment_2_kw is nan"),
        (Block(FINE, WRONG, 0.5, 1.0, 1, 2, 1), "minimum_kw is -2.0"),
        (Charging(FINE, FINE, FINE, WRONG, 0.1), "energy_ceiling_kwh is -2.0"),
        (Cooling(FINE, 1.0, 0.9, 0.1, -0.5, 0.0, 0.1, 0.1), "band_k is -0.5"),
        (Storage(-1.0, 10.0, 5.0, 1.0, 1.0, 0.9, 0.1, export_allowed=False), "power_max_kw is -1.0"),
    ],
)
def test_flaw_of__names_figure_and_limit(flexibility: Flexibility, flaw: str | None) -> None:
    found = flaw_of(CapabilityOffer("line-1", START, TimeGrid(START, 2), FINE, flexibility, 0.0))

    expected = None if flaw is None else f"offer of 'line-1': {flaw}, expected a finite number and at least 0"
    assert found == expected
