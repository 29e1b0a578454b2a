"""The live picture: minutes land once, in their place."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.domain.event_samples import START
from vpp.domain.live import KEPT_MINUTES, LivePicture, minute_of
from vpp.domain.telemetry import Quality, Reading

MINUTE = timedelta(minutes=1)


def reading(minute: int, power_kw: float, meter: str = "a", quality: Quality = Quality.GOOD) -> Reading:
    return Reading(meter, START + minute * MINUTE, power_kw, 0, quality)


def mean(picture: LivePicture, first: int, last: int) -> tuple[list[float], list[bool]]:
    power, good = picture.mean_kw(START + first * MINUTE, START + last * MINUTE)
    return [round(float(x), 9) for x in power], good.tolist()


def test_mean_kw__covers_the_minutes_that_end_inside() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(0, 1000.0), reading(1, 10.0), reading(2, 20.0), reading(3, 30.0), reading(4, 1000.0)])

    assert mean(picture, 0, 3) == ([20.0], [True])
    assert picture.latest == START + 4 * MINUTE


def test_mean_kw__nothing_is_nan_and_not_good() -> None:
    power, good = LivePicture(["a"]).mean_kw(START, START + 5 * MINUTE)

    assert np.isnan(power).all()
    assert not good.any()


def test_add__duplicates_change_nothing() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(1, 10.0), reading(1, 10.0), reading(2, 20.0)])
    picture.add([reading(1, 10.0)])

    assert mean(picture, 0, 2) == ([15.0], [True])


def test_add__late_readings_fill_their_own_minute() -> None:
    picture = LivePicture(["a", "b"])
    picture.add([reading(1, 10.0), reading(3, 30.0), reading(3, 5.0, "b")])
    picture.add([reading(2, 50.0)])

    assert mean(picture, 0, 3) == ([30.0, 5.0], [True, True])
    assert picture.latest == START + 3 * MINUTE


def test_add__older_than_the_ring_is_passed_over() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(KEPT_MINUTES + 1, 10.0)])
    picture.add([reading(1, 999.0)])

    assert mean(picture, KEPT_MINUTES, KEPT_MINUTES + 1) == ([10.0], [True])
    assert np.isnan(picture.mean_kw(START, START + MINUTE)[0]).all()


def test_add__the_ring_wraps_without_leftovers() -> None:
    picture = LivePicture(["a", "b"])
    picture.add([reading(1, 10.0), reading(1, 7.0, "b")])
    picture.add([reading(KEPT_MINUTES + 1, 20.0)])

    power, good = picture.mean_kw(START + KEPT_MINUTES * MINUTE, START + (KEPT_MINUTES + 1) * MINUTE)

    assert power[0] == 20.0
    assert np.isnan(power[1])
    assert good.tolist() == [True, False]


def test_add__other_meters_are_passed_over() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(1, 10.0, "z")])

    assert picture.latest is None


def test_add__a_missing_reading_counts_for_nothing() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(1, 10.0), reading(2, 0.0, quality=Quality.MISSING)])

    assert mean(picture, 0, 2) == ([10.0], [True])


def test_add__one_suspect_minute_spoils_the_mean() -> None:
    picture = LivePicture(["a"])
    picture.add([reading(1, 10.0), reading(2, 20.0, quality=Quality.SUSPECT)])

    assert mean(picture, 0, 2) == ([15.0], [False])
    assert mean(picture, 0, 1) == ([10.0], [True])


def test_minute_of__floors() -> None:
    assert minute_of(START + timedelta(seconds=59)) == minute_of(START)


@given(st.permutations(range(1, 11)), st.integers(0, 9))
def test_add__order_and_repeats_do_not_matter(order: list[int], again: int) -> None:
    picture = LivePicture(["a"])
    picture.add(reading(m, float(m)) for m in [*order, order[again]])

    assert mean(picture, 0, 10) == ([5.5], [True])
