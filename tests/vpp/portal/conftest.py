"""The district caught at work that the API's tests have, with pages behind its door and people who log in."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.vpp.portal.portal_rig")

from tests.vpp.api.district_at_work import Caught  # noqa: E402 - behind the registration above
from tests.vpp.portal.portal_rig import Portal, opened_portal  # noqa: E402


@pytest.fixture
async def portal(caught: Caught, tmp_path: Path) -> AsyncIterator[Portal]:
    async with opened_portal(caught, tmp_path / "store") as opened:
        yield opened
    shutil.rmtree(tmp_path / "store")
