"""The Mosquitto configuration that we ship, with a real Mosquitto: who gets in, and who may say and hear what."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.contract.mosquitto_process import free_port, mosquitto_from, shipped_config
from vpp.domain.errors import BusError
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.ports import BusMessage, BusSession
from vpp.wire.topics import FROM_GATEWAY, TO_GATEWAY, controller_subscriptions, gateway_subscriptions, topic_of

ROOT = Path(__file__).parents[2]
ONE, OTHER = "gw-works-07", "gw-works-08"
END = "the end"


class Broker:
    """The shipped configuration at work.

    Attributes:
        passwords: By login, as ``.ci/make-secrets`` made them.
    """

    def __init__(self, port: int, passwords: dict[str, str]) -> None:
        self.port = port
        self.passwords = passwords

    def bus(self, login: str | None, password: str | None = None) -> AiomqttBus:
        secret = password if password is not None or login is None else self.passwords[login]
        return AiomqttBus(BrokerAddress(host="127.0.0.1", port=self.port, username=login, password=secret))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Mosquitto with the shipped files, their container paths turned into those of a folder."""
    folder = tmp_path_factory.mktemp("mosquitto")
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "make-secrets", folder / ".ci")
    for words in ([], ["gateway", ONE, OTHER]):
        subprocess.run([sys.executable, str(folder / ".ci" / "make-secrets"), *words], check=True, capture_output=True)
    secrets = folder / "secrets"
    passwords = {path.name.removeprefix("broker_"): path.read_text() for path in secrets.glob("broker_*")}
    port = free_port()
    text = shipped_config(folder, port, passwords=secrets / "mosquitto_passwords")
    with mosquitto_from(folder, text):
        yield Broker(port, passwords)


async def heard(session: BusSession, until: str) -> list[BusMessage]:
    """What comes in up to the message whose payload is ``until``, that one left out."""
    messages: list[BusMessage] = []
    async with asyncio.timeout(10.0):
        async for message in session.messages():
            if message.payload == until.encode():
                return messages
            messages.append(message)
    raise AssertionError("the session ended")


@pytest.mark.parametrize(
    ("login", "password"), [(None, None), ("controller", "guessed"), ("nobody", "x"), (ONE, ""), ("controller", "")]
)
async def test_config__lets_nobody_in_without_a_valid_login(
    broker: Broker, login: str | None, password: str | None
) -> None:
    with pytest.raises(BusError, match="cannot connect"):
        async with broker.bus(login, password).connect("stranger", subscriptions=[]):
            pass


async def test_acl__gateway_and_controller_reach_each_other_on_every_topic(broker: Broker) -> None:
    async with AsyncExitStack() as stack:
        controller = await stack.enter_async_context(
            broker.bus("controller").connect("vpp-controller", subscriptions=controller_subscriptions())
        )
        gateway = await stack.enter_async_context(
            broker.bus(ONE).connect(ONE, subscriptions=gateway_subscriptions(ONE))
        )
        for message_type in FROM_GATEWAY:
            await gateway.publish(topic_of(ONE, message_type), message_type.value.encode())
        for message_type in TO_GATEWAY:
            await controller.publish(topic_of(ONE, message_type), message_type.value.encode())
        await gateway.publish(topic_of(ONE, FROM_GATEWAY[0]), END.encode())
        await controller.publish(topic_of(ONE, TO_GATEWAY[0]), END.encode())

        assert [m.topic for m in await heard(controller, END)] == [topic_of(ONE, t) for t in FROM_GATEWAY]
        assert [m.topic for m in await heard(gateway, END)] == [topic_of(ONE, t) for t in TO_GATEWAY]


