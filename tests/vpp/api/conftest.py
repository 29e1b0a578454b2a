"""Every test gets an API on a copy of the caught district of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vpp.api.api_rig import Api, opened_api
from tests.vpp.api.district_at_work import Caught


@pytest.fixture
async def api(caught: Caught, tmp_path: Path) -> AsyncIterator[Api]:
    async with opened_api(caught, tmp_path / "store") as opened:
        yield opened
