"""Fixtures of the contract tests."""

from collections.abc import Iterator

import pytest

from tests.contract.buses import OpenBus, embedded_bus, memory_bus, real_bus
from tests.contract.mosquitto_process import running_mosquitto
from tests.contract.postgres_process import Cluster, running_postgres
from vpp.infra.mqtt.aiomqtt_bus import MqttVersion


@pytest.fixture(scope="session")
def mosquitto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A mosquitto for the whole run."""
    with running_mosquitto(tmp_path_factory.mktemp("mosquitto")) as port:
        yield port


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL for the whole run."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(params=["memory", "embedded", "mosquitto 3.1.1", "mosquitto 5"])
def open_bus(request: pytest.FixtureRequest) -> OpenBus:
    """Opens one of the buses inside a running event loop."""
    if request.param == "memory":
        return memory_bus
    if request.param == "embedded":
        return embedded_bus
    port: int = request.getfixturevalue("mosquitto_port")
    version = MqttVersion.V5 if request.param == "mosquitto 5" else MqttVersion.V3_1_1
    return lambda: real_bus(port, version)
