"""No command can arise from the orderly-use warning level: whatever can plan or command cannot even reach it."""

from functools import cache

import grimp
import pytest

SHOWN = {"vpp.domain.orderly_use", "vpp.services.orderly_use"}
MAY_SHOW = ("vpp.api", "vpp.portal", "vpp.bootstrap", "vpp.reporting", "vpp.cli")
"""Doors and the composition root; only these may know of it."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("vpp", "optimizer", "adapters", "simulator", include_external_packages=False)


@pytest.mark.parametrize("module", sorted(SHOWN))
def test_orderly_use__is_known_to_who_shows_it_only(module: str) -> None:
    importers = graph().find_modules_that_directly_import(module) - SHOWN

    strangers = {name for name in importers if not name.startswith(MAY_SHOW)}
    assert strangers == set()


@pytest.mark.parametrize(
    "commanding",
    [
        "vpp.services.dispatching",
        "vpp.services.intake",
        "vpp.services.planning",
        "vpp.services.runner",
        "vpp.services.tracking",
        "vpp.services.upstream",
        "vpp.domain.commanding",
        "vpp.infra.mqtt.gateway_link",
        "optimizer.plan",
        "adapters.kit.gateway",
    ],
)
def test_orderly_use__cannot_be_reached_from_what_commands(commanding: str) -> None:
    assert commanding in graph().modules
    for module in SHOWN:
        assert not graph().chain_exists(importer=commanding, imported=module), (commanding, module)


def test_orderly_use__has_no_hand_on_anything() -> None:
    """It may read fleet, clock and forecasts; recorder, intake and gateways are out of its reach."""
    reached = graph().find_upstream_modules("vpp.services.orderly_use")

    hands = {name for name in reached if name.startswith(("vpp.services.", "vpp.infra", "vpp.wire", "vpp.api"))}
    assert hands == set()