async def test_acl__gateway_speaks_for_itself_only(broker: Broker) -> None:
    """Neither as another gateway, nor as the controller, not even to itself; whatever client id it takes."""
    forbidden = [topic_of(OTHER, t) for t in (*FROM_GATEWAY, *TO_GATEWAY)] + [topic_of(ONE, t) for t in TO_GATEWAY]
    async with AsyncExitStack() as stack:
        controller = await stack.enter_async_context(
            broker.bus("controller").connect("vpp-controller", subscriptions=controller_subscriptions())
        )
        victims = [
            await stack.enter_async_context(broker.bus(g).connect(g, subscriptions=gateway_subscriptions(g)))
            for g in (ONE, OTHER)
        ]
        for topic in forbidden:
            # Some releases answer as if nothing were wrong, others (2.0.11) end the link after the answer.
            with suppress(BusError):
                async with broker.bus(ONE).connect("intruder", subscriptions=[]) as intruder:
                    await intruder.publish(topic, b"forged")
        await victims[0].publish(topic_of(ONE, FROM_GATEWAY[0]), END.encode())

        assert await heard(controller, END) == []
        for gateway_id, victim in zip((ONE, OTHER), victims, strict=True):
            await controller.publish(topic_of(gateway_id, TO_GATEWAY[0]), END.encode())
            assert await heard(victim, END) == []


async def test_acl__gateway_hears_only_what_is_meant_for_it(broker: Broker) -> None:
    async with AsyncExitStack() as stack:
        curious = await stack.enter_async_context(
            broker.bus(ONE).connect("curious", subscriptions=["#", "vpp/v1/+/command", "vpp/v1/+/telemetry"])
        )
        other = await stack.enter_async_context(broker.bus(OTHER).connect(OTHER, subscriptions=[]))
        controller = await stack.enter_async_context(broker.bus("controller").connect("vpp-c", subscriptions=[]))
        for message_type in FROM_GATEWAY[2:]:
            await other.publish(topic_of(OTHER, message_type), b"private")
        for message_type in TO_GATEWAY:
            await controller.publish(topic_of(OTHER, message_type), b"private")
        await controller.publish(topic_of(ONE, TO_GATEWAY[0]), END.encode())

        assert await heard(curious, END) == []


async def test_config__a_burst_for_a_slow_reader_is_not_dropped(broker: Broker) -> None:
    """3,000 messages wait for a reader; Mosquitto's own default would drop all beyond 1,000."""
    count = 3000
    async with AsyncExitStack() as stack:
        controller = await stack.enter_async_context(
            broker.bus("controller").connect("vpp-slow", subscriptions=controller_subscriptions())
        )
        fleet = await stack.enter_async_context(broker.bus("gateways").connect("fleet", subscriptions=[]))
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(fleet.publish(topic_of(f"g{number}", FROM_GATEWAY[4]), b"%d" % number))
        await fleet.publish(topic_of("g", FROM_GATEWAY[4]), END.encode())

        assert {int(m.payload) for m in await heard(controller, END)} == set(range(count))


def test_secrets__new_ones_on_request_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = Path(shutil.copy(ROOT / ".ci" / "make-secrets", tmp_path / ".ci"))

    def run(*words: str) -> dict[str, str]:
        subprocess.run([sys.executable, str(script), *words], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first, again, renewed = run(), run(), run("renew", "postgres")

    names = {"broker_controller", "broker_gateways", "postgres", "grafana"}
    assert first.keys() == names | {"mosquitto_passwords"}
    assert {name: again[name] for name in names} == {name: first[name] for name in names}
    assert renewed["postgres"] != first["postgres"]
    assert renewed["grafana"] == first["grafana"]
    assert len({first[name] for name in names}) == len(names)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gateway", "a/b"], "no ids for a gateway: 'a/b'"),
        (["gateway", "controller"], "no ids for a gateway: 'controller'"),
        (["renew", "nothing"], "there is no secret 'nothing'"),
        (["renew", "mosquitto_passwords"], "there is no secret 'mosquitto_passwords'"),
        (["other"], ".ci/make-secrets renew NAME"),
    ],
)
def test_secrets__refuses_and_says_why(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(ROOT / ".ci" / "make-secrets", tmp_path / ".ci")

    ended = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert said in ended.stderr
