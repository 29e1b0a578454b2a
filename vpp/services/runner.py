"""The runner: once a minute it takes every live event the one step that is due. All it needs is in the book."""

from collections.abc import Callable
from datetime import datetime, timedelta

from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings
from vpp.domain.errors import IllegalTransitionError, InputError, StoreError
from vpp.domain.events import EventKind, EventState, EventStep
from vpp.domain.facts import EventAdvanced
from vpp.domain.timegrid import INTERVAL, floor_interval
from vpp.ports import Clock, Metrics
from vpp.services.dispatching import Dispatching
from vpp.services.forecasting import Forecasting
from vpp.services.ingesting import Ingest
from vpp.services.intake import Intake
from vpp.services.planning import Planning, PlanRequest
from vpp.services.recorder import Recorder
from vpp.services.settling import Settling
from vpp.services.tracking import Tracking

CYCLE = timedelta(minutes=1)
AFTER_MINUTE = timedelta(seconds=10)
UNANSWERED = timedelta(minutes=2)
OFFERS_WITHIN = timedelta(seconds=150)
"""After a start, a plan waits so long for gateways that are there and have not yet said what they can do."""


class Runner:
    """Drives the life of events by the clock.

    Attributes:
        last_cycle_at: When ``run`` finished its last cycle, by the controller's clock; ``None`` before the first.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        intake: Intake,
        ingest: Ingest,
        forecasting: Forecasting,
        planning: Planning,
        dispatching: Dispatching,
        tracking: Tracking,
        settling: Settling,
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ControlSettings,
        while_planning: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._recorder = recorder
        self._intake = intake
        self._ingest = ingest
        self._forecasting = forecasting
        self._planning = planning
        self._dispatching = dispatching
        self._tracking = tracking
        self._settling = settling
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._while_planning = while_planning
        self._unfinished = False
        self.last_cycle_at: datetime | None = None

    async def run(self) -> None:
        """Cycles for ever, ``AFTER_MINUTE`` behind each full minute, when the gateways' readings are there."""
        await self._ingest.link_up.wait()
        await self.finish_issuing()
        links = 0
        while True:
            if self._ingest.links != links:
                links = self._ingest.links
                await self._dispatching.resend_in_force()
            await self._clock.sleep_until(next_cycle(self._clock.now()))
            await self.cycle()
            self.last_cycle_at = self._clock.now()

    async def finish_issuing(self) -> None:
        """After a start: issue what the newest plans ask for and a stop has prevented."""
        for record in self._recorder.book.events.values():
            if record.state in (EventState.COMMITTED, EventState.ACTIVE) and record.plans:
                await self._dispatching.issue(record.declaration.event_id, record.plans[-1])

    async def cycle(self) -> None:
        """Stores what came in, then looks after every live event; one event's trouble does not stop the others."""
        try:
            await self._ingest.flush()
            if self._unfinished:
                self._unfinished = False
                await self.finish_issuing()
        except StoreError as error:
            self._metrics.count("flushes_failed")
            self._metrics.note("storing failed, to be tried again", reason=str(error))
            return
        for record in list(self._recorder.book.events.values()):
            state = None
            while record.live and record.state is not state:
                state = record.state
                try:
                    await self._step(record, self._clock.now())
                except (InputError, IllegalTransitionError, StoreError) as error:
                    # A step half done may have left a plan without its commands.
                    self._unfinished = True
                    self._metrics.count("event_steps_failed")
                    self._metrics.note("event step failed", event=record.declaration.event_id, reason=str(error))

    async def _step(self, record: EventRecord, now: datetime) -> None:
        event_id = record.declaration.event_id
        match record.state:
            case EventState.APPROVED if record.declaration.kind is EventKind.EMERGENCY:
                await self._intake.commit(event_id)
            case EventState.APPROVED:
                await self._intake.invite(event_id)
            case EventState.INVITED:
                await self._close_answers(record, now)
            case EventState.COMMITTED:
                await self._before_start(record, now)
            case EventState.ACTIVE:
                await self._during(record, now)
            case EventState.RELEASING:
                await self._after_end(record, now)
            case EventState.VERIFYING:
                await self._settling.settle(event_id)
            case EventState.DRAFT if now >= record.declaration.start:
                await self._intake.cancel(event_id, "not approved before its window began")
            case EventState.DRAFT | EventState.SETTLED | EventState.CERTIFIED | EventState.CANCELLED:
                pass

    async def _close_answers(self, record: EventRecord, now: datetime) -> None:
        if self._answered(record) or (record.invitation and now >= record.invitation.reply_by):
            await self._intake.commit(record.declaration.event_id)

    async def _before_start(self, record: EventRecord, now: datetime) -> None:
        event_id = record.declaration.event_id
        waits = self._waits_for_offers(record, now)
        plan_at = record.declaration.start - timedelta(seconds=self._settings.baseline_lead_s)
        if record.baselines is None and now >= plan_at and not waits:
            self._while_planning(True)  # noqa: FBT003 - hold, then go on
            try:
                await self._first_plan(record)
            finally:
                self._while_planning(False)  # noqa: FBT003
        elif record.plans:
            await self._dispatching.resend_unanswered(record, UNANSWERED)
            if not waits:
                await self._tracking.cycle(event_id)
        elif record.baselines is not None and not waits:
            await self._first_plan(record)
        if self._clock.now() >= record.declaration.start:
            await self._advance(event_id, EventStep.ACTIVATE, "the event's window has begun")

    def _waits_for_offers(self, record: EventRecord, now: datetime) -> bool:
        """Whether planning is put off, right after a start, until gateways have said what they can do.

        What they said to an earlier run is not in the ledger, and a plan without it would release everything.
        """
        linked_at = self._ingest.linked_at
        return linked_at is not None and now < linked_at + OFFERS_WITHIN and bool(self._planning.unheard(record))

    async def _first_plan(self, record: EventRecord) -> None:
        event_id = record.declaration.event_id
        if self._clock.now() >= record.declaration.end:
            return
        if record.baselines is None:
            program = self._intake.program(record.declaration.program_id)
            await self._forecasting.freeze(event_id, program, recovery_intervals=self._settings.recovery_intervals)
        plan = await self._planning.revise(
            event_id,
            PlanRequest(
                reason="first plan",
                first_interval=max(record.declaration.start, floor_interval(self._clock.now())),
                first_aim_kw=None,
            ),
        )
        if plan is not None:
            await self._dispatching.issue(event_id, plan)

    async def _during(self, record: EventRecord, now: datetime) -> None:
        event_id = record.declaration.event_id
        if record.plans:
            await self._dispatching.resend_unanswered(record, UNANSWERED)
        if self._waits_for_offers(record, now):
            pass
        elif record.plans:
            await self._tracking.cycle(event_id)
        else:
            await self._first_plan(record)
        if now >= record.declaration.end:
            await self._advance(event_id, EventStep.RELEASE, "the event's window is over")

    async def _after_end(self, record: EventRecord, now: datetime) -> None:
        """Recovery is watched to its end before anything is verified; rebound is part of the result."""
        event_id = record.declaration.event_id
        if record.cancelled and not self._released(record):
            await self._dispatching.release(event_id)
        if now >= record.end + self._settings.recovery_intervals * INTERVAL:
            await self._advance(event_id, EventStep.VERIFY, "the recovery is over")

    @staticmethod
    def _released(record: EventRecord) -> bool:
        """Whether the release of a cancelled event has been commanded."""
        cancelled_at = next(at for state, at in record.states if state is EventState.RELEASING)
        return all(history[-1].issued_at >= cancelled_at for history in record.commands.values())

    @staticmethod
    def _answered(record: EventRecord) -> bool:
        return record.invitation is not None and set(record.invitation.participant_ids) <= set(record.answers)

    async def _advance(self, event_id: str, step: EventStep, reason: str) -> None:
        await self._recorder.record(EventAdvanced(at=self._clock.now(), event_id=event_id, step=step, reason=reason))


def next_cycle(now: datetime) -> datetime:
    """The next instant that lies ``AFTER_MINUTE`` behind a full minute."""
    minute = now.replace(second=0, microsecond=0) + AFTER_MINUTE
    return minute if minute > now else minute + CYCLE
