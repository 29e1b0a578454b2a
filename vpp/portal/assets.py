"""Scripts and styles from our own origin: this package's, and BokehJS out of Bokeh's wheel.

The address of a file holds a digest of its content, so that a browser keeps it for ever and never shows an old one
after an upgrade. Modules import each other by relative address and therefore share one digest over all of them.
"""

import hashlib
from functools import cache
from importlib.resources import files

from bokeh.util.paths import bokehjs_path
from fastapi import APIRouter, HTTPException, Response

PREFIX = "/static"
CACHE_FOR_EVER = "public, max-age=31536000, immutable"
_OWN_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_BOKEH_FILES = ("bokeh.min.js", "bokeh-api.min.js")

assets_router = APIRouter(include_in_schema=False)


@cache
def contents() -> dict[str, bytes]:
    """Every file that is served, by name."""
    own = {
        entry.name: entry.read_bytes()
        for entry in (files("vpp.portal") / "static").iterdir()
        if entry.is_file() and _media_type(entry.name)
    }
    bokeh = {name: (bokehjs_path() / "js" / name).read_bytes() for name in _BOKEH_FILES}
    return own | bokeh


@cache
def digest() -> str:
    """Changes whenever any of the files does."""
    total = hashlib.sha256()
    for name, content in sorted(contents().items()):
        total.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


def asset_url(name: str) -> str:
    """The address of a file of ours.

    Raises:
        KeyError: there is no such file.
    """
    if name not in contents():
        raise KeyError(name)
    return f"{PREFIX}/{digest()}/{name}"


@assets_router.get(PREFIX + "/{version}/{name}")
def asset(version: str, name: str) -> Response:
    """One file; an old version's address is answered with the present file, not to be kept."""
    content = contents().get(name)
    if content is None:
        raise HTTPException(404, f"there is no static file {name!r}")
    cache_control = CACHE_FOR_EVER if version == digest() else "no-cache"
    return Response(content, media_type=_media_type(name), headers={"Cache-Control": cache_control})


def _media_type(name: str) -> str | None:
    return next((kind for ending, kind in _OWN_TYPES.items() if name.endswith(ending)), None)
