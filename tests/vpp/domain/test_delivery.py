"""What verified events teach of delivery: known parameters come back, priors stand where nothing is known."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.delivery import (
    HIGHEST_FRACTION,
    LARGEST_MEAN,
    LEAST_MEAN,
    Asked,
    Delivered,
    DeliveryPrior,
    learn_delivery,
    spread_kw,
)
from vpp.domain.errors import InputError

FIRST = date(2026, 7, 1)
PRIORS = {"cooling": DeliveryPrior(0.85, 0.2, 0.08), "public_charging": DeliveryPrior(0.85, 0.35, 0.15)}


def simulated(
    seed: int, *, mean: float, sd: float, common_sd: float, resources: int, days: int, kind: str = "cooling"
) -> list[Delivered]:
    """A history of the model itself: ``m (1 + g) + e`` per resource and day."""
    rng = np.random.default_rng(seed)
    own = mean + 0.05 * rng.standard_normal(resources)
    told: list[Delivered] = []
    for d in range(days):
        factor = 1.0 + common_sd * rng.standard_normal()
        for i in range(resources):
            asked = float(rng.uniform(20.0, 200.0))
            fraction = own[i] * factor + sd * rng.standard_normal()
            told.append(Delivered(f"r{i}", kind, FIRST + timedelta(days=d), asked, asked * float(fraction)))
    return told


@pytest.mark.parametrize(
    ("mean", "sd", "common_sd"), [(0.95, 0.10, 0.05), (0.70, 0.25, 0.20), (0.60, 0.15, 0.0), (0.85, 0.30, 0.10)]
)
def test_learn_delivery__finds_known_parameters(mean: float, sd: float, common_sd: float) -> None:
    history = simulated(3, mean=mean, sd=sd, common_sd=common_sd, resources=40, days=120)

    outlook = learn_delivery(history, PRIORS)

    assert np.mean(list(outlook.mean.values())) == pytest.approx(mean, abs=0.03)
    assert np.mean(list(outlook.sd.values())) == pytest.approx(sd, rel=0.1)
    assert outlook.kinds["cooling"].common_sd == pytest.approx(common_sd, abs=0.03)
    assert outlook.kinds["cooling"].mean == pytest.approx(mean, abs=0.03)
    assert outlook.kinds["public_charging"] == PRIORS["public_charging"]


def test_learn_delivery__without_history_is_the_prior() -> None:
    outlook = learn_delivery([], PRIORS)

    assert outlook.of("anybody", "cooling") == (0.85, 0.2)
    assert outlook.common_sd() == {"cooling": 0.08, "public_charging": 0.15}


def test_learn_delivery__one_event_moves_a_resource_by_its_weight() -> None:
    outlook = learn_delivery([Delivered("r", "cooling", FIRST, 100.0, 35.0)], PRIORS)

    # Kind: (4 x 0.85 + 0.35) / 5 = 0.75. The day's factor explains only little of a single resource's miss:
    # variance 0.08^2 against its own spread, so that the mean is close to (4 x 0.75 + 0.35) / 5 = 0.67.
    mean, sd = outlook.of("r", "cooling")
    assert outlook.of("another", "cooling")[0] == pytest.approx(0.75)
    assert 0.67 <= mean < 0.69
    assert 0.18 < sd < 0.3


def test_learn_delivery__a_bad_day_for_all_is_weather_not_the_resources() -> None:
    steady = [
        Delivered(f"r{i}", "cooling", FIRST + timedelta(days=d), 100.0, 85.0) for i in range(30) for d in range(12)
    ]
    bad = [Delivered(f"r{i}", "cooling", FIRST + timedelta(days=12), 100.0, 45.0) for i in range(30)]

    before, after = learn_delivery(steady, PRIORS), learn_delivery([*steady, *bad], PRIORS)

    assert after.kinds["cooling"].common_sd > 1.5 * before.kinds["cooling"].common_sd
    assert np.mean(list(after.sd.values())) < 1.1 * np.mean(list(before.sd.values()))


def test_learn_delivery__two_events_of_a_day_share_its_factor() -> None:
    rng = np.random.default_rng(11)
    twice: list[Delivered] = []
    for d in range(60):
        factor = 1.0 + 0.2 * rng.standard_normal()
        for i in range(20):
            for _ in range(2):
                fraction = 0.85 * factor + 0.1 * rng.standard_normal()
                twice.append(Delivered(f"r{i}", "cooling", FIRST + timedelta(days=d), 50.0, 50.0 * float(fraction)))

    outlook = learn_delivery(twice, PRIORS)

    assert outlook.kinds["cooling"].common_sd == pytest.approx(0.2, abs=0.05)
    assert np.mean(list(outlook.sd.values())) == pytest.approx(0.1, rel=0.15)


def test_learn_delivery__tiny_asks_teach_nothing_and_outliers_are_held() -> None:
    tiny = Delivered("r", "cooling", FIRST, 0.1, 50.0)
    stuck = Delivered("r", "cooling", FIRST, 10.0, 1e6)

    assert learn_delivery([tiny], PRIORS) == learn_delivery([], PRIORS)
    held = replace(stuck, verified_kwh=10.0 * HIGHEST_FRACTION)
    assert learn_delivery([stuck], PRIORS) == learn_delivery([held], PRIORS)


def test_learn_delivery__refuses_what_is_no_figure() -> None:
    with pytest.raises(InputError, match=r"delivery of 'r' on 2026-07-01: verified energy nan kWh is not finite"):
        learn_delivery([Delivered("r", "cooling", FIRST, 10.0, float("nan"))], PRIORS)
    with pytest.raises(InputError, match="delivery of 'r': kind 'lighting' has no prior"):
        learn_delivery([Delivered("r", "lighting", FIRST, 10.0, 5.0)], PRIORS)
    with pytest.raises(InputError, match=r"prior mean of delivery is 0.0, expected a number in \(0, 1.5\]"):
        DeliveryPrior(0.0, 0.1, 0.1)
    with pytest.raises(InputError, match="prior common_sd of delivery is inf, expected a finite number >= 0"):
        DeliveryPrior(0.8, 0.1, float("inf"))


def test_spread_kw__own_spreads_in_squares_and_common_factors_in_sums() -> None:
    asked = [
        Asked("cooling", 100.0, 0.8, 0.3),
        Asked("cooling", 50.0, 0.8, 0.8),
        Asked("public_charging", 100.0, 0.5, 0.0),
    ]

    # Own: 30 and 40 kW; cooling together 0.05 x 120 = 6 kW, charging 0.2 x 50 = 10 kW.
    assert spread_kw(asked, {"cooling": 0.05, "public_charging": 0.2}) == pytest.approx((900 + 1600 + 36 + 100) ** 0.5)
    assert spread_kw([], {}) == 0.0


told = st.builds(
    Delivered,
    st.sampled_from(["a", "b", "c"]),
    st.just("cooling"),
    st.integers(0, 5).map(lambda d: FIRST + timedelta(days=d)),
    st.floats(0.0, 500.0),
    st.floats(-1e4, 1e4),
)


@given(st.lists(told, max_size=25), st.randoms(use_true_random=False))
def test_learn_delivery__any_history_gives_usable_figures(history: list[Delivered], shuffle: Random) -> None:
    outlook = learn_delivery(history, PRIORS)
    for resource_id in "abc":
        mean, sd = outlook.of(resource_id, "cooling")
        assert LEAST_MEAN <= mean <= LARGEST_MEAN
        assert 0 < sd < 2.0
    shuffled = list(history)
    shuffle.shuffle(shuffled)
    for kind in PRIORS:
        assert 0 < outlook.kinds[kind].common_sd <= 1.0
    again = learn_delivery(shuffled, PRIORS)
    assert again.kinds == outlook.kinds
    assert again.mean == outlook.mean
