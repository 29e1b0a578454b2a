"""From settings to the concrete things that they name, for the service and for commands beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from vpp.config import BrokerPart, ClockPart, ServeConfig, StorePart
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.store.access import open_access
from vpp.infra.store.engines import with_password
from vpp.infra.store.folder import StoreFolder
from vpp.infra.workers import ThreadWorkers
from vpp.ports import Clock, ClockReading
from vpp.services.accounts import Accounts

HASHING_THREADS = 2


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """Addresses of the three databases, passwords inside: never to be shown."""

    ledger: str
    archive: str
    access: str


def store_urls(told: StorePart) -> StoreUrls:
    """The addresses; files in the store folder where none is given.

    Raises:
        ConfigError: the password is not where it was said to be.
    """
    folder = StoreFolder(told.folder)
    password = None if told.database_password is None else told.database_password.read("store.database_password")
    urls = (
        told.ledger_url or folder.ledger_url,
        told.archive_url or folder.archive_url,
        told.access_url or folder.access_url,
    )
    return StoreUrls(*(with_password(url, password) for url in urls))


def broker_address(told: BrokerPart) -> BrokerAddress:
    """The broker.

    Raises:
        ConfigError: the password is not where it was said to be.
    """
    return BrokerAddress(
        host=told.host,
        port=told.port,
        username=told.username,
        password=None if told.password is None else told.password.read("broker.password"),
        ca_file=None if told.tls_ca_file is None else str(told.tls_ca_file),
        keepalive_s=told.keepalive_s,
    )


def clock_of(told: ClockPart | None) -> Clock:
    """Real time, or the scaled time that all processes of a demonstration share."""
    if told is None:
        return SystemClock()
    passed_s = (SystemClock().now() - told.wall_at).total_seconds()
    return ScaledClock(told.at + timedelta(seconds=told.speed * passed_s), told.speed)


def clock_reading(told: ClockPart | None) -> ClockReading | None:
    """What gateways are told of scaled time; ``None`` for real time."""
    return None if told is None else ClockReading(told.at, told.wall_at, told.speed)


@contextmanager
def accounts_of(config: ServeConfig) -> Iterator[Accounts]:
    """The accounts of a store, for a command beside the service; both may be running.

    Raises:
        ConfigError: set-up files or secrets cannot be used.
        StoreError: the database cannot be opened.
    """
    fleet = StoreFolder(config.store.folder).fleet()
    access = open_access(store_urls(config.store).access)
    try:
        with ThreadWorkers(HASHING_THREADS, name="passwords") as hashing:
            yield Accounts(
                access.accounts,
                Argon2Hasher(),
                workers=hashing,
                wall=SystemClock(),
                participant_known=lambda participant_id: participant_id in fleet.participants,
            )
    finally:
        access.close()
