"""The liaison with a higher-level platform: its calls become drafts, and it is told what became of them.

Nothing is decided here. A call is declared as an operator would declare it, under the same rules; a person approves it.
What was said is in the ledger: a call is never taken for two, and after a restart what is still to be told is told.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta

from vpp.domain.book import EventRecord
from vpp.domain.errors import InputError, StoreError, UpstreamError
from vpp.domain.events import EventState
from vpp.domain.facts import UpstreamCallReceived, UpstreamTold
from vpp.domain.timegrid import INTERVAL
from vpp.domain.upstream import CallStatus, Confirmation, CurvePoint, Delivery, ResponseCurve, UpstreamCall
from vpp.ports import Clock, Metrics, Upstream
from vpp.services.intake import Intake
from vpp.services.recorder import Recorder
from vpp.services.settling import Settling

CYCLE = timedelta(minutes=1)
AFTER_CYCLE = timedelta(seconds=40)
"""Behind the full minute, when the runner has stored the minute's readings and taken its steps."""
CURVE_AFTER = timedelta(minutes=1)
"""An interval is reported once its last minute can be in the archive."""


class Liaison:
    """Receives calls, confirms them and reports what they delivered."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        upstream: Upstream,
        recorder: Recorder,
        intake: Intake,
        settling: Settling,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._upstream = upstream
        self._recorder = recorder
        self._intake = intake
        self._settling = settling
        self._clock = clock
        self._metrics = metrics

    @property
    def name(self) -> str:
        """What the platform's connection is called."""
        return self._upstream.name

    async def run(self) -> None:
        """Cycles for ever, once a minute."""
        while True:
            await self.cycle()
            now = self._clock.now()
            behind = now.replace(second=0, microsecond=0) + AFTER_CYCLE
            await self._clock.sleep_until(behind if behind > now else behind + CYCLE)

    async def cycle(self) -> None:
        """Takes what waits and tells what is new; what fails is tried again in the next cycle.

        Whatever a platform sends, the controller's other tasks end when this one does: no error of it may end this one.
        """
        try:
            for delivery in await self._upstream.receive():
                await self._alone(self._take(delivery), delivery=delivery.ref)
            for fact in list(self._recorder.book.upstream_calls.values()):
                if fact.upstream == self.name:
                    await self._alone(self._tell(fact), call=fact.call_id)
        except (UpstreamError, StoreError) as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - the supervisor: counts, logs and tries again
            self._failed(f"{type(error).__name__}: {error}")

    async def _alone(self, work: Awaitable[None], **what: str) -> None:
        """Does ``work``; an error of its own does not stop the rest of the cycle, a lost store or platform does."""
        try:
            await work
        except (UpstreamError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - the supervisor: counts, logs and goes on with the next
            self._failed(f"{type(error).__name__}: {error}", **what)

    def _failed(self, reason: str, **what: str) -> None:
        self._metrics.count("upstream_failures")
        self._metrics.note("upstream: failed, to be tried again", upstream=self.name, reason=reason, **what)

    async def _take(self, delivery: Delivery) -> None:
        """On disk first, then off the platform's list."""
        for call in delivery.calls:
            known = self._recorder.book.upstream_calls.get((self.name, call.call_id))
            if known is None:
                await self._declare(call)
            elif known.digest != call.digest:
                await self._upstream.confirm(
                    Confirmation(
                        call_id=call.call_id,
                        status=CallStatus.CONFLICT,
                        at=known.at,
                        event_id=known.event_id,
                        message=f"call id {call.call_id!r} stands for another call already, which is left as it is",
                    )
                )
        await self._upstream.take(delivery)

    async def _declare(self, call: UpstreamCall) -> None:
        """Makes the call a draft, or writes down why it is none.

        A draft without its receipt is what a stop between the two leaves behind; it is ours and only lacks the receipt.
        """
        refused = ""
        try:
            declaration = call.declaration(self.name)
            drafted = self._recorder.book.events.get(call.event_id)
            if drafted is None or drafted.declaration != declaration:
                await self._intake.declare(declaration)
        except InputError as error:
            refused = str(error)
        self._metrics.count("upstream_calls", refused=str(bool(refused)))
        await self._recorder.record(
            UpstreamCallReceived(
                at=self._clock.now(),
                event_id=None if refused else call.event_id,
                upstream=self.name,
                call_id=call.call_id,
                digest=call.digest,
                refused=refused,
            )
        )

    async def _tell(self, fact: UpstreamCallReceived) -> None:
        told = self._recorder.book.upstream_told.get((self.name, fact.call_id), [])
        if fact.event_id is None:
            await self._confirm(fact, told, CallStatus.REFUSED, fact.at, fact.refused)
            return
        record = self._recorder.book.event(fact.event_id)
        await self._confirm(fact, told, CallStatus.RECEIVED, fact.at, "")
        for status, at, message in milestones(record):
            await self._confirm(fact, told, status, at, message)
        if record.state in (EventState.SETTLED, EventState.CERTIFIED):
            if "curve-final" not in told:
                await self._report(fact, record, len(record.grid), final=True)
        elif (ended := self._ended(record)) and f"curve-{ended}" not in told:
            await self._report(fact, record, ended, final=False)

    async def _confirm(
        self, fact: UpstreamCallReceived, told: list[str], status: CallStatus, at: datetime, message: str
    ) -> None:
        if status.value in told:
            return
        confirmation = Confirmation(call_id=fact.call_id, status=status, at=at, event_id=fact.event_id, message=message)
        await self._upstream.confirm(confirmation)
        await self._note_told(fact, status.value)

    def _ended(self, record: EventRecord) -> int:
        """Event intervals that are over and metered; 0 before the first, and for an event that never ran."""
        if record.baselines is None or record.state in (EventState.CANCELLED, EventState.COMMITTED):
            return 0
        over = (min(self._clock.now() - CURVE_AFTER, record.end) - record.grid.start) // INTERVAL
        return min(max(over, 0), len(record.grid))

    async def _report(self, fact: UpstreamCallReceived, record: EventRecord, count: int, *, final: bool) -> None:
        curve = ResponseCurve(
            call_id=fact.call_id,
            event_id=record.declaration.event_id,
            at=self._clock.now(),
            final=final,
            points=tuple(await self._points(record, count)),
        )
        await self._upstream.report(curve)
        await self._note_told(fact, curve.name)

    async def _points(self, record: EventRecord, count: int) -> list[CurvePoint]:
        """The first ``count`` intervals; an event that was never planned has none."""
        if record.baselines is None:
            return []
        figures = (await self._settling.measure(record.declaration.event_id)).waterfall
        rows = zip(record.grid, record.target_kw, figures.commanded_kw, figures.verified_kw, strict=True)
        return [
            CurvePoint(
                start=start,
                target_kw=round(float(target), 3),
                commanded_kw=round(float(commanded), 3),
                response_kw=round(float(verified), 3),
            )
            for start, target, commanded, verified in list(rows)[:count]
        ]

    async def _note_told(self, fact: UpstreamCallReceived, what: str) -> None:
        await self._recorder.record(
            UpstreamTold(
                at=self._clock.now(), event_id=fact.event_id, upstream=self.name, call_id=fact.call_id, what=what
            )
        )


def milestones(record: EventRecord) -> list[tuple[CallStatus, datetime, str]]:
    """What a platform is told of an event's life so far, oldest first, each with its instant and a reason or result."""
    told: list[tuple[CallStatus, datetime, str]] = []
    for state, at in record.states:
        if state is EventState.APPROVED:
            told.append((CallStatus.APPROVED, at, ""))
        elif state is EventState.CERTIFIED:
            told.append((CallStatus.CERTIFIED, at, ""))
        elif state is EventState.SETTLED:
            response = f"{record.statements[-1].total_response_kwh} kWh of response" if record.statements else ""
            told.append((CallStatus.SETTLED, at, response))
    if record.cancellation is not None:
        told.append((CallStatus.CANCELLED, record.cancellation.at, record.cancellation.reason))
    return sorted(told, key=lambda milestone: milestone[1])
