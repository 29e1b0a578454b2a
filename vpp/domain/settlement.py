"""Settlement: from a participant's graded energy to a payment and a statement that can be recomputed by hand.

Tianjin's energy-ratio form (city DR scheme of 2021), with actual energy ``q``, declared energy ``d`` and price ``p``:
``0.2 p q`` below ``0.8 d``, ``p q`` up to ``1.2 d``, and ``p (1.2 d + 0.1 (q - 1.2 d))`` above. Negative energy pays 0
and residential charging is paid ``p q``. The thresholds are the programme's figures.

All arithmetic is ``Decimal``. The payment alone is rounded, once, to 0.01 CNY, half up (四舍五入): a participant checks
a statement with a pocket calculator and expects that rule; at one rounding per statement its bias is below half a fen.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from vpp.domain.errors import InputError
from vpp.domain.fleet import CustomerClass
from vpp.domain.performance import GradedEnergy, MeterResponse, grade, kwh
from vpp.domain.programs import EnergyRatioPayment, Program
from vpp.domain.timegrid import format_instant, trading_day

FEN = Decimal("0.01")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Payment:
    """An amount before rounding, with the rule that gave it.

    Attributes:
        factor: Mean share of the price that the energy earned; ``None`` where no energy was paid.
        rule: Reason code: ``full``, ``low_ratio``, ``excess``, ``exempt``, ``negative``, ``no_energy``, ``not_called``.
    """

    amount_cny: Decimal
    factor: Decimal | None
    rule: str


@dataclass(frozen=True, slots=True)
class StatementInterval:
    """One called interval, summed over the participant's counted meters.

    Attributes:
        meters_counted: Of the ``meters_called``; the three energies are ``None`` where it is 0.
    """

    start: datetime
    meters_called: int
    meters_counted: int
    baseline_kwh: Decimal | None
    metered_kwh: Decimal | None
    response_kwh: Decimal | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What one participant earned on one trading day.

    Attributes:
        version: 1 for the first, higher for corrections; statements are never changed.
        net_kwh: Exact sum of the intervals' responses.
        graded_kwh: The energy that is graded, by the programme's rule for negative intervals.
        payment_cny: Rounded to 0.01.
        reasons: Codes for the payment rule that applied.
        findings: What was left out or assumed, in words.
        uncertainty: How far the baseline may be off, in words.
    """

    version: int
    program_id: str
    event_id: str
    participant_id: str
    day: date
    intervals: tuple[StatementInterval, ...]
    net_kwh: Decimal
    graded_kwh: Decimal
    committed_kwh: Decimal
    ratio: Decimal | None
    factor: Decimal | None
    price_cny_per_kwh: Decimal
    payment_cny: Decimal
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    uncertainty: str


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to settle one participant besides the programme.

    Attributes:
        response: Of the participant's meters only, on one trading day.
        findings: About its baselines, to be carried on the statement.
    """

    event_id: str
    participant_id: str
    customer_class: CustomerClass
    response: MeterResponse
    findings: tuple[str, ...] = ()
    uncertainty: str = ""


def pay_energy_ratio(terms: EnergyRatioPayment, energy: GradedEnergy, customer_class: CustomerClass) -> Payment:
    """The unrounded payment for a day's graded energy.

    Raises:
        MissingFigureError: a figure that this energy needs is unknown.
    """
    price = terms.price_cny_per_kwh.required()
    actual, committed = energy.actual_kwh, energy.committed_kwh
    if actual <= 0:
        return Payment(ZERO, None, "negative" if actual < 0 else "no_energy")
    if customer_class in terms.exempt_classes.required():
        return Payment(price * actual, Decimal(1), "exempt")
    if committed == 0:
        return Payment(ZERO, None, "not_called")
    if actual < terms.low_ratio.required() * committed:
        factor = terms.low_factor.required()
        return Payment(factor * price * actual, factor, "low_ratio")
    full = terms.high_ratio.required() * committed
    if actual <= full:
        return Payment(price * actual, Decimal(1), "full")
    paid_kwh = full + terms.excess_factor.required() * (actual - full)
    return Payment(price * paid_kwh, paid_kwh / actual, "excess")


def settle_participant(program: Program, account: Account, *, version: int = 1) -> Statement:
    """The statement of one participant for one trading day.

    Raises:
        MissingFigureError: the programme lacks a figure; names it.
        InputError: the intervals are not of one trading day, or the programme does not hold for the day or direction.
    """
    response = account.response
    day = _only_day(account)
    program.require_direction(response.direction)
    program.require_valid_on(day)
    price = program.payment.price_cny_per_kwh.required()
    energy = grade(response, program.payment.count_negative.required())
    payment = pay_energy_ratio(program.payment, energy, account.customer_class)
    return Statement(
        version,
        program.id,
        account.event_id,
        account.participant_id,
        day,
        _intervals(response),
        energy.net_kwh,
        energy.actual_kwh,
        energy.committed_kwh,
        energy.ratio,
        payment.factor,
        price,
        payment.amount_cny.quantize(FEN, ROUND_HALF_UP),
        (payment.rule,),
        (*account.findings, *response.findings(), *_price_findings(program)),
        account.uncertainty,
    )


def void_event(statements: Iterable[Statement], terms: EnergyRatioPayment) -> tuple[Statement, ...]:
    """A participant's days of one multi-day valley-filling event, unpaid throughout where the first one voids it.

    Raises:
        MissingFigureError: the void ratio is unknown.
    """
    days = sorted(statements, key=lambda statement: statement.day)
    ratio = days[0].ratio if days else None
    if ratio is None or ratio >= terms.first_day_void_ratio.required():
        return tuple(days)
    return tuple(_voided(statement) for statement in days)


def district_net_kwh(statements: Iterable[Statement]) -> Decimal:
    """Exact sum of the participants' net energy."""
    return sum((statement.net_kwh for statement in statements), ZERO)


