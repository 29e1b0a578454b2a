from datetime import UTC, datetime
from decimal import Decimal

from vpp.portal import formats

NBSP = "\N{NO-BREAK SPACE}"


def test_instant__is_beijing_time_with_its_date() -> None:
    assert formats.instant(datetime(2026, 7, 22, 16, 30, tzinfo=UTC)) == "2026-07-23 00:30"
    assert formats.instant(None) == "–"


def test_window__names_the_second_date_only_where_it_differs() -> None:
    start = datetime(2026, 7, 22, 15, 0, tzinfo=UTC)

    assert formats.window(start, datetime(2026, 7, 22, 15, 45, tzinfo=UTC)) == "2026-07-22 23:00–23:45"
    assert formats.window(start, datetime(2026, 7, 22, 16, 15, tzinfo=UTC)) == "2026-07-22 23:00–2026-07-23 00:15"


def test_power__has_its_unit_and_is_a_dash_when_unknown() -> None:
    assert formats.megawatts(3456.7) == f"3.46{NBSP}MW"
    assert formats.kilowatts(1234.56) == f"1,234.6{NBSP}kW"
    assert formats.megawatts(None) == formats.kilowatts(float("nan")) == "–"


def test_megawatts_reached__is_cut_off_so_that_a_miss_never_reads_as_the_target() -> None:
    assert formats.megawatts_reached(2999.9) == f"2.99{NBSP}MW"
    assert formats.megawatts_reached_plain(2999.9) == "2.99"


def test_megawatts_short__never_reads_as_nothing() -> None:
    assert formats.megawatts_short(0.4) == f"0.01{NBSP}MW"
    assert formats.megawatts_short(None) == "–"


def test_kilowatt_hours__has_three_decimals_as_statements_are_that_fine() -> None:
    assert formats.kilowatt_hours(Decimal("88.01175")) == f"88.012{NBSP}kWh"


def test_whole__is_escaped_within_its_mark() -> None:
    assert formats.whole("<b>") == '<span class="whole">&lt;b&gt;</span>'


def test_money__has_two_decimals_and_stays_exact() -> None:
    assert formats.money(Decimal("1234567890123456.70")) == f"¥{NBSP}1,234,567,890,123,456.70"
    assert formats.money(None) == "–"
