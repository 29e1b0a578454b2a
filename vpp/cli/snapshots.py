"""One moment of a running controller, as the terminal shows it."""

from vpp.bootstrap import Controller
from vpp.cli.live_view import IntervalFigures, LiveSnapshot
from vpp.domain.book import EventRecord
from vpp.domain.timegrid import DISTRICT_ZONE
from vpp.services.tracking import Present


def live_snapshot(controller: Controller, *, speed: float | None, done_fraction: float | None) -> LiveSnapshot:
    """The newest event with the figures of the running interval, or of none."""
    now = controller.clock.now()
    book = controller.recorder.book
    record = next(reversed(book.events.values()), None)
    present = controller.tracking.present(record, now) if record else None
    return LiveSnapshot(
        now=now,
        event_id=record.declaration.event_id if record else "–",
        event_state=record.state.value if record else "waiting",
        interval=_figures(present) if present else None,
        by_kind_kw=present.by_kind_kw if present else {},
        gateways_online=sum(book.gateways_online.values()),
        gateways_total=len(controller.registry.fleet.by_gateway),
        facts=_facts(record) if record else (),
        speed=speed,
        done_fraction=done_fraction,
    )


def _figures(present: Present) -> IntervalFigures:
    return IntervalFigures(
        start=present.interval,
        target_kw=present.target_kw,
        committed_kw=present.committed_kw,
        commanded_kw=present.commanded_kw,
        acknowledged_kw=present.acknowledged_kw,
        metered_kw=present.metered_kw,
        verified_kw=present.verified_kw,
    )


def _facts(record: EventRecord) -> tuple[str, ...]:
    """States and revisions so far, oldest first."""
    lines = [(at, f"event {state.value}") for state, at in record.states]
    lines += [
        (plan.at, f"revision {plan.revision}: {plan.reason} ({len(plan.response_kw)} resources, {plan.source})")
        for plan in record.plans
    ]
    return tuple(f"{at.astimezone(DISTRICT_ZONE):%H:%M} {text}" for at, text in sorted(lines))
