import re

import pytest

from tests.vpp.portal.portal_rig import Portal
from vpp.portal.assets import asset_url, contents


async def test_asset__is_kept_for_ever_under_its_present_address_only(portal: Portal) -> None:
    async with portal.visitor() as client:
        present = await client.get(asset_url("bokeh.min.js"))
        old = await client.get("/static/0123456789abcdef/portal.css")

    assert present.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert present.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert old.headers["Cache-Control"] == "no-cache"


async def test_asset__an_unknown_name_is_404_and_names_it(portal: Portal) -> None:
    async with portal.visitor() as client:
        answer = await client.get("/static/x/secrets.txt")

    assert answer.status_code == 404
    assert "there is no static file 'secrets.txt'" in answer.text


def test_asset_url__an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        asset_url("nothing.js")


def test_scripts__name_no_other_origin_and_no_markup() -> None:
    for name, content in contents().items():
        if name.endswith(".js") and not name.startswith("bokeh"):
            source = content.decode()
            assert not re.search(r"https?://", source), name
            assert not re.search(r"\.innerHTML\s*=[^=]", source), name
            assert "eval(" not in source, name
