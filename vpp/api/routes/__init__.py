"""The routes of ``/api/v1``, one module per thing."""

from collections.abc import Sequence

from fastapi import APIRouter

from vpp.api.routes.district import district_router
from vpp.api.routes.energy import energy_router
from vpp.api.routes.event_actions import actions_router
from vpp.api.routes.event_stream import stream_router
from vpp.api.routes.events import events_router
from vpp.api.routes.fleet import fleet_router
from vpp.api.routes.invitations import invitations_router
from vpp.api.routes.me import me_router
from vpp.api.routes.network import network_router
from vpp.api.routes.statements import statements_router


def api_routers() -> Sequence[APIRouter]:
    """All of them, in order of precedence."""
    return [
        events_router,
        actions_router,
        stream_router,
        invitations_router,
        statements_router,
        district_router,
        network_router,
        fleet_router,
        energy_router,
        me_router,
    ]
