"""What the terminal shows of a controller, before and after an event is declared."""

from datetime import timedelta

from tests.vpp.domain.event_samples import EARLY, EVENT, START, sample_declaration
from tests.vpp.services.service_rig import controller_rig, virtual
from vpp.cli.snapshots import live_snapshot


@virtual
async def test_live_snapshot__nothing_declared() -> None:
    controller, _, _ = await controller_rig(history=False)

    shown = live_snapshot(controller, speed=120.0, done_fraction=0.25)

    assert (shown.now, shown.event_id, shown.event_state) == (EARLY, "–", "waiting")
    assert (shown.speed, shown.done_fraction) == (120.0, 0.25)
    assert shown.interval is None
    assert shown.by_kind_kw == {}
    assert shown.facts == ()
    assert 0 <= shown.gateways_online <= shown.gateways_total > 0


@virtual
async def test_live_snapshot__states_in_local_time_and_no_figures_without_baselines() -> None:
    controller, _, _ = await controller_rig(history=False)
    await controller.intake.declare(sample_declaration())
    await controller.clock.sleep_until(EARLY + timedelta(minutes=1))
    await controller.intake.approve(EVENT)
    await controller.clock.sleep_until(START)

    shown = live_snapshot(controller, speed=None, done_fraction=None)

    assert (shown.event_id, shown.event_state) == (EVENT, "approved")
    assert shown.facts == ("12:00 event draft", "12:01 event approved")
    assert shown.interval is None
