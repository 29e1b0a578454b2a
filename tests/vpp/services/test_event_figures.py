"""The five figures while an event runs: nothing is shown as zero that is merely not known yet."""

from datetime import timedelta

import pytest

from tests.vpp.domain.event_samples import EVENT, START, sample_declaration
from tests.vpp.services.metered_life import OVER, live_through, meters_of
from tests.vpp.services.service_rig import MINUTE, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.services.event_figures import EventFigures

QUARTER = timedelta(minutes=15)
SECONDS = timedelta(seconds=5)


async def running(until: object) -> tuple[Controller, EventFigures]:
    controller, _, _ = await controller_rig()
    await controller.intake.declare(sample_declaration())
    await controller.intake.approve(EVENT)
    await controller.runner.cycle()
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await live_through(controller, meters_of(controller), until)
    figures = EventFigures(controller.recorder, controller.settling, controller.tracking, controller.clock)
    return controller, figures


@virtual
async def test_waterfall__an_interval_just_over_keeps_its_live_figure_until_its_registers_are_stored() -> None:
    controller, figures = await running(START + QUARTER - MINUTE)
    await controller.clock.sleep_until(START + QUARTER + SECONDS)

    view = await figures.waterfall(EVENT)

    assert view.phase == ("over", "running", "ahead", "ahead")
    # These meters do at once what they are asked.
    assert view.commanded_kw[0] is not None
    assert view.verified_kw[0] == pytest.approx(view.commanded_kw[0], rel=0.05)
    assert view.commanded_kw[0] >= 50.0
    # Not a reading of the new interval has come.
    assert view.verified_kw[1:] == (None, None, None)


@virtual
async def test_waterfall__final_figures_are_those_of_the_report() -> None:
    controller, figures = await running(OVER)

    view = await figures.waterfall(EVENT)

    report = await controller.views.report(EVENT)
    assert view.final
    assert list(view.verified_kw) == report["waterfall"]["verified_kw"]
    assert list(view.metered_kw) == report["waterfall"]["metered_kw"]
