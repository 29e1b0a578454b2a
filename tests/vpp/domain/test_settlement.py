"""Payment and statements: the published check values, a participant worked by hand, exact totals."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.domain.program_samples import positive_only, sample_program, sample_terms
from vpp.domain.errors import InputError, MissingFigureError
from vpp.domain.events import Direction
from vpp.domain.fleet import CustomerClass
from vpp.domain.load_history import Floats
from vpp.domain.performance import Delivery, GradedEnergy, MeterResponse, measure_response
from vpp.domain.programs import Program
from vpp.domain.settlement import (
    Account,
    Statement,
    StatementInterval,
    district_net_kwh,
    pay_energy_ratio,
    settle_participant,
    statement_bytes,
    void_event,
)
from vpp.domain.timegrid import TimeGrid

GRID = TimeGrid(datetime(2026, 7, 20, 6, tzinfo=UTC), 4)  # 14:00-15:00 in the district
NAN = float("nan")


def energy(actual: str, committed: str = "100") -> GradedEnergy:
    ratio = Decimal(actual) / Decimal(committed) if Decimal(committed) else None
    return GradedEnergy(Decimal(actual), Decimal(actual), Decimal(committed), ratio)


def response(
    baseline_kw: Floats, metered_wh: Floats, committed_kw: float = 25.0, grid: TimeGrid = GRID
) -> MeterResponse:
    shape = baseline_kw.shape
    ids = tuple(f"m{i}" for i in range(shape[0]))
    called = np.full(shape, fill_value=True)
    return measure_response(
        Delivery(ids, grid, baseline_kw, metered_wh, np.full(shape, committed_kw), called), Direction.CURTAIL
    )


def account(measured: MeterResponse, customer_class: CustomerClass = CustomerClass.INDUSTRY) -> Account:
    return Account("event-1", "factory-1", customer_class, measured)


def settle(
    program: Program, metered_wh: list[float], customer_class: CustomerClass = CustomerClass.INDUSTRY
) -> Statement:
    measured = response(np.full((1, 4), 100.0), np.array([metered_wh]))
    return settle_participant(program, account(measured, customer_class))


@pytest.mark.parametrize(
    ("actual", "amount", "rule"),
    [
        # declared 100 kWh at 1 CNY/kWh
        ("50", "10.0", "low_ratio"),  # 0.2 x 50
        ("79", "15.8", "low_ratio"),  # 0.2 x 79
        ("79.99975", "15.99995", "low_ratio"),  # a quarter watt-hour below the step
        ("80", "80", "full"),
        ("100", "100", "full"),
        ("120", "120", "full"),
        ("150", "123", "excess"),  # 120 + 0.1 x 30
        ("0", "0", "no_energy"),
        ("-30", "0", "negative"),
    ],
)
def test_pay_energy_ratio__check_values(actual: str, amount: str, rule: str) -> None:
    payment = pay_energy_ratio(sample_terms(), energy(actual), CustomerClass.INDUSTRY)

    assert payment.amount_cny == Decimal(amount)
    assert payment.rule == rule


def test_pay_energy_ratio__excess_factor_is_the_mean_share() -> None:
    assert pay_energy_ratio(sample_terms(), energy("150"), CustomerClass.INDUSTRY).factor == Decimal("0.82")


def test_pay_energy_ratio__residential_charging_has_no_factor() -> None:
    payment = pay_energy_ratio(sample_terms("1.2"), energy("50"), CustomerClass.RESIDENTIAL_CHARGING)

    assert payment.amount_cny == Decimal(60)
    assert payment.rule == "exempt"


def test_pay_energy_ratio__residential_charging_is_not_charged_for_negative_energy() -> None:
    payment = pay_energy_ratio(sample_terms(), energy("-5"), CustomerClass.RESIDENTIAL_CHARGING)

    assert payment.amount_cny == 0


def test_pay_energy_ratio__energy_that_nobody_called_is_not_paid() -> None:
    payment = pay_energy_ratio(sample_terms(), energy("50", "0"), CustomerClass.INDUSTRY)

    assert (payment.amount_cny, payment.rule) == (Decimal(0), "not_called")


@given(st.integers(0, 800_000), st.integers(1, 400_000))
def test_pay_energy_ratio__never_pays_more_than_the_price_of_what_was_delivered(actual: int, committed: int) -> None:
    delivered = Decimal(actual) / 4000
    graded = GradedEnergy(delivered, delivered, Decimal(committed) / 4000, None)

    payment = pay_energy_ratio(sample_terms("1.37"), graded, CustomerClass.COMMERCE)

    assert 0 <= payment.amount_cny <= Decimal("1.37") * delivered


def test_settle_participant__golden() -> None:
    # Baseline 100 kW = 25 kWh a quarter. Metered 19.001, 20, 18.5, 20.25 kWh, so the response is
    # 5.999 + 5 + 6.5 + 4.75 = 22.249 kWh against 25 kW x 1 h = 25 kWh: r = 0.88996, paid in full.
    # 22.249 kWh x 1.37 CNY/kWh = 30.48113 CNY, on the statement 30.48.
    statement = settle(sample_program("1.37"), [19001, 20000, 18500, 20250])

    assert statement.net_kwh == statement.graded_kwh == Decimal("22.249")
    assert statement.committed_kwh == Decimal(25)
    assert statement.ratio == Decimal("0.88996")
    assert statement.payment_cny == Decimal("30.48")
    assert statement.day == date(2026, 7, 20)
    assert statement.reasons == ("full",)
    assert statement.findings == ("price 1.37 CNY/kWh is assumed: a test",)
    assert statement.intervals[0] == StatementInterval(
        GRID.start, 1, 1, Decimal(25), Decimal("19.001"), Decimal("5.999")
    )


def test_settle_participant__rounds_half_up_once() -> None:
    # 4 x 6.25 kWh = 25 kWh at 0.0002 CNY/kWh = 0.005 CNY: half up gives 0.01 (half to even would give 0.00).
    statement = settle(sample_program("0.0002"), [18750, 18750, 18750, 18750])

    assert statement.payment_cny == Decimal("0.01")


def test_settle_participant__negative_energy_pays_nothing() -> None:
    statement = settle(sample_program(), [26000, 26000, 26000, 26000])

    assert statement.net_kwh == Decimal(-4)
    assert statement.payment_cny == Decimal("0.00")
    assert statement.reasons == ("negative",)


def test_settle_participant__switch_for_negative_intervals() -> None:
    metered: list[float] = [15000, 15000, 30000, 15000]  # +10 +10 -5 +10 kWh

    net = settle(sample_program(), metered)
    positive = settle(positive_only(sample_program()), metered)

    assert (net.graded_kwh, positive.graded_kwh) == (Decimal(25), Decimal(30))
    assert net.net_kwh == positive.net_kwh == Decimal(25)


def test_settle_participant__interval_without_reading_shows_nothing_rather_than_zero() -> None:
    statement = settle(sample_program(), [18750, NAN, 18750, 18750])

    assert statement.intervals[1] == StatementInterval(GRID.start + (GRID.end - GRID.start) / 4, 1, 0, None, None, None)
    assert statement.committed_kwh == Decimal("18.75")
    assert statement.findings[0] == "m0: 1 of 4 called intervals have no good register pair"


def test_settle_participant__without_price_names_programme_and_key() -> None:
    with pytest.raises(MissingFigureError, match=r"programme 'sample' has no value for 'payment\.price_cny_per_kwh'"):
        settle(sample_program(None), [0, 0, 0, 0])


def test_settle_participant__refuses_two_trading_days() -> None:
    grid = TimeGrid(datetime(2026, 7, 20, 15, 30, tzinfo=UTC), 4)  # 23:30-00:30 in the district
    measured = response(np.full((1, 4), 1.0), np.zeros((1, 4)), grid=grid)

    with pytest.raises(InputError, match=r"'factory-1', event 'event-1': intervals of 2 trading days, expected one"):
        settle_participant(sample_program(), account(measured))


def test_settle_participant__refuses_a_direction_of_another_programme() -> None:
    delivery = Delivery(
        ("m0",), GRID, np.ones((1, 4)), np.zeros((1, 4)), np.ones((1, 4)), np.full((1, 4), fill_value=True)
    )
    measured = measure_response(delivery, Direction.FILL)

    with pytest.raises(InputError, match="programme 'sample' cannot be called for 'fill', only for: curtail"):
        settle_participant(sample_program(), account(measured))


def test_settle_participant__refuses_a_day_outside_the_programme() -> None:
    program = replace(sample_program(), valid_to=date(2026, 7, 19))

    with pytest.raises(InputError, match="'sample' is valid from ever to 2026-07-19, not on 2026-07-20"):
        settle(program, [0, 0, 0, 0])


def test_void_event__a_poor_first_day_voids_all_days() -> None:
    poor = settle(sample_program(), [24000, 24000, 24000, 24000])  # 4 of 25 kWh
    good = replace(settle(sample_program(), [18750] * 4), day=date(2026, 7, 21))

    voided = void_event([good, poor], sample_terms())

    assert [statement.payment_cny for statement in voided] == [Decimal("0.00"), Decimal("0.00")]
    assert voided[1].reasons == ("full", "first_day_void")


def test_void_event__a_fair_first_day_changes_nothing() -> None:
    good = settle(sample_program(), [18750] * 4)

    assert void_event([good], sample_terms()) == (good,)


def test_statement_bytes__canonical_and_equal_on_a_second_run() -> None:
    metered: list[float] = [19001, NAN, 18500, 20250]

    first = statement_bytes(settle(sample_program("1.37"), metered))
    second = statement_bytes(settle(sample_program("1.37"), metered))

    assert first == second
    assert first.endswith(b"}\n")
    document = json.loads(first)
    assert list(document) == sorted(document)
    assert document["payment_cny"] == "23.63"  # 17.249 kWh x 1.37 = 23.63113
    assert document["intervals"][1]["response_kwh"] is None
    assert document["intervals"][0]["start"] == "2026-07-20T06:00:00Z"


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.5),
)
def test_district_net_kwh__is_exactly_the_sum_over_all_meters(meters: list[int], seed: int, lost: float) -> None:
    generator = np.random.default_rng(seed)
    shape = (sum(meters), 4)
    metered_wh = generator.integers(-50_000, 200_000, shape).astype(np.float64)
    metered_wh[generator.random(shape) < lost] = np.nan
    district = response(generator.random(shape) * 777.7, metered_wh)
    ends = np.cumsum([0, *meters])

    statements = [
        settle_participant(
            sample_program(),
            Account("e", f"p{i}", CustomerClass.COMMERCE, district.of(district.meter_ids[ends[i] : ends[i + 1]])),
        )
        for i in range(len(meters))
    ]

    assert district_net_kwh(statements) == district.net_kwh
    for statement in statements:
        shown = sum(interval.response_kwh or Decimal(0) for interval in statement.intervals)
        assert shown == statement.net_kwh
