"""The API behind a real server on a free port, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from tests.vpp.api.api_rig import Api, opened_api
from tests.vpp.api.district_at_work import Caught


@dataclass
class Serving:
    """A running server; ``api`` belongs to its thread's loop: look, and call through ``submit`` only."""

    url: str
    api: Api
    loop: asyncio.AbstractEventLoop


@dataclass
class _Started:
    ready: threading.Event = field(default_factory=threading.Event)
    serving: Serving | None = None
    server: uvicorn.Server | None = None
    failure: BaseException | None = None


@contextmanager
def served(caught: Caught, folder: Path, *, stopping: bool = False) -> Iterator[Serving]:
    """The API over HTTP; with ``stopping`` the service is about to go down, so that streams end after a picture."""
    started = _Started()
    thread = threading.Thread(target=_run, args=(started, caught, folder, stopping), name="served")
    thread.start()
    try:
        started.ready.wait()
        if started.failure is not None:
            raise started.failure
        assert started.serving is not None
        yield started.serving
    finally:
        if started.server is not None:
            started.server.should_exit = True
        thread.join()


def _run(started: _Started, caught: Caught, folder: Path, stopping: bool) -> None:
    try:
        asyncio.run(_serve(started, caught, folder, stopping))
    except BaseException as error:
        started.failure = error
        raise
    finally:
        started.ready.set()


async def _serve(started: _Started, caught: Caught, folder: Path, stopping: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with opened_api(caught, folder) as api:
            if stopping:
                api.door.stopping.set()
            options = uvicorn.Config(api.app, log_level="error", timeout_graceful_shutdown=5)
            server = started.server = _Quiet(options, started)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            started.serving = Serving(url, api, asyncio.get_running_loop())
            await server.serve(sockets=[listening])


class _Quiet(uvicorn.Server):
    """Says when it answers, and leaves signals alone."""

    def __init__(self, options: uvicorn.Config, started: _Started) -> None:
        super().__init__(options)
        self._beginning = started

    def install_signal_handlers(self) -> None:
        """Signals belong to pytest."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._beginning.ready.set()
