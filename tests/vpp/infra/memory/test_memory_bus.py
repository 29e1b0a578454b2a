"""What only the in-memory broker does: link loss on demand, faults from a seed, bounded queues. Virtual time."""

import asyncio
from datetime import UTC, datetime

import pytest

from vpp.domain.errors import BusError, InputError, InvariantError
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.memory.faults import Delivery, Fate, SeededFaults
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.ports import BusMessage, BusSession, LastWill

START = datetime(2026, 7, 20, 4, 0, tzinfo=UTC)


async def _read(session: BusSession, number: int) -> list[BusMessage]:
    read: list[BusMessage] = []
    async for message in session.messages():
        read.append(message)
        if len(read) == number:
            break
    return read


def test_drop__publishes_the_will_and_ends_the_session() -> None:
    async def main() -> None:
        broker = MemoryBroker()
        async with (
            broker.connect("watcher", subscriptions=["+/status"]) as watcher,
            broker.connect("g1", subscriptions=["g1/#"], will=LastWill("g1/status", b"gone")) as gateway,
        ):
            await watcher.publish("g1/command", b"last")
            broker.drop("g1")
            assert await _read(watcher, 1) == [BusMessage("g1/status", b"gone")]
            assert await _read(gateway, 1) == [BusMessage("g1/command", b"last")]
            with pytest.raises(BusError, match="client 'g1': the link is lost"):
                await _read(gateway, 1)
            with pytest.raises(BusError, match="the link is lost"):
                await gateway.publish("g1/telemetry", b"x")
        assert broker.retained == {"g1/status": b"gone"}
        assert broker.client_ids == ()

    run_virtual(main(), START)


def test_drop__unknown_client_changes_nothing() -> None:
    async def main() -> None:
        MemoryBroker().drop("nobody")

    run_virtual(main(), START)


def test_cut__refuses_until_restored() -> None:
    async def main() -> None:
        broker = MemoryBroker()
        broker.cut("g1")
        with pytest.raises(BusError, match="client 'g1' cannot reach the broker: it is cut off"):
            async with broker.connect("g1", subscriptions=[]):
                pass
        broker.restore("g1")
        async with broker.connect("g1", subscriptions=[]):
            assert broker.client_ids == ("g1",)

    run_virtual(main(), START)


def test_messages__waiting_reader_learns_of_the_loss() -> None:
    async def main() -> None:
        broker = MemoryBroker()
        async with broker.connect("g1", subscriptions=["a"]) as session:
            asyncio.get_running_loop().call_later(1.0, broker.drop, "g1")
            with pytest.raises(BusError, match="client 'g1': the link is lost"):
                await _read(session, 1)

    run_virtual(main(), START)


def test_messages__second_reader_is_refused() -> None:
    async def main() -> None:
        async with MemoryBroker().connect("g1", subscriptions=["a"]) as session, asyncio.TaskGroup() as group:
            reader = group.create_task(_read(session, 1))
            await asyncio.sleep(1)
            with pytest.raises(InvariantError, match="two readers on the session of client 'g1'"):
                await _read(session, 1)
            reader.cancel()

    run_virtual(main(), START)


def test_queue__full_drops_the_link_after_what_was_queued() -> None:
    async def main() -> None:
        broker = MemoryBroker(queue_limit=3)
        async with (
            broker.connect("slow", subscriptions=["a"]) as slow,
            broker.connect("fast", subscriptions=[]) as fast,
        ):
            for number in range(5):
                await fast.publish("a", str(number).encode())
            assert [message.payload for message in await _read(slow, 3)] == [b"0", b"1", b"2"]
            with pytest.raises(BusError, match="3 messages wait unread, the limit of the queue"):
                await _read(slow, 1)

    run_virtual(main(), START)


def test_fault__lost_repeated_and_delayed() -> None:
    fates = {b"lost": Fate(copies=0), b"late": Fate(delay_s=5.0), b"twice": Fate(copies=2)}

    async def main() -> list[tuple[bytes, float]]:
        seen: list[tuple[bytes, float]] = []
        topics: list[str] = []

        def fault(delivery: Delivery) -> Fate:
            topics.append(f"{delivery.sender_id}>{delivery.receiver_id}:{delivery.topic}")
            return fates[delivery.topic.encode()]

        broker = MemoryBroker(fault=fault)
        clock = VirtualClock()
        async with (
            broker.connect("r", subscriptions=["#"]) as receiver,
            broker.connect("s", subscriptions=[]) as sender,
        ):
            for name in fates:
                await sender.publish(name.decode(), name)
            async for message in receiver.messages():
                seen.append((message.payload, (clock.now() - START).total_seconds()))
                if len(seen) == 3:
                    break
        assert topics == ["s>r:lost", "s>r:late", "s>r:twice"]
        return seen

    assert run_virtual(main(), START) == [(b"twice", 0.0), (b"twice", 0.0), (b"late", 5.0)]


def test_seeded_faults__same_seed_same_fates_per_topic() -> None:
    def fates(faults: SeededFaults, topic: str) -> list[Fate]:
        return [faults(Delivery("s", "r", topic)) for _ in range(400)]

    def faults() -> SeededFaults:
        return SeededFaults(7, loss_rate=0.25, duplicate_rate=0.5, delay_rate=0.5, delay_max_s=2.0)

    alone, mixed = faults(), faults()
    fates(mixed, "other")
    first = fates(alone, "topic")
    assert first == fates(mixed, "topic")
    assert first != fates(SeededFaults(8, loss_rate=0.25, duplicate_rate=0.5, delay_rate=0.5, delay_max_s=2.0), "topic")
    assert 60 <= sum(fate.copies == 0 for fate in first) <= 140
    assert 110 <= sum(fate.copies == 2 for fate in first) <= 190
    assert all(0.0 <= fate.delay_s <= 2.0 for fate in first)


def test_seeded_faults__rates_are_checked() -> None:
    with pytest.raises(InputError, match=r"loss rate 1.5 of the bus faults is not in \[0, 1\]"):
        SeededFaults(1, loss_rate=1.5)
    with pytest.raises(InputError, match=r"largest delay -1.0 s of the bus faults is not >= 0"):
        SeededFaults(1, delay_max_s=-1.0)