def statement_bytes(statement: Statement) -> bytes:
    """The statement in canonical form: UTF-8 JSON, keys sorted, no spaces, decimals as plain text, a final newline."""
    document = {field.name: _canonical(getattr(statement, field.name)) for field in fields(statement)}
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def _canonical(value: object) -> object:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return format_instant(value)
        case date():
            return value.isoformat()
        case StatementInterval():
            return {field.name: _canonical(getattr(value, field.name)) for field in fields(value)}
        case tuple():
            return [_canonical(item) for item in value]
        case _:
            return value


def _only_day(account: Account) -> date:
    days = {trading_day(start) for start in account.response.grid}
    if len(days) != 1:
        raise InputError(
            f"participant {account.participant_id!r}, event {account.event_id!r}: "
            f"intervals of {len(days)} trading days, expected one; each day has its own statement"
        )
    return days.pop()


def _intervals(response: MeterResponse) -> tuple[StatementInterval, ...]:
    graded = response.graded
    intervals: list[StatementInterval] = []
    for at, start in enumerate(response.grid):
        called = int(response.called[:, at].sum())
        rows = np.flatnonzero(graded[:, at])
        if not called:
            continue
        sums = (
            [
                kwh(int(watts[rows, at].sum()))
                for watts in (response.baseline_w, response.metered_w, response.response_w)
            ]
            if rows.size
            else [None, None, None]
        )
        intervals.append(StatementInterval(start, called, int(rows.size), *sums))
    return tuple(intervals)


def _price_findings(program: Program) -> tuple[str, ...]:
    price = program.payment.price_cny_per_kwh
    return (f"price {price.required():f} CNY/kWh is {price.confidence.value}: {price.source}",)


def _voided(statement: Statement) -> Statement:
    return replace(
        statement, factor=ZERO, payment_cny=ZERO.quantize(FEN), reasons=(*statement.reasons, "first_day_void")
    )
