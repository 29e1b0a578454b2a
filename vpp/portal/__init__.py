"""The pages: operator desk and participant portal, rendered on the server, in Chinese and English."""

from vpp.portal.router import portal_router

__all__ = ["portal_router"]
