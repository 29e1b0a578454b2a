"""One district in the middle of its work, run once per session and shared by all who need something to look at."""

import pytest

pytest.register_assert_rewrite(
    "tests.e2e.field", "tests.e2e.virtual_district", "tests.vpp.api.api_rig", "tests.vpp.api.district_at_work"
)

from tests.vpp.api.district_at_work import Caught, catch  # noqa: E402 - behind the registration above


@pytest.fixture(scope="session")
def caught(tmp_path_factory: pytest.TempPathFactory) -> Caught:
    return catch(tmp_path_factory.mktemp("caught"))
