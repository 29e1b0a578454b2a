"""One district in the middle of its work, run once per session; every test gets an API on a copy of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.vpp.api.api_rig", "tests.vpp.api.district_at_work")

from tests.vpp.api.api_rig import Api, opened_api  # noqa: E402 - behind the registration above
from tests.vpp.api.district_at_work import Caught, catch  # noqa: E402


@pytest.fixture(scope="session")
def caught(tmp_path_factory: pytest.TempPathFactory) -> Caught:
    return catch(tmp_path_factory.mktemp("caught"))


@pytest.fixture
async def api(caught: Caught, tmp_path: Path) -> AsyncIterator[Api]:
    async with opened_api(caught, tmp_path / "store") as opened:
        yield opened
