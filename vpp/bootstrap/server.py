"""The web server: uvicorn on a socket of ours, ended by us."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from vpp.config import HttpPart
from vpp.domain.errors import OutsideError

BACKLOG = 512


@contextmanager
def listening_on(http: HttpPart) -> Iterator[socket.socket]:
    """The socket to answer on.

    Raises:
        OutsideError: the address cannot be listened on; names it.
    """
    host, port = http.host, http.port
    with ExitStack() as stack:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = stack.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            raise OutsideError(f"http: cannot listen on {host}:{port} ({error.strerror})") from error
        yield listening


class WebServer(uvicorn.Server):
    """uvicorn on a socket of ours, without hands on the process's signals."""

    def __init__(self, app: ASGIApp, http: HttpPart) -> None:
        super().__init__(uvicorn.Config(app, **_options(http)))
        self.answering = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and tells."""
        await super().startup(sockets)
        self.answering.set()

    async def answer(self, listening: socket.socket) -> None:
        """Answers until told to stop; when cancelled, connections are cut."""
        try:
            await self.serve(sockets=[listening])
        finally:
            for listener in getattr(self, "servers", ()):
                listener.close()
            for task in list(self.server_state.tasks):
                task.cancel()


def _options(http: HttpPart) -> dict[str, Any]:
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "off",
        "ws": "none",
        "backlog": BACKLOG,
        "proxy_headers": bool(http.trusted_proxies),
        "forwarded_allow_ips": list(http.trusted_proxies),
        "timeout_graceful_shutdown": max(1, round(http.stop_within_s)),
    }
