"""A small HTTP server for the gateway process: ``/metrics`` for Prometheus, ``/healthz`` for whoever restarts it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vpp.domain.errors import OutsideError

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def status_page(
    host: str, port: int, *, metrics: Callable[[], bytes], states: Callable[[], Mapping[str, str]]
) -> Iterator[int]:
    """Serves in threads of its own until left; gives the port (0 takes a free one).

    Args:
        host: Address to listen on.
        port: Port, 0 for a free one.
        metrics: Exposition of all metrics.
        states: Per gateway ``running`` or what is wrong; all must run for ``/healthz`` to say 200.

    Raises:
        OutsideError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers one request."""
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._say(200, METRICS_TYPE, metrics())
                case "/healthz":
                    told = dict(states())
                    healthy = all(state == "running" for state in told.values())
                    self._say(200 if healthy else 503, "application/json", json.dumps({"gateways": told}).encode())
                case _:
                    self._say(404, "text/plain; charset=utf-8", b"/metrics or /healthz\n")

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Says nothing: a scrape every few seconds is no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise OutsideError(f"status page: {host}:{port} cannot be listened on: {error.strerror}") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="status page", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
