"""Promises that every finished event must keep, checked from the book as an auditor would."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np

from vpp.domain.book import Book, EventRecord
from vpp.domain.outcome import MATERIAL_KW, commanded_kw
from vpp.domain.settlement import Statement, district_net_kwh
from vpp.services.measuring import Measured
from vpp.services.registry import Registry

TOLERANCE_KW = 0.002


def invariants(
    book: Book, record: EventRecord, registry: Registry, statements: Sequence[Statement], measured: Measured
) -> dict[str, str]:
    """``ok`` or a sentence, by the promise's name."""
    return {
        "protected_never_called": _protected(record, registry),
        "only_committed_called": _committed(record),
        "bids_never_exceeded": _bids(record, registry),
        "setpoints_within_rating": _ratings(record, registry),
        "commands_ordered": _ordered(record),
        "acknowledged_not_above_commanded": _acknowledged(measured),
        "verified_not_above_metered_where_good": _verified(measured),
        "statements_sum_to_district": _sum(statements, measured),
        "states_follow_the_table": "ok" if record.states else "no state",
        "epoch_known": "ok" if book.epoch > 0 else "the controller has no epoch",
    }


def _protected(record: EventRecord, registry: Registry) -> str:
    called = [r for r, asked in commanded_kw(record).items() if asked.max(initial=0.0) > MATERIAL_KW]
    wrong = [r for r in called if registry.why_not(r)]
    return f"{wrong[0]!r} was called" if wrong else "ok"


def _committed(record: EventRecord) -> str:
    allowed = set(record.commitment.resource_ids) if record.commitment else set()
    strangers = set(record.commands) - allowed
    return f"{min(strangers)!r} was commanded without having been committed" if strangers else "ok"


def _bids(record: EventRecord, registry: Registry) -> str:
    """Setpoints are rounded to the watt, one resource at a time."""
    for participant_id in record.replies:
        bid_kw = record.bid_kw(participant_id)
        own = registry.fleet.by_participant.get(participant_id, ())
        asked = [kw for resource_id, kw in commanded_kw(record).items() if resource_id in own]
        if bid_kw is None or not asked:
            continue
        most_kw = float(np.sum(asked, axis=0).max())
        if most_kw > bid_kw + TOLERANCE_KW * len(asked):
            return f"{participant_id!r} bid {bid_kw:g} kW and was asked for {most_kw:g} kW"
    return "ok"


def _ratings(record: EventRecord, registry: Registry) -> str:
    for resource_id, history in record.commands.items():
        rated_kw = registry.fleet.resource(resource_id).rated_kw
        for issued in history:
            for setpoint_kw in issued.command.setpoints_kw:
                if abs(setpoint_kw) > rated_kw + TOLERANCE_KW:
                    return f"{resource_id!r}: setpoint {setpoint_kw} kW beyond its rating of {rated_kw} kW"
    return "ok"


def _ordered(record: EventRecord) -> str:
    for resource_id, history in record.commands.items():
        orders = [issued.command.order for issued in history]
        if any(later <= earlier for earlier, later in pairwise(orders)):
            return f"{resource_id!r}: commands out of order"
    return "ok"


def _acknowledged(measured: Measured) -> str:
    figures = measured.waterfall
    return "ok" if (figures.acknowledged_kw <= figures.commanded_kw + TOLERANCE_KW).all() else "more acked than asked"


def _verified(measured: Measured) -> str:
    lost = ~measured.good
    figures = measured.waterfall
    same = abs(figures.metered_kw - figures.verified_kw) <= TOLERANCE_KW
    return "ok" if (same | lost.any(axis=0)).all() else "verified differs from metered where all readings are good"


def _sum(statements: Sequence[Statement], measured: Measured) -> str:
    total: Decimal = district_net_kwh(statements)
    district = measured.response.net_kwh
    return "ok" if total == district else f"statements add up to {total} kWh, the district to {district} kWh"
