"""Settling: statements from measured energy and the programme; the same readings always give the same bytes."""

import hashlib
from collections.abc import Sequence

from vpp.domain.book import EventRecord
from vpp.domain.errors import InvariantError
from vpp.domain.events import EventKind, EventStep
from vpp.domain.facts import DeliveryVerified, EventAdvanced, StatementsIssued
from vpp.domain.performance import MeterResponse, kwh
from vpp.domain.settlement import Account, Statement, district_net_kwh, settle_participant, statement_bytes
from vpp.ports import Clock
from vpp.services.intake import Intake
from vpp.services.measuring import Measured, Measuring
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.tracking import Tracking

UNCERTAINTY = (
    "one site in one event is off by 10-13 % of its load at the 90th percentile (measured on real meters); "
    "the district's sum is what the programme can rely on"
)


class Settling:
    """Draws up statements."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        intake: Intake,
        measuring: Measuring,
        *,
        clock: Clock,
        recovery_intervals: int,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._intake = intake
        self._measuring = measuring
        self._clock = clock
        self._recovery_intervals = recovery_intervals

    async def measure(self, event_id: str) -> Measured:
        """The event's final figures."""
        record = self._recorder.book.event(event_id)
        return await self._measuring.measure(
            event_id,
            recovery_intervals=self._recovery_intervals,
            committed_kw=Tracking.committed_kw(record),
        )

    async def statements(self, event_id: str) -> tuple[Statement, ...]:
        """Statements of all called participants, ordered by participant; recomputed from raw readings every time.

        Raises:
            MissingFigureError: the programme lacks a figure; nothing is settled.
        """
        record = self._recorder.book.event(event_id)
        if record.baselines is None:
            return ()
        return self.statements_of(record, await self.measure(event_id))

    def statements_of(self, record: EventRecord, measured: Measured) -> tuple[Statement, ...]:
        """Statements from measured figures."""
        program = self._intake.program(record.declaration.program_id)
        fleet = self._registry.fleet
        meters: dict[str, list[str]] = {}
        for resource_id in measured.called:
            meters.setdefault(fleet.participant_of(resource_id).id, []).append(resource_id)
        return tuple(
            settle_participant(program, self._account(record, measured, participant_id, meters[participant_id]))
            for participant_id in sorted(meters)
        )

    def _account(self, record: EventRecord, measured: Measured, participant_id: str, meters: Sequence[str]) -> Account:
        if record.baselines is None:
            raise InvariantError(f"event {record.declaration.event_id!r} is settled without baselines")
        findings = tuple(
            f"{meter_id}: {finding}" for meter_id in meters for finding in record.baselines.findings.get(meter_id, ())
        )
        return Account(
            record.declaration.event_id,
            participant_id,
            self._registry.fleet.participants[participant_id].customer_class,
            measured.response.of(meters),
            findings,
            UNCERTAINTY,
        )

    async def settle(self, event_id: str) -> None:
        """Records what was delivered and the statements' digest, and ends the event.

        A drill teaches as well, is certified and never settled.
        """
        record = self._recorder.book.event(event_id)
        now = self._clock.now()
        measured = None if record.baselines is None else await self.measure(event_id)
        verified = None
        if measured is not None and record.verified is None:
            asked_kwh, verified_kwh = delivered_kwh(measured.response)
            verified = DeliveryVerified(at=now, event_id=event_id, asked_kwh=asked_kwh, verified_kwh=verified_kwh)
        if record.declaration.kind is EventKind.DRILL:
            await self._record_verified(verified)
            await self._recorder.record(EventAdvanced(at=now, event_id=event_id, step=EventStep.CERTIFY))
            return
        statements = () if measured is None else self.statements_of(record, measured)
        payment = sum(statement.payment_cny for statement in statements)
        issued = StatementsIssued(
            at=now,
            event_id=event_id,
            version=1,
            provisional=False,
            digest=statements_digest(statements),
            total_response_kwh=f"{district_net_kwh(statements):f}",
            total_payment_cny=f"{payment:.2f}",
        )
        settled = EventAdvanced(at=now, event_id=event_id, step=EventStep.SETTLE)
        await self._record_verified(verified)
        if not record.statements:
            await self._recorder.record(issued)
        await self._recorder.record(settled)

    async def _record_verified(self, verified: DeliveryVerified | None) -> None:
        """Kept once, also where a stop has come between it and the statements."""
        if verified is not None:
            await self._recorder.record(verified)


def delivered_kwh(response: MeterResponse) -> tuple[dict[str, float], dict[str, float]]:
    """Energy asked and verified per meter with a graded interval, kWh over these intervals."""
    graded = response.graded
    rows = [row for row in range(len(response.meter_ids)) if graded[row].any()]
    asked = {response.meter_ids[row]: float(kwh(int(response.committed_w[row, graded[row]].sum()))) for row in rows}
    given = {response.meter_ids[row]: float(kwh(int(response.response_w[row, graded[row]].sum()))) for row in rows}
    return asked, given


def statements_digest(statements: Sequence[Statement]) -> str:
    """SHA-256 (hex) over the canonical bytes of all statements."""
    return hashlib.sha256(b"".join(statement_bytes(statement) for statement in statements)).hexdigest()
