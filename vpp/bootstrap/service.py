"""The service: controller, doors and web server in one process, on one event loop; solves in processes of their own."""

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from fastapi import APIRouter
from starlette.types import ASGIApp

from vpp.api.app import create_app
from vpp.api.door import Door, DoorFacts
from vpp.api.idempotency import KEPT
from vpp.bootstrap import Controller, Outside, Setup
from vpp.bootstrap.doors import Doorway, door_of
from vpp.bootstrap.parts import HASHING_THREADS, broker_address, clock_of, clock_reading, store_urls
from vpp.bootstrap.planner import DeadlinePlanner, solver_workers
from vpp.bootstrap.server import WebServer, listening_on
from vpp.config import ServeConfig
from vpp.domain.errors import StoreError, VppError
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.clock import SystemClock
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.price_file import prices_of
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.access import AccessDatabase, open_access
from vpp.infra.store.archive import open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.store.sole_writer import sole_writer
from vpp.infra.upstream.watched_folder import WatchedFolder
from vpp.infra.workers import ProcessWorkers, ThreadWorkers
from vpp.services.accounts import Accounts, Credentials
from vpp.services.intake import ReferencePeak

DISTRIBUTION = "beichen-vpp"
TIDY_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Web:
    """What stands behind the door: routes, and further applications such as static files by path."""

    routers: Sequence[APIRouter] = ()
    mounts: Mapping[str, ASGIApp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers.

    Attributes:
        url: Where people reach it.
        port: On which it listens.
        first: Credentials made on the very first start, to be shown once; empty later.
    """

    url: str
    port: int
    first: Sequence[Credentials]
    door: Door


@dataclass(frozen=True, slots=True)
class _Opened:
    controller: Controller
    access: AccessDatabase
    metrics: PrometheusMetrics
    warm: Callable[[], Coroutine[None, None, None]]


async def serve(config: ServeConfig, web: Web, *, on_ready: Callable[[Running], None]) -> None:
    """Serves until SIGTERM, SIGINT or cancellation; nothing is left running.

    Args:
        config: Settings.
        web: Behind the door; health, metrics, sessions and accounts are always there.
        on_ready: Called once, when the service answers.

    Raises:
        ConfigError: set-up files or secrets cannot be used.
        StoreError: a database cannot be opened, or another controller is running on this store.
        OutsideError: the address cannot be listened on.
    """
    with one_error():
        async with _opened(config) as opened:
            with listening_on(config.http) as listening:
                await _run(config, opened, web, listening, on_ready)


@asynccontextmanager
async def _opened(config: ServeConfig) -> AsyncIterator[_Opened]:
    """The controller on its stores, not yet running."""
    folder, urls, metrics = StoreFolder(config.store.folder), store_urls(config.store), PrometheusMetrics()
    fleet, programs, network = folder.fleet(), folder.programs(), folder.network()
    peak = config.reference_peak
    with (
        sole_writer(folder.path, urls.ledger),
        # A thread per database: the event loop does not wait for disks, and each is asked in the order of asking.
        ThreadWorkers(1, name="ledger") as for_ledger,
        ThreadWorkers(1, name="archive") as for_archive,
        ThreadWorkers(1, name="access") as for_access,
        ThreadWorkers(1, name="files") as for_files,
        closing(open_ledger(urls.ledger, for_ledger)) as ledger,
        closing(open_archive(urls.archive, for_archive)) as archive,
        closing(open_access(urls.access, for_access)) as access,
        ProcessWorkers() as computing,
        ThreadWorkers(config.planning.processes + 1, name="planning") as for_planning,
        solver_workers(config.planning.processes, metrics) as solvers,
    ):
        planner = DeadlinePlanner(solvers, config.planning.solve_deadline_s)
        outside = Outside(
            bus=AiomqttBus(broker_address(config.broker)),
            ledger=ledger,
            archive=archive,
            clock=clock_of(config.clock),
            workers=computing,
            metrics=metrics,
            network=network,
            planner=planner,
            planner_workers=for_planning,
            calendar=chinese_working_days,
            prices=prices_of(config.planning.energy_price_file),
            upstream=None
            if config.upstream is None
            else WatchedFolder(config.upstream.folder, config.upstream.name, for_files, metrics),
        )
        setup = Setup(
            fleet=fleet,
            programs=programs,
            reference_peak=ReferencePeak(peak.kw, peak.source, peak.date),
            epoch=next_epoch(config.store.epoch_file or folder.epoch_path),
            confirm_every=config.confirm_every,
            open_rounds=config.open_rounds,
            settings=config.control.settings(),
            clock_sync=lambda: clock_reading(config.clock),
        )

        async def warm() -> None:
            await computing.warm()
            await for_planning.run(planner.warm)

        try:
            yield _Opened(Controller(outside, setup), access, metrics, warm)
        finally:
            # Nobody waits for what they do any more.
            solvers.close()
            computing.abandon()


async def _run(
    config: ServeConfig,
    opened: _Opened,
    web: Web,
    listening: socket.socket,
    on_ready: Callable[[Running], None],
) -> None:
    controller, port = opened.controller, int(listening.getsockname()[1])
    with ThreadWorkers(HASHING_THREADS, name="passwords") as hashing:
        accounts = Accounts(
            opened.access.accounts,
            Argon2Hasher(),
            workers=hashing,
            wall=SystemClock(),
            participant_known=lambda participant_id: participant_id in controller.registry.fleet.participants,
        )
        way = Doorway(accounts, opened.metrics, _facts(config, port), opened.access.idempotency)
        door = door_of(controller, way)
        await opened.access.idempotency.abandon_all()
        await accounts.plant(_demo_users(config))
        await controller.start()
        server = WebServer(create_app(door, web.routers, mounts=web.mounts), config.http)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(controller.run(), name="controller"),
                group.create_task(_tidy(door), name="service/tidy"),
                group.create_task(opened.warm(), name="service/warm"),
            ]
            answering = group.create_task(server.answer(listening), name="service/web")
            await server.answering.wait()
            first = await accounts.first_credentials()
            on_ready(Running(door.facts.public_url, port, first, door))
            with _ended_by_signals(door.stopping):
                await door.stopping.wait()
            server.should_exit = True
            await answering
            for task in tasks:
                task.cancel()


def _facts(config: ServeConfig, port: int) -> DoorFacts:
    http = config.http
    return DoorFacts(
        public_url=http.url_on(port),
        speed=1.0 if config.clock is None else config.clock.speed,
        version=version(DISTRIBUTION),
        demo=bool(config.demo_users),
        metrics_open=http.metrics_need_no_key,
    )


def _demo_users(config: ServeConfig) -> list[Credentials]:
    return [
        Credentials(user.name, user.password.get_secret_value(), user.role, user.participant_id)
        for user in config.demo_users
    ]


@contextmanager
def _ended_by_signals(stopping: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event; only the main thread is told of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, signals = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stopping.set)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


async def _tidy(door: Door) -> None:
    """Forgets, now and then, what is over."""
    while True:
        try:
            await door.accounts.tidy()
            await door.idempotency.drop_before(door.wall.now() - KEPT)
        except StoreError as error:
            door.metrics.note("what is over could not be forgotten", reason=str(error))
        await asyncio.sleep(TIDY_EVERY_S)


@contextmanager
def one_error() -> Iterator[None]:
    """Lets an error of ours out of a task group as itself, so that it can be told in one line."""
    try:
        yield
    except ExceptionGroup as group:
        only: Exception = group
        while isinstance(only, ExceptionGroup) and len(only.exceptions) == 1:
            only = only.exceptions[0]
        if isinstance(only, VppError):
            raise only from group
        raise
