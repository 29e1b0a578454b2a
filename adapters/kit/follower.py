"""Follows accepted commands: when, which devices, and what is acknowledged.

Each ``step`` first decides from the saved states alone, then saves, then writes devices, then acknowledges what the
devices read back: a fact is on disk before its effect leaves. Devices are written only where the setpoint differs from
the last one written, so that a duplicate or a restart moves nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np

from adapters.kit.adapter import Adapter, EarlyStarts, unavailable_reason
from adapters.kit.command_gate import Accept, Decision, Duplicate, Expired, Older, Refuse, Seen, decide
from adapters.kit.confirmations import Answer, Confirmations, Confirmed, Declined
from adapters.kit.driver import ApplyResult, DeviceReadings, Mask
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.holding import (
    Holding,
    ResourceState,
    asks_no_more,
    binds_nothing,
    curtails,
    interval_index,
    release_at,
    same_setpoint,
)
from adapters.kit.resource_spec import ResourceSpec
from adapters.kit.store import GatewayStore
from vpp.domain.commands import AckState, Command, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL, format_instant, trading_day
from vpp.wire.convert import command_from_wire, command_to_wire
from vpp.wire.messages import WireAck

FREE_AFTER_RELEASE = timedelta(minutes=30)
"""How long after a release the power is not yet taken for undisturbed: payback runs out."""

_TOLERANCE_KW = 1e-6
_STATE = msgspec.json.Decoder(ResourceState)


@dataclass(slots=True)
class DeviceWork:
    """What a step wants written; ``writes`` and ``releases`` are disjoint masks over all devices."""

    targets_kw: Series
    writes: Mask
    releases: Mask


class Follower:
    """The commands of all resources of one gateway."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        adapters: Mapping[ResourceKind, Adapter],
        confirmations: Confirmations,
        store: GatewayStore,
        keep_acks: Callable[[list[WireAck]], None],
    ) -> None:
        """Takes up what the store knows.

        Args:
            config: The gateway's resources.
            adapters: One per kind that occurs.
            confirmations: Where people are asked.
            store: The gateway's disk.
            keep_acks: Puts acks on the same disk; called within the transaction that saves what they tell of.

        Raises:
            StoreError: it cannot be read.
        """
        self._specs = {spec.id: spec for spec in config.specs}
        self._adapters = adapters
        self._confirmations = confirmations
        self._store = store
        self._keep_acks = keep_acks
        self._states = {spec.id: ResourceState() for spec in config.specs}
        for resource_id, blob in store.resources().items():
            if resource_id in self._states:
                self._states[resource_id] = _STATE.decode(blob)
        self._busy = {name for name, state in self._states.items() if state.active or state.pending}
        self._changed: set[str] = set()
        self._disturbed_until: dict[str, datetime] = {}
        self._written_kw = np.full(config.device_count, np.nan)
        self._targets_kw = np.full(config.device_count, np.nan)
        self._next_due: dict[str, datetime] = {}
        self._unconfirmed = set(self._busy)
        self._was_online: Mask = np.zeros(config.device_count, dtype=bool)
        self._signature: dict[str, bytes] = {}

    @property
    def busy(self) -> frozenset[str]:
        """Resources with a command in force or waiting."""
        return frozenset(self._busy)

    def free_mask(self, now: datetime) -> Mask:
        """Per resource, whether its power is undisturbed by commands."""
        if not self._busy and not self._disturbed_until:
            return np.ones(len(self._specs), dtype=bool)
        self._disturbed_until = {name: until for name, until in self._disturbed_until.items() if until > now}
        return np.array([name not in self._busy and name not in self._disturbed_until for name in self._specs])

    def run_of(self, resource_id: str, now: datetime) -> tuple[int, int]:
        """Whole intervals that the running call has lasted, and calls begun today."""
        state = self._states[resource_id]
        running = 0 if state.run_started_at is None else max((now - state.run_started_at) // INTERVAL, 1)
        return running, state.calls if state.calls_day == trading_day(now).isoformat() else 0

    def take(self, command: Command, now: datetime, readings: DeviceReadings | None) -> tuple[Decision, list[WireAck]]:
        """Decides on one arrived command and remembers it; its acks so far, in order."""
        spec = self._specs.get(command.resource_id)
        state = self._states.get(command.resource_id)
        last = state.last_ack if state else None
        seen = Seen((last.epoch, last.sequence), last.command_id) if last else None
        unable = "" if spec is None or readings is None else _under_local_control(spec, readings)
        decision = decide(command, spec=spec, seen=seen, now=now, unable=unable)
        match decision:
            case Duplicate():
                return decision, [last] if last else []
            case Older():
                return decision, []
            case Refuse():
                acks = [_ack(command, AckState.RECEIVED, now), _ack(command, AckState.REFUSED, now, decision.reason)]
            case Expired():
                acks = [_ack(command, AckState.RECEIVED, now), _ack(command, AckState.EXPIRED, now, decision.reason)]
            case Accept():
                acks = [_ack(command, AckState.RECEIVED, now), _ack(command, AckState.ACCEPTED, now)]
        if spec is not None and state is not None:
            if isinstance(decision, Accept):
                acks += self._hold(command, spec, state, now)
            state.last_ack = acks[-1]
            self._save(command.resource_id)
        return decision, acks

    def _hold(self, command: Command, spec: ResourceSpec, state: ResourceState, now: datetime) -> list[WireAck]:
        wire = command_to_wire(command)
        holding = Holding(wire, AckState.ACCEPTED)
        state.pending = holding
        self._busy.add(spec.id)
        self._unconfirmed.add(spec.id)
        self._next_due.pop(spec.id, None)
        covered = state.confirmed is not None and asks_no_more(wire, state.confirmed, now)
        if spec.confirm_within_s is None or covered:
            return []
        deadline = min(now + timedelta(seconds=spec.confirm_within_s), command.expires_at)
        holding.state = AckState.AWAITING_PERSON
        holding.deadline = deadline
        self._confirmations.ask(command, now, deadline)
        return [_ack(command, AckState.AWAITING_PERSON, now, deadline=deadline)]

    def plan(self, now: datetime, readings: DeviceReadings) -> DeviceWork | None:
        """What is due at ``now``, or ``None`` when no command is held and all devices run free.

        States that it changes, and acks, are saved before it returns.
        """
        self._note_returned(readings)
        if not self._busy and np.isnan(self._written_kw).all():
            return None
        acks: list[WireAck] = []
        for resource_id in sorted(name for name in self._busy if self._due(name, now)):
            spec, state = self._specs[resource_id], self._states[resource_id]
            acks += self._resolve_pending(spec, state, now)
            acks += self._resolve_active(spec, state, now, readings)
        self._save_changed(acks)
        targets = self._targets_kw.copy()
        with np.errstate(invalid="ignore"):
            off_target = ~(np.abs(targets - self._written_kw) <= _TOLERANCE_KW)
        wanted = ~np.isnan(targets)
        return DeviceWork(
            targets_kw=targets,
            writes=wanted & off_target & _reachable(readings),
            releases=~wanted & ~np.isnan(self._written_kw) & readings.online,
        )

    def _due(self, resource_id: str, now: datetime) -> bool:
        """Whether anything can have changed; keeps quiet minutes cheap."""
        return now >= self._next_due.get(resource_id, now)

    def _set_due(self, spec: ResourceSpec, state: ResourceState, now: datetime) -> None:
        active, pending = state.active, state.pending
        if pending is not None or active is None or self._adapters[spec.kind].resplits_on_change():
            self._next_due.pop(spec.id, None)
            return
        command = active.command
        boundary = command.schedule_start + (interval_index(command, now) + 1) * INTERVAL
        release = release_at(command, spec, state.run_started_at)
        self._next_due[spec.id] = min(boundary, release) if boundary > now else release

    def _note_returned(self, readings: DeviceReadings) -> None:
        back = readings.online & ~self._was_online
        if back.any():
            np.copyto(self._written_kw, readings.setpoint_kw, where=back)
        self._was_online = readings.online.copy()

    def _resolve_pending(self, spec: ResourceSpec, state: ResourceState, now: datetime) -> list[WireAck]:
        pending = state.pending
        if pending is None:
            return []
        command = pending.command
        if pending.deadline is not None:
            refusal = self._person_refuses(pending, pending.deadline, now)
            if refusal is None:
                return []
            if refusal:
                return [self._end(spec.id, "pending", AckState.REFUSED, now, refusal)]
            pending.deadline = None
            state.confirmed = command
            self._changed.add(spec.id)
        if now >= command.expires_at:
            return [self._end(spec.id, "pending", AckState.EXPIRED, now, "expired before it could be followed")]
        if now >= command.valid_from:
            old = state.active
            if old is not None and same_setpoint(old, command, now):
                pending.targets_kw, pending.interval = old.targets_kw, interval_index(command, now)
            state.active, state.pending = pending, None
            self._changed.add(spec.id)
        return []

    def _person_refuses(self, pending: Holding, deadline: datetime, now: datetime) -> str | None:
        """A reason, an empty text for a yes, or ``None`` while nothing is decided."""
        command = pending.command
        answer: Answer | None = self._confirmations.answer(command.command_id, now)
        match answer:
            case Confirmed():
                return ""
            case Declined(reason):
                return f"declined on site: {reason}"
            case None if now >= deadline:
                return f"nobody confirmed on site by {format_instant(deadline)}"
            case None:
                return None

    def _resolve_active(
        self, spec: ResourceSpec, state: ResourceState, now: datetime, readings: DeviceReadings
    ) -> list[WireAck]:
        active = state.active
        if active is None:
            return []
        if now >= release_at(active.command, spec, state.run_started_at):
            return [self._end(spec.id, "active", AckState.EXPIRED, now, "released")]
        index = interval_index(active.command, now)
        self._track_run(spec, state, curtailing=curtails(active.command, index), now=now)
        adapter = self._adapters[spec.kind]
        anew = active.targets_kw is None or index != active.interval
        if adapter.resplits_on_change():
            signature = _signature(spec, readings)
            anew |= signature != self._signature.get(spec.id, signature)
            self._signature[spec.id] = signature
        if anew:
            setpoint_kw = active.command.setpoints_kw[index]
            if binds_nothing(active.command, index, spec):
                active.targets_kw = []
            else:
                more = active.command.mode is CommandMode.AT_LEAST
                share = adapter.start_early if more and isinstance(adapter, EarlyStarts) else adapter.split
                active.targets_kw = np.round(share(spec, setpoint_kw, readings), 6).tolist()
            active.interval = index
            self._changed.add(spec.id)
        if active.targets_kw is not None:
            self._targets_kw[spec.devices] = active.targets_kw or np.nan
        self._set_due(spec, state, now)
        return []

    def _track_run(self, spec: ResourceSpec, state: ResourceState, *, curtailing: bool, now: datetime) -> None:
        if curtailing == (state.run_started_at is not None):
            return
        self._changed.add(spec.id)
        state.run_started_at = now if curtailing else None
        if curtailing:
            today = trading_day(now).isoformat()
            state.calls = state.calls + 1 if state.calls_day == today else 1
            state.calls_day = today

    def on_written(self, work: DeviceWork, result: ApplyResult, now: datetime, readings: DeviceReadings) -> None:
        """Takes in what devices read back and acknowledges it."""
        indices = np.flatnonzero(work.writes)
        # A refused setpoint counts as written: asking again every minute would only move devices again.
        self._written_kw[indices] = work.targets_kw[indices]
        refusals = {
            int(indices[position]): result.refusals.get(position, "no reason given")
            for position in np.flatnonzero(~result.accepted).tolist()
        }
        acks: list[WireAck] = []
        for resource_id in sorted(self._unconfirmed):
            spec, state = self._specs[resource_id], self._states[resource_id]
            if state.active is not None and state.active.state is not AckState.APPLIED:
                acks += self._read_back(spec, state.active, refusals, now=now, readings=readings)
            if state.pending is None and (state.active is None or state.active.state is AckState.APPLIED):
                self._unconfirmed.discard(resource_id)
        self._save_changed(acks)

    def on_released(self, work: DeviceWork, result: ApplyResult) -> None:
        """Takes in which devices run free again."""
        indices = np.flatnonzero(work.releases)
        self._written_kw[indices[result.accepted]] = np.nan

    def _read_back(
        self,
        spec: ResourceSpec,
        active: Holding,
        refusals: Mapping[int, str],
        *,
        now: datetime,
        readings: DeviceReadings,
    ) -> list[WireAck]:
        reachable = int(_reachable(readings)[spec.devices].sum())
        refusing = [device for device in range(spec.devices.start, spec.devices.stop) if device in refusals]
        if reachable == 0:
            return []
        why = refusals[refusing[0]] if refusing else ""
        if len(refusing) == reachable:
            return [self._end(spec.id, "active", AckState.REFUSED, now, f"refused by its devices: {why}")]
        remarks = []
        if refusing:
            remarks.append(f"{len(refusing)} of {spec.device_count} devices refused: {why}")
        if reachable < spec.device_count:
            remarks.append(f"{spec.device_count - reachable} of {spec.device_count} devices are out of reach")
        active.state = AckState.APPLIED
        ack = _ack(command_from_wire(active.command), AckState.APPLIED, now, "; ".join(remarks))
        self._remember_ack(spec.id, ack)
        return [ack]

    def _end(self, resource_id: str, slot: str, state: AckState, now: datetime, reason: str) -> WireAck:
        """Drops a held command for good."""
        resource = self._states[resource_id]
        holding = resource.pending if slot == "pending" else resource.active
        assert holding is not None  # noqa: S101  # both callers have just looked
        if slot == "pending":
            resource.pending = None
        else:
            resource.active = None
            resource.run_started_at = None
            self._targets_kw[self._specs[resource_id].devices] = np.nan
            self._disturbed_until[resource_id] = now + FREE_AFTER_RELEASE
        if resource.active is None and resource.pending is None:
            self._busy.discard(resource_id)
            resource.confirmed = None
        ack = _ack(command_from_wire(holding.command), state, now, reason)
        self._remember_ack(resource_id, ack)
        return ack

    def _remember_ack(self, resource_id: str, ack: WireAck) -> None:
        """Keeps the ack for duplicates, unless it is about an older command than the newest."""
        last = self._states[resource_id].last_ack
        if last is None or last.command_id == ack.command_id:
            self._states[resource_id].last_ack = ack
        self._changed.add(resource_id)

    def _save(self, resource_id: str) -> None:
        self._store.save_resource(resource_id, msgspec.json.encode(self._states[resource_id]))

    def _save_changed(self, acks: list[WireAck]) -> None:
        if not acks and not self._changed:
            return
        with self._store.transaction():
            if acks:
                self._keep_acks(acks)
            for resource_id in sorted(self._changed):
                self._save(resource_id)
        self._changed.clear()


def _ack(
    command: Command, state: AckState, now: datetime, reason: str = "", *, deadline: datetime | None = None
) -> WireAck:
    return WireAck(
        command_id=command.command_id,
        resource_id=command.resource_id,
        epoch=command.epoch,
        sequence=command.sequence,
        state=state,
        at=now,
        reason=reason[:500],
        deadline=deadline,
    )


def _reachable(readings: DeviceReadings) -> Mask:
    return readings.online if readings.override is None else readings.online & ~readings.override


def _under_local_control(spec: ResourceSpec, readings: DeviceReadings) -> str:
    if readings.override is not None and readings.override[spec.devices].all():
        return unavailable_reason(spec, readings)
    return ""


def _signature(spec: ResourceSpec, readings: DeviceReadings) -> bytes:
    piles = readings.piles
    if piles is None:
        return b""
    waits = b"" if piles.minutes_to_begin is None else (piles.minutes_to_begin[spec.devices] > 0).tobytes()
    return piles.plugged[spec.devices].tobytes() + waits
