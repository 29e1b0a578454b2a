"""All pages in one router, for the composition root."""

from fastapi import APIRouter

from vpp.portal.assets import assets_router
from vpp.portal.capability_pages import capability_router
from vpp.portal.event_pages import event_router
from vpp.portal.fleet_pages import fleet_router
from vpp.portal.login_pages import login_router
from vpp.portal.operator_pages import operator_router
from vpp.portal.participant_pages import participant_router
from vpp.portal.stream import stream_router


def portal_router() -> APIRouter:
    """Pages, their stream and their static files; nothing of it stands in the OpenAPI document."""
    router = APIRouter(include_in_schema=False)
    # "/operator/events/new" must come before "/operator/events/{event_id}".
    for part in (
        login_router,
        operator_router,
        capability_router,
        event_router,
        fleet_router,
        participant_router,
        stream_router,
        assets_router,
    ):
        router.include_router(part)
    return router
