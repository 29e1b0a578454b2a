"""The capability table as a service: who counts, when it is made anew, and what stands in beyond the offers."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.vpp.domain.event_samples import END, START, committed_facts, frozen, issued, planned, sample_command
from tests.vpp.services.service_rig import BASELINE_KW, MINUTE, controller_rig, offer, virtual
from vpp.bootstrap import Controller
from vpp.domain.capability_table import NOTICES
from vpp.domain.errors import UnknownThingError
from vpp.domain.events import Direction
from vpp.infra.workers import InlineWorkers

FOUR_HOURS = 3


@dataclass
class CountingWorkers(InlineWorkers):
    """Counts what is done."""

    done: list[str] = field(default_factory=list)

    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.done.append(function.__name__)
        return await super().run(function, *args, **kwargs)


async def counted() -> tuple[Controller, CountingWorkers]:
    workers = CountingWorkers()
    controller, _, _ = await controller_rig(outside={"workers": workers})
    return controller, workers


async def offered_again(controller: Controller, **changes: float) -> None:
    gateway_id = controller.registry.fleet.resource("line-1").gateway_id
    await controller.ingest.on_offers(gateway_id, [offer("line-1", controller.clock.now(), **changes)])


@virtual
async def test_of__what_may_be_called_is_held_and_the_rest_named() -> None:
    controller, _, _ = await controller_rig()

    view = await controller.tables.of()

    # Two lines and cooling offer 60 kW each, of which 85 % are expected; the battery may not feed in.
    assert view.resources == 4
    assert view.table.prob50_kw[0, 0, 4] == pytest.approx(3 * 0.85 * 60.0)
    assert 0.0 < view.table.prob90_kw[0, 0, 4] < view.table.prob50_kw[0, 0, 4]
    assert {line.code: line.resources for line in view.left_out} == {"protected": 1}


@virtual
async def test_of__below_a_node() -> None:
    controller, _, _ = await controller_rig()

    view = await controller.tables.of("line")

    assert view.table.prob50_kw[0, 0, 4] == pytest.approx(2 * 0.85 * 60.0)
    with pytest.raises(UnknownThingError, match="moon"):
        await controller.tables.of("moon")


@virtual
async def test_of__what_needs_more_notice_is_out_at_less() -> None:
    controller, _, _ = await controller_rig()
    slow = replace(offer("line-1", controller.clock.now()), notice_s=1_200.0)
    await controller.ingest.on_offers("gw-1", [slow])

    table = (await controller.tables.of()).table

    five, thirty = (next(n for n, notice in enumerate(NOTICES) if notice.name == name) for name in ("5min", "30min"))
    assert table.prob50_kw[thirty, 0, 8] - table.prob50_kw[five, 0, 8] == pytest.approx(0.85 * 60.0)


@virtual
async def test_of__offline_and_unavailable_are_left_out() -> None:
    controller, _, _ = await controller_rig()
    await controller.ingest.on_status("gw-2", online=False)
    gone = replace(offer("line-1", controller.clock.now()), available=False)
    await controller.ingest.on_offers("gw-1", [gone])

    view = await controller.tables.of()

    codes = {line.code: line.resources for line in view.left_out}
    assert codes == {"gateway-offline": 1, "protected": 1, "unavailable": 1}


@virtual
async def test_of__filling_counts_what_states_it() -> None:
    controller, _, _ = await controller_rig()

    view = await controller.tables.of(direction=Direction.FILL)

    # The battery takes at most 100 kW; 100 kWh of room at 90 % last for little more than an hour.
    assert view.table.prob50_kw[0, 0, 4] == pytest.approx(0.93 * 100.0)
    assert 0.0 < view.table.prob50_kw[0, FOUR_HOURS, 4] < 0.93 * 100.0 / 0.9 / 4.0
    assert {line.code: line.resources for line in view.left_out} == {"cannot-fill": 3, "protected": 1}


@virtual
async def test_of__is_kept_for_a_minute_and_while_nothing_changes() -> None:
    controller, workers = await counted()
    first = await controller.tables.of()
    await offered_again(controller, first_kw=10.0)

    again = await controller.tables.of()

    assert again is first
    await controller.clock.sleep_until(controller.clock.now() + MINUTE)
    changed = await controller.tables.of()
    assert changed.table.prob50_kw[0, 0, 4] == pytest.approx(0.85 * 130.0)
    await controller.clock.sleep_until(controller.clock.now() + 2 * MINUTE)
    await offered_again(controller, first_kw=10.5)
    assert await controller.tables.of() is changed
    assert workers.done == ["rows_of"] * 8


@virtual
async def test_of__other_limits_of_a_node_make_it_anew() -> None:
    controller, _ = await counted()
    first = await controller.tables.of()
    await controller.switching.limit(
        "line", start=START, end=END, import_limit_kw=240.0, export_limit_kw=None, reason="heat", by="olga"
    )

    await controller.clock.sleep_until(controller.clock.now() + MINUTE)

    assert await controller.tables.of() is not first


@virtual
async def test_of__a_new_quarter_hour_has_a_table_of_its_own() -> None:
    controller, _ = await counted()
    first = await controller.tables.of()

    await controller.clock.sleep_until(controller.clock.now() + timedelta(minutes=15))
    second = await controller.tables.of()

    assert second.table.starts[0] == first.table.starts[1]


@virtual
async def test_of__beyond_the_offers_the_usual_load_counts() -> None:
    controller, _, _ = await controller_rig()
    # The offers end with the day; tomorrow line-1 takes what it usually does, and offers the same share of it.
    await offered_again(controller, first_kw=60.0, forecast_kw=2 * BASELINE_KW["line-1"])

    table = (await controller.tables.of()).table

    today, tomorrow = table.prob50_kw[0, 0, 4], table.prob50_kw[0, 0, 80]
    assert today - tomorrow == pytest.approx(0.85 * 30.0)


@virtual
async def test_of__cells_that_can_no_longer_be_called_are_empty() -> None:
    controller, _, _ = await controller_rig()

    table = (await controller.tables.of()).table

    ahead = np.array([(start - table.as_of).total_seconds() for start in table.starts])
    for n, notice in enumerate(NOTICES):
        if notice.lead is not None:
            empty = np.isnan(table.prob50_kw[n, 0])
            assert empty.tolist() == (ahead < notice.lead.total_seconds()).tolist()


@virtual
async def test_of__who_is_called_already_is_not_counted_twice() -> None:
    controller, _, _ = await controller_rig()
    before = (await controller.tables.of()).table
    call = sample_command("line-1", 1, (40.0,) * 4, (100.0,) * 4)
    plan = planned({"line-1": (60.0,) * 4})
    for fact in (*committed_facts()[1:], frozen({"line-1": (100.0,) * 12}), plan, issued(call)):
        await controller.recorder.record(fact)
    await controller.clock.sleep_until(controller.clock.now() + MINUTE)

    table = (await controller.tables.of()).table

    first, last = table.starts.index(START), table.starts.index(END)
    assert before.prob50_kw[0, 0, first] == pytest.approx(3 * 0.85 * 60.0)
    assert table.prob50_kw[0, 0, first] == pytest.approx(2 * 0.85 * 60.0)
    # A window of four hours that runs into the event cannot have it either.
    assert before.prob50_kw[0, FOUR_HOURS, first - 4] - table.prob50_kw[0, FOUR_HOURS, first - 4] > 40.0
    assert table.prob50_kw[0, 0, last] == pytest.approx(3 * 0.85 * 60.0)
