from decimal import Decimal

import pytest

from vpp.reporting import figures


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1234567.891, 1, "1,234,567.9"),
        (-0.4, 1, "\N{MINUS SIGN}0.4"),
        (-0.001, 1, "0.0"),
        (0, 2, "0.00"),
        ("187113.26", 2, "187,113.26"),
        (Decimal("0.125"), 2, "0.12"),
        (1e300, 0, f"{10**300:,}"),
    ],
)
def test_number__shown(value: object, digits: int, shown: str) -> None:
    assert figures.number(value, digits) == shown


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "NaN", "abc", "", True, [1.0], object()])
def test_number__unknown_is_a_dash_and_never_zero(value: object) -> None:
    assert figures.number(value, 2) == "–"
    assert figures.percent(value) == "–"
    assert figures.percent_floor(value) == "–"


def test_percent_floor__attainment_is_never_rounded_up() -> None:
    assert figures.percent_floor(4.99999) == "4.99\N{NO-BREAK SPACE}%"
    assert figures.percent_floor(5.0) == "5.00\N{NO-BREAK SPACE}%"


def test_power_unit__a_gap_never_reads_as_nothing() -> None:
    unit = figures.power_unit([50_000.0, None, float("nan")])

    assert (unit.name, unit.show(49_994.0), unit.show(None), unit.show_gap(1.0)) == ("MW", "49.99", "–", "0.01")


def test_power_unit__small_portfolios_are_shown_in_kw() -> None:
    unit = figures.power_unit([1999.0, -300.0])

    assert (unit.name, unit.show(1999.0)) == ("kW", "1,999.0")


def test_mean__leaves_gaps_out() -> None:
    assert figures.mean([1.0, None, float("nan"), 3.0]) == 2.0
    assert figures.mean([None]) is None
    assert figures.mean("12") is None


def test_instant__is_read_in_the_district_zone() -> None:
    assert figures.instant("2026-07-22T16:30:00Z") == "2026-07-23 00:30"
    assert figures.span("2026-07-22T06:00:00Z") == "14:00–14:15"


@pytest.mark.parametrize("value", [None, "2026-07-22T06:00:00", 1, "soon"])
def test_instant__without_a_zone_is_a_dash(value: object) -> None:
    assert figures.instant(value) == "–"
    assert figures.span(value) == "–"
