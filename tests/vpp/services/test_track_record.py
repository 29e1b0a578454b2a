"""What the book, and a running event, let expect of delivery."""

from datetime import timedelta
from statistics import NormalDist

import numpy as np
import pytest

from tests.vpp.domain.event_samples import END, EVENT, committed_facts
from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.domain.book import Book
from vpp.domain.control import ControlSettings, Delivery
from vpp.domain.facts import DeliveryVerified
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.ledger import open_ledger
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.track_record import TrackRecord

SETTINGS = ControlSettings()


def verified(**kwh: float) -> DeliveryVerified:
    return DeliveryVerified(
        at=END + timedelta(hours=2), event_id=EVENT, asked_kwh=dict.fromkeys(kwh, 100.0), verified_kwh=kwh
    )


def recorder() -> Recorder:
    """With a book that knows one committed event."""
    made = Recorder(open_ledger("sqlite://"), MemoryMetrics())
    made.book = Book.replay(committed_facts())
    return made


def track_record(over: Recorder | None = None) -> TrackRecord:
    return TrackRecord(over or recorder(), Registry(sample_fleet(), MemoryMetrics()), SETTINGS)


def test_expected__the_prior_until_an_event_is_verified() -> None:
    assert track_record().expected("cool-1", {}) == (0.85, 0.2)
    assert track_record().common_sd({})["cooling"] == 0.06


def test_expected__learns_from_the_book_and_again_when_it_grows() -> None:
    known = recorder()
    record = track_record(known)
    before = record.expected("cool-1", {})
    known.book.apply(verified(**{"cool-1": 40.0, "gone-9": 10.0}))
    after = record.expected("cool-1", {})

    assert before == (0.85, 0.2)
    assert after[0] < 0.75
    # What is no longer registered teaches nothing; the other kinds know as little as before.
    assert record.expected("line-1", {}) == (0.85, 0.25)


def test_expected__a_running_event_moves_the_mean_and_narrows_the_spread() -> None:
    seen = {"cool-1": Delivery(600.0, 300.0, 6.0)}
    mean, sd = track_record().expected("cool-1", seen)

    assert mean == pytest.approx(0.675)
    assert sd == pytest.approx(0.2 / 2**0.5)
    common = track_record().common_sd(seen)
    assert common["cooling"] == pytest.approx(0.06 / 2**0.5)
    assert common["factory_line"] == 0.04


def test_held_kw__covers_with_the_settings_probability() -> None:
    asked = {"cool-1": np.array([0.0, 100.0])}

    # Own spread 20 kW, common 0.06 x 85 kW.
    held_kw = NormalDist().inv_cdf(0.95) * (20.0**2 + 5.1**2) ** 0.5
    assert track_record().held_kw(asked, 1, {}) == pytest.approx(held_kw)
    assert track_record().held_kw(asked, 0, {}) == 0.0
