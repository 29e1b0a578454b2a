"""Staged onboarding: sites of rounds not yet opened are connected and metered, and never called."""

from dataclasses import replace

import pytest

from tests.vpp.domain.event_samples import EVENT, sample_declaration
from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES, sample_fleet
from tests.vpp.services.metered_life import live_through, meters_of
from tests.vpp.services.service_rig import BASELINE_KW, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.errors import InputError
from vpp.domain.events import EventState
from vpp.domain.fleet import Fleet
from vpp.infra.store.ledger import SqlLedger, open_ledger

ROUNDS = {"s-factory": 1, "s-mall": 2, "s-store": 3}


def staged_fleet() -> Fleet:
    sites = [replace(site, access_round=ROUNDS.get(site.id, 1)) for site in SITES]
    return Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=sites, resources=RESOURCES)


async def staged(open_rounds: int | None = 1, ledger: SqlLedger | None = None, epoch: int = 1) -> Controller:
    setup = {"fleet": staged_fleet(), "open_rounds": open_rounds}
    controller, _, _ = await controller_rig(ledger=ledger, epoch=epoch, setup=setup)
    return controller


@virtual
async def test_why_not__a_site_of_a_later_round() -> None:
    registry = (await staged()).registry

    reasons = {r: registry.why_not(r) for r in BASELINE_KW}
    assert reasons == {"line-1": None, "line-2": None, "cool-1": "later-round", "bat-1": "later-round"}
    assert registry.why_not("clinic-1") == "protected"
    assert {registry.why_not(r) for r in BASELINE_KW} == {None, "later-round"}


@pytest.mark.parametrize("open_rounds", [None, 3, 7])
@virtual
async def test_why_not__all_rounds_open(open_rounds: int | None) -> None:
    registry = (await staged(open_rounds)).registry

    assert [registry.why_not(r) for r in BASELINE_KW] == [None] * 4


@virtual
async def test_open_round__in_order_and_for_good() -> None:
    ledger = open_ledger("sqlite://")
    controller = await staged(ledger=ledger)
    with pytest.raises(InputError, match="access round 3 cannot be opened: rounds up to 1 are open, the next is 2"):
        await controller.intake.open_round(3, by="admin")
    await controller.intake.open_round(2, by="admin")
    with pytest.raises(InputError, match="access round 2 cannot be opened: rounds up to 2 are open, the next is 3"):
        await controller.intake.open_round(2, by="admin")
    assert controller.registry.why_not("cool-1") is None

    again = await staged(ledger=ledger, epoch=2)
    assert again.registry.open_round() == 2
    await again.intake.open_round(3, by="admin")
    with pytest.raises(InputError, match="access round 4 cannot be opened: no site has a round above 3"):
        await again.intake.open_round(4, by="admin")


@virtual
async def test_an_event__invites_calls_and_explains_by_round() -> None:
    controller = await staged()
    await controller.intake.declare(sample_declaration())
    await controller.intake.approve(EVENT)
    await controller.runner.cycle()
    record = controller.recorder.book.event(EVENT)
    assert record.invitation is not None
    assert record.invitation.participant_ids == ("factory",)
    await controller.intake.answer(EVENT, "factory", accepted=True)
    await live_through(controller, meters_of(controller))

    assert record.state is EventState.SETTLED
    assert record.commitment is not None
    later = {r: code for r, code in record.commitment.skipped.items() if code == "later-round"}
    assert set(later) == {"cool-1", "bat-1"}
    assert set(record.commands) <= {"line-1", "line-2"}
    # Connected and metered all the same.
    assert controller.ingest.live.index.keys() >= set(BASELINE_KW)


def test_fleet__rounds_begin_at_1() -> None:
    sites = [replace(SITES[0], access_round=0), *SITES[1:]]
    with pytest.raises(InputError, match="site 's-factory': access round 0 is not >= 1"):
        Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=sites, resources=RESOURCES)
    assert sample_fleet().last_round == 1
    assert staged_fleet().last_round == 3
