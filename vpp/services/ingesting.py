"""Telemetry, acks and offers on their way in: store, record, confirm. Nothing is confirmed before it is on disk."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import ACK_TRANSITIONS, AckState
from vpp.domain.facts import AckEntry, CommandsAcked, GatewayChanged, GatewayStarted, ReadingsStored
from vpp.domain.live import LivePicture
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import format_instant
from vpp.ports import Clock, Gateways, GatewayStart, MeterArchive, Metrics
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

WATT_DECIMALS = 6
ASK_AGAIN = timedelta(minutes=2)
CLOCK_SKEW = timedelta(minutes=2)
RESUMED = timedelta(minutes=30)
MOST_PENDING = 20_000
"""Messages that wait for a store that does not answer; gateways keep what comes beyond, and are asked for it later."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Stream:
    """Sequence numbers of one gateway's telemetry: ``through`` is the end of the gapless part.

    Attributes:
        flushes: Since the last confirmation.
        asked_at: When the gap behind ``through`` was last asked for; ``None`` when there is none, or not yet.
    """

    through: int = 0
    flushes: int = 0
    beyond: set[int] = field(default_factory=set)
    asked_at: datetime | None = None

    def take(self, seq: int) -> bool:
        """Notes ``seq``; ``False`` when it was there before."""
        if seq <= self.through or seq in self.beyond:
            return False
        self.beyond.add(seq)
        return True

    def close(self) -> None:
        """Moves ``through`` over what is gapless now."""
        while self.through + 1 in self.beyond:
            self.through += 1
            self.beyond.remove(self.through)
            self.asked_at = None

    def asks(self, now: datetime) -> bool:
        """Whether the gap is to be asked for now; a question may be lost, so it is put again after a while."""
        if not self.beyond or (self.asked_at is not None and now < self.asked_at + ASK_AGAIN):
            return False
        self.asked_at = now
        return True


