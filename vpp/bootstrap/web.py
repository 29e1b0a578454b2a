"""The service as it is shipped: with all routes and pages, and its log."""

import asyncio
import logging
from collections.abc import Callable

from vpp.api.routes import api_routers
from vpp.bootstrap.service import Running, Web, serve
from vpp.config import ServeConfig
from vpp.infra.logs import last_words, set_up_logs
from vpp.portal import portal_router


def shipped_web() -> Web:
    """REST and pages."""
    return Web(routers=(*api_routers(), portal_router()))


def run_service(config: ServeConfig, on_ready: Callable[[Running], None]) -> None:
    """Serves until stopped; what is logged goes to standard error.

    Raises:
        VppError: as ``vpp.bootstrap.service.serve``.
        Exception: anything else is logged in one line first.
    """
    set_up_logs(json=config.log.format == "json", level=logging.getLevelNamesMapping()[config.log.level.upper()])
    with last_words("vpp serve"):
        asyncio.run(serve(config, shipped_web(), on_ready=on_ready))
