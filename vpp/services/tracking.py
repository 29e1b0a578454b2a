"""Tracking: once a minute, what is verified against what is aimed at, and a new revision when it falls short."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.commands import AckState
from vpp.domain.control import (
    ControlSettings,
    Delivery,
    Goal,
    Hold,
    LoopMemory,
    Redispatch,
    decide,
    expected_kw,
    project,
)
from vpp.domain.events import EventState
from vpp.domain.flexibility import Series
from vpp.domain.network import concerns, in_words
from vpp.domain.outcome import MATERIAL_KW, acknowledged_kw, called_from, commanded_kw, response_kw
from vpp.domain.timegrid import INTERVAL, floor_interval
from vpp.ports import Clock, Metrics
from vpp.services.dispatching import Dispatching
from vpp.services.ingesting import Ingest
from vpp.services.planning import Planning, PlanRequest
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.track_record import TrackRecord

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Present:
    """Target and the five figures of the running interval, means since it began, in kW.

    Attributes:
        metered_kw, verified_kw: ``None`` until the first reading of the interval has come.
    """

    interval: datetime
    target_kw: float
    committed_kw: float
    commanded_kw: float
    acknowledged_kw: float
    metered_kw: float | None
    verified_kw: float | None
    by_kind_kw: Mapping[str, float]


class Tracking:
    """The closed loop of every running event."""

    def __init__(  # noqa: PLR0913, PLR0917 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        ingest: Ingest,
        planning: Planning,
        track_record: TrackRecord,
        dispatching: Dispatching,
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ControlSettings,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._ingest = ingest
        self._planning = planning
        self._track_record = track_record
        self._dispatching = dispatching
        self._clock = clock
        self._metrics = metrics
        self._settings = settings
        self._memory: dict[str, LoopMemory] = {}
        self._delivery: dict[str, dict[str, Delivery]] = {}
        self._learnt_to: dict[str, datetime] = {}

    async def cycle(self, event_id: str) -> None:
        """One look at an event that has a plan and is not over; at most one new revision."""
        record = self._recorder.book.event(event_id)
        memory = self._memory.setdefault(event_id, LoopMemory(record.plans[-1].at if record.plans else None))
        now = self._clock.now()
        if not record.plans or now >= record.end:
            return
        asked = commanded_kw(record)
        self._learn(record, asked)
        self._report(record, asked, now)
        decision = self._decide(record, asked, memory, now)
        match decision:
            case Hold():
                return
            case Redispatch():
                first = max(decision.first_interval, record.declaration.start)
                if first >= record.declaration.end:
                    return
                memory.last_revision_at = now
                self._metrics.count("redispatches", trim=str(decision.trim))
                plan = await self._planning.revise(
                    event_id,
                    PlanRequest(
                        reason=decision.reason,
                        first_interval=first,
                        first_aim_kw=None if decision.trim else decision.first_aim_kw,
                        seen=self._seen(record),
                        before_kw=decision.before_kw,
                    ),
                )
                if plan is not None:
                    await self._dispatching.issue(event_id, plan)

    def delivery(self, record: EventRecord) -> dict[str, float]:
        """Expected verified kW per commanded kW of every resource seen so far."""
        seen = self._seen(record)
        return {resource_id: self._track_record.expected(resource_id, seen)[0] for resource_id in seen}

    def _seen(self, record: EventRecord) -> Mapping[str, Delivery]:
        return self._delivery.get(record.declaration.event_id, {})

    def _decide(
        self, record: EventRecord, asked: Mapping[str, Series], memory: LoopMemory, now: datetime
    ) -> Hold | Redispatch:
        interval = max(floor_interval(now), record.declaration.start)
        index = record.grid.index_of(interval)
        if index >= len(record.grid):
            return Hold()
        target_kw = float(record.target_kw[index])
        aim_kw = target_kw + record.plans[-1].margin_kw
        seen = self._seen(record)
        fraction = {r: self._track_record.expected(r, seen)[0] for r in asked}
        lost = frozenset(r for r in asked if self._lost(record, r))
        behind = index + 1 < len(record.grid)
        projection = project(
            interval,
            now,
            so_far_kw=self._verified_now_kw(record, asked, interval, now),
            expected_now_kw=expected_kw(asked, fraction, lost, index),
            next_kw=expected_kw(asked, fraction, lost, index + 1) if behind else None,
        )
        leaving = self._leaving(record, asked, index)
        if leaving is not None:
            return Redispatch(interval, aim_kw, f"participant {leaving!r} opted out", projection.projected_kw)
        changed = self._network_changed(record)
        if changed is not None:
            return Redispatch(interval, aim_kw, f"network changed: {changed}", projection.projected_kw)
        goal = Goal(
            target_kw,
            aim_kw,
            _reach_kw(record, interval),
            _reach_kw(record, interval + INTERVAL),
            aim_kw + self._track_record.held_kw(asked, index + 1, seen) if behind else 0.0,
        )
        return decide(projection, now, goal=goal, memory=memory, settings=self._settings)

    def _leaving(self, record: EventRecord, asked: Mapping[str, Series], index: int) -> str | None:
        """A participant who opted out and is still called from interval ``index`` on."""
        for resource_id, values in asked.items():
            participant_id = self._registry.fleet.participant_of(resource_id).id
            if participant_id in record.opted_out and values[index:].max(initial=0.0) > MATERIAL_KW:
                return participant_id
        return None

    def _network_changed(self, record: EventRecord) -> str | None:
        """What was changed of the network since the newest plan, where that concerns what may be called."""
        members = record.commitment.resource_ids if record.commitment else ()
        unknown = self._registry.network.told[record.plans[-1].network_changes :]
        until = record.declaration.recovery_end(self._settings.recovery_intervals)
        told = [in_words(change) for change in unknown if concerns(change, self._registry.fleet, members, until)]
        return "; ".join(told) or None

    def _lost(self, record: EventRecord, resource_id: str) -> bool:
        """Whether nothing can be expected of a commanded resource: refused, opted out, or nothing is heard of it."""
        if self._registry.fleet.participant_of(resource_id).id in record.opted_out:
            return True
        newest = record.commands[resource_id][-1]
        gateway_id = self._registry.fleet.resource(resource_id).gateway_id
        return newest.state is AckState.REFUSED or not self._recorder.book.gateways_online.get(gateway_id, False)

    def _verified_now_kw(
        self, record: EventRecord, asked: Mapping[str, Series], interval: datetime, now: datetime
    ) -> float:
        """Mean verified response of the running interval so far; 0 before its first full minute."""
        if now - interval < MINUTE:
            return 0.0
        mean, good = self._ingest.live.mean_kw(interval, now)
        index = record.grid.index_of(interval)
        columns = [
            (self._ingest.live.index[r], float(record.baseline_kw(r)[index]))
            for r, values in asked.items()
            if (first := called_from(values)) is not None and first <= index
        ]
        if not columns:
            return 0.0
        column = np.array([c for c, _ in columns])
        response = response_kw(np.array([b for _, b in columns]), mean[column], record.declaration.direction)
        return float(response[good[column]].sum())

    def _learn(self, record: EventRecord, asked: Mapping[str, Series]) -> None:
        """Takes the minutes since the last cycle into account, those right after a call's beginning excepted."""
        event_id = record.declaration.event_id
        seen = self._delivery.setdefault(event_id, {})
        latest = self._ingest.live.latest
        if latest is None:
            return
        end = min(latest, record.end)
        minute = max(self._learnt_to.get(event_id, record.declaration.start), end - 30 * MINUTE)
        while minute < end:
            self._learn_minute(record, asked, seen, minute)
            minute += MINUTE
        self._learnt_to[event_id] = max(minute, record.declaration.start)

    def _learn_minute(
        self, record: EventRecord, asked: Mapping[str, Series], seen: dict[str, Delivery], minute: datetime
    ) -> None:
        mean, good = self._ingest.live.mean_kw(minute, minute + MINUTE)
        index = record.grid.index_of(floor_interval(minute))
        ramp = (minute - floor_interval(minute)) < self._settings.settle_minutes * MINUTE
        for resource_id, values in asked.items():
            column = self._ingest.live.index[resource_id]
            if values[index] <= MATERIAL_KW or not good[column]:
                continue
            if ramp and (index == 0 or values[index - 1] <= MATERIAL_KW):
                continue
            issued = record.in_force(resource_id, record.declaration.start + index * INTERVAL)
            if issued is None or minute < issued.issued_at + self._settings.settle_minutes * MINUTE:
                continue
            baseline = record.baseline_kw(resource_id)[index : index + 1]
            response = response_kw(baseline, mean[column : column + 1], record.declaration.direction)
            seen[resource_id] = seen.get(resource_id, Delivery()).seen(float(values[index]), float(response[0]))

    def present(
        self, record: EventRecord, now: datetime, resource_ids: Collection[str] | None = None
    ) -> Present | None:
        """The running interval's figures so far; ``None`` outside the event or before the baselines are frozen.

        With ``resource_ids`` the four figures are those of these resources; target and committed stay the event's.
        """
        index = record.grid.index_of(now)
        if record.baselines is None or not 0 <= index < len(record.grid):
            return None
        interval = floor_interval(now)
        mean, good = self._ingest.live.mean_kw(interval, now)
        asked = commanded_kw(record)
        if resource_ids is not None:
            asked = {r: values for r, values in asked.items() if r in resource_ids}
        heard = bool(np.isfinite(mean).any())
        metered, verified = 0.0, 0.0
        by_kind: dict[str, float] = {}
        for resource_id, values in asked.items():
            first = called_from(values)
            column = self._ingest.live.index[resource_id]
            if first is None or first > index or not np.isfinite(mean[column]):
                continue
            baseline = record.baseline_kw(resource_id)[index : index + 1]
            response = float(response_kw(baseline, mean[column : column + 1], record.declaration.direction)[0])
            metered += response
            if good[column]:
                verified += response
                kind = self._registry.fleet.resource(resource_id).kind.value
                by_kind[kind] = by_kind.get(kind, 0.0) + response
        return Present(
            interval=interval,
            target_kw=float(record.target_kw[index]),
            committed_kw=float(self.committed_kw(record)[index]),
            commanded_kw=sum(float(values[index]) for values in asked.values()),
            acknowledged_kw=float(acknowledged_kw(record, asked)[index]),
            metered_kw=metered if heard else None,
            verified_kw=verified if heard else None,
            by_kind_kw=by_kind,
        )

    @staticmethod
    def committed_kw(record: EventRecord) -> Series:
        """What the accepted resources offered per interval, by the first plan."""
        return np.asarray(record.plans[0].offered_kw) if record.plans else np.zeros(len(record.grid))

    def _report(self, record: EventRecord, asked: Mapping[str, Series], now: datetime) -> None:
        interval = floor_interval(now)
        index = record.grid.index_of(interval)
        if record.state is not EventState.ACTIVE or not 0 <= index < len(record.grid):
            return
        event_id = record.declaration.event_id
        verified = self._verified_now_kw(record, asked, interval, now)
        self._metrics.gauge("event_target_kw", float(record.target_kw[index]), event=event_id)
        self._metrics.gauge("event_verified_kw", verified, event=event_id)
        self._metrics.gauge("event_commanded_kw", sum(float(v[index]) for v in asked.values()), event=event_id)


def _reach_kw(record: EventRecord, interval: datetime) -> float:
    """What the newest plan expects in ``interval`` if it could not reach its aim there, else ``inf``."""
    plan = record.plans[-1]
    index = (interval - plan.first_interval) // INTERVAL
    if plan.outcome != "unreachable" or not 0 <= index < len(plan.expected_kw):
        return float("inf")
    return plan.expected_kw[index]