class Ingest:
    """Takes in what gateways say (``vpp.ports.GatewayListener``)."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        archive: MeterArchive,
        gateways: Gateways,
        *,
        clock: Clock,
        metrics: Metrics,
        confirm_every: int = 1,
    ) -> None:
        """Takes in from now on; a gateway is told at every ``confirm_every``-th flush, and keeps its own till then."""
        self._confirm_every = confirm_every
        self._recorder = recorder
        self._registry = registry
        self._archive = archive
        self._gateways = gateways
        self._clock = clock
        self._metrics = metrics
        self._streams: dict[str, _Stream] = {}
        self._pending: list[tuple[str, int, Sequence[Reading]]] = []
        self._flushing = asyncio.Lock()
        self.live = LivePicture(list(registry.fleet.resources))
        self.heard: dict[str, datetime] = {}
        self.software: dict[str, str] = {}
        self.links = 0
        self.linked_at: datetime | None = None
        self.link_up = asyncio.Event()

    async def resume(self) -> None:
        """Takes the streams up where the book says that they were confirmed, and the live picture from the archive."""
        for gateway_id, seq in self._recorder.book.telemetry_seq.items():
            self._streams[gateway_id] = _Stream(through=seq)
        now = self._clock.now()
        self.live.add(await self._archive.readings(self.live.meter_ids, now - RESUMED, now + CLOCK_SKEW))

    async def on_link(self) -> None:
        """The broker is there (again): known gateways are asked for what was said while nobody listened.

        Without it the last message of a stream could stay unheard, since a gap shows only by what follows it.
        """
        self.links += 1
        self.linked_at = self._clock.now()
        self.link_up.set()
        book = self._recorder.book
        for gateway_id in book.gateway_starts:
            through, acks = self._streams.get(gateway_id, _Stream()).through, book.ack_seq.get(gateway_id, 0)
            await self._gateways.confirm(
                gateway_id,
                through_seq=through,
                ack_through_seq=acks,
                resend_from=through + 1,
                ack_resend_from=acks + 1,
            )

    async def on_birth(self, gateway_id: str, resource_ids: Sequence[str], start: GatewayStart) -> None:
        """Checks the catalogue against the registration; what the gateway still keeps comes by itself.

        The broker keeps births and says them again, with numbers long passed: only a start not yet known counts.
        """
        if gateway_id not in self._registry.fleet.by_gateway:
            await self.on_rejected(f"birth of {gateway_id}", f"unknown gateway {gateway_id!r}")
            return
        own = set(self._registry.fleet.by_gateway[gateway_id])
        for stranger in sorted(set(resource_ids) - own):
            await self.on_rejected(f"birth of {gateway_id}", f"unknown resource {stranger!r}")
        self.software[gateway_id] = start.software
        book = self._recorder.book
        known = book.gateway_starts.get(gateway_id)
        if known is not None and (known.boot, known.started_at) == (start.boot, start.started_at):
            return
        stream = self._streams.setdefault(gateway_id, _Stream())
        if start.telemetry_from <= stream.through or start.acks_from <= book.ack_seq.get(gateway_id, 0):
            self._metrics.count("gateway_disks_lost", gateway=gateway_id)
            self._metrics.note("gateway lost its disk", gateway=gateway_id, boot=start.boot)
        if start.telemetry_from <= stream.through:
            await self.flush()
            self._streams[gateway_id] = _Stream(through=start.telemetry_from - 1)
        await self._recorder.record(
            GatewayStarted(
                at=self._clock.now(),
                gateway_id=gateway_id,
                boot=start.boot,
                started_at=start.started_at,
                telemetry_from=start.telemetry_from,
                acks_from=start.acks_from,
            )
        )

    async def on_status(self, gateway_id: str, *, online: bool) -> None:
        """Records that a gateway came or went, once per change."""
        book = self._recorder.book
        if gateway_id in self._registry.fleet.by_gateway and book.gateways_online.get(gateway_id) is not online:
            await self._recorder.record(GatewayChanged(at=self._clock.now(), gateway_id=gateway_id, online=online))
            self._metrics.gauge("gateways_online", sum(book.gateways_online.values()))

    async def on_telemetry(self, gateway_id: str, seq: int, readings: Sequence[Reading]) -> None:
        """Queues one message for the next flush; readings of others' resources are refused, counted and named."""
        if gateway_id not in self._registry.fleet.by_gateway:
            await self.on_rejected(f"telemetry of {gateway_id}", f"unknown gateway {gateway_id!r}")
            return
        if len(self._pending) >= MOST_PENDING:
            self._metrics.count("telemetry_put_off")
            return
        kept = await self._plausible(gateway_id, readings)
        self._metrics.count("telemetry_messages")
        if self._streams.setdefault(gateway_id, _Stream()).take(seq):
            self._pending.append((gateway_id, seq, kept))
            self.live.add(kept)
            if kept:
                latest = max(reading.at for reading in kept)
                self.heard[gateway_id] = max(latest, self.heard.get(gateway_id, latest))
        else:
            self._metrics.count("telemetry_duplicates")
            await self._gateways.confirm(gateway_id, through_seq=self._streams[gateway_id].through)

    async def _plausible(self, gateway_id: str, readings: Sequence[Reading]) -> list[Reading]:
        """Readings of the gateway's own resources whose instant the archive can hold; the rest is refused by name."""
        own = self._registry.fleet.by_gateway[gateway_id]
        latest = self._clock.now() + CLOCK_SKEW
        kept: list[Reading] = []
        for reading in readings:
            if reading.meter_id not in own:
                reason = f"unknown resource {reading.meter_id!r}"
            elif reading.at.microsecond:
                reason = f"reading of {reading.meter_id!r} at {format_instant(reading.at)} is not on a whole second"
            elif reading.at > latest:
                reason = (
                    f"reading of {reading.meter_id!r} at {format_instant(reading.at)} lies more than "
                    f"{CLOCK_SKEW.total_seconds():.0f} s ahead of now ({format_instant(self._clock.now())})"
                )
            else:
                kept.append(reading)
                continue
            await self.on_rejected(f"telemetry of {gateway_id}", reason)
        return kept

    async def on_not_kept(self, gateway_id: str, *, telemetry_through: int | None, ack_through: int | None) -> None:
        """A gap that nobody can fill is written off, aloud."""
        if ack_through is not None and ack_through > self._recorder.book.ack_seq.get(gateway_id, 0):
            await self._recorder.record(
                CommandsAcked(at=self._clock.now(), gateway_id=gateway_id, seq=ack_through, acks=())
            )
            self._metrics.count("ack_messages_lost", gateway=gateway_id)
        stream = self._streams.get(gateway_id)
        if stream is not None and telemetry_through is not None and telemetry_through > stream.through:
            lost = telemetry_through - stream.through - sum(1 for s in stream.beyond if s <= telemetry_through)
            self._metrics.count("telemetry_lost", lost, gateway=gateway_id)
            stream.beyond = {s for s in stream.beyond if s > telemetry_through}
            stream.through = telemetry_through
            stream.close()

    async def on_offers(self, gateway_id: str, offers: Sequence[CapabilityOffer]) -> None:
        """Keeps the latest offers."""
        for reason in self._registry.take_offers(gateway_id, offers):
            await self.on_rejected(f"capability of {gateway_id}", reason)

    async def on_acks(self, gateway_id: str, seq: int, acks: Sequence[AckEntry]) -> None:
        """Records acks of commands that were issued to this very gateway; the rest is refused.

        Acks are taken strictly in sequence: behind a gap they are asked for again from the gap on, so that a stage is
        never taken for the last one.
        """
        book = self._recorder.book
        last = book.ack_seq.get(gateway_id, 0)
        if seq <= last:
            self._metrics.count("ack_duplicates")
            await self._gateways.confirm(gateway_id, ack_through_seq=last)
            return
        if seq > last + 1:
            await self._gateways.confirm(gateway_id, ack_through_seq=last, ack_resend_from=last + 1)
            return
        valid = await self._valid_acks(gateway_id, acks)
        now = self._clock.now()
        await self._recorder.record(
            *(
                CommandsAcked(at=now, event_id=event_id, gateway_id=gateway_id, seq=seq, acks=tuple(entries))
                for event_id, entries in (valid or {None: []}).items()
            )
        )
        await self._gateways.confirm(gateway_id, ack_through_seq=seq)

    async def _valid_acks(self, gateway_id: str, acks: Sequence[AckEntry]) -> dict[str | None, list[AckEntry]]:
        """Per event the acks that move a command on; several stages of one command may come in one message."""
        book = self._recorder.book
        valid: dict[str | None, list[AckEntry]] = {}
        reached: dict[str, AckState | None] = {}
        for ack in acks:
            issued = book.command(ack.command_id)
            if issued is None or issued.gateway_id != gateway_id or issued.command.resource_id != ack.resource_id:
                await self.on_rejected(f"ack of {gateway_id}", f"command {ack.command_id!r} was not issued to it")
            elif ack.state in ACK_TRANSITIONS[reached.get(ack.command_id, issued.state)]:
                reached[ack.command_id] = ack.state
                valid.setdefault(issued.command.event_id, []).append(ack)
                self._metrics.count("acks_received", state=ack.state)
        return valid

    async def on_rejected(self, topic: str, reason: str) -> None:
        """Counts and logs what could not be taken in."""
        self._metrics.count("messages_rejected")
        self._metrics.note("message rejected", topic=topic, reason=reason)

    async def flush(self) -> int:
        """Stores what is queued in one transaction, records it, then confirms it; returns the readings stored."""
        async with self._flushing:
            pending, self._pending = self._pending, []
            if not pending:
                return 0
            readings = [reading for _, _, batch in pending for reading in batch]
            try:
                await self._archive.store(readings)
                through = self._close_streams(gateway_id for gateway_id, _, _ in pending)
                await self._recorder.record(
                    ReadingsStored(
                        at=self._clock.now(), through_seq=through, count=len(readings), digest=readings_digest(readings)
                    )
                )
            except BaseException:
                self._pending = pending + self._pending
                raise
            self._metrics.count("readings_stored", len(readings))
            for gateway_id, seq in through.items():
                stream = self._streams[gateway_id]
                asked = seq + 1 if stream.asks(self._clock.now()) else None
                stream.flushes += 1
                if asked is not None or stream.flushes >= self._confirm_every:
                    stream.flushes = 0
                    await self._gateways.confirm(gateway_id, through_seq=seq, resend_from=asked)
            return len(readings)

    def _close_streams(self, gateway_ids: Iterable[str]) -> dict[str, int]:
        """End of the gapless part per gateway."""
        through: dict[str, int] = {}
        for gateway_id in dict.fromkeys(gateway_ids):
            self._streams[gateway_id].close()
            through[gateway_id] = self._streams[gateway_id].through
        return through


def readings_digest(readings: Sequence[Reading]) -> str:
    """SHA-256 (hex) over readings, whatever order they came in."""
    lines = sorted(
        f"{r.meter_id}|{format_instant(r.at)}|{r.power_kw:.{WATT_DECIMALS}f}|{r.register_wh}|{r.quality}"
        for r in readings
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
