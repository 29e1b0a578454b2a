"""The warning level is shown; the gravest gap changes nothing that the controller does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.domain.event_samples import EARLY, EVENT, START, sample_declaration
from tests.vpp.services.metered_life import OVER, live_through, meters_of
from tests.vpp.services.service_rig import MINUTE, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.infra.virtual_time import run_virtual


@dataclass
class Flow:
    """Implements ``NetworkForecasts``: the same at all times, but for one interval at the root."""

    root_kw: float
    peak_at_start_kw: float | None = None

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, Series]:
        root = np.full(len(grid), self.root_kw)
        index = grid.index_of(START)
        if self.peak_at_start_kw is not None and 0 <= index < len(grid):
            root[index] = self.peak_at_start_kw
        return {"root": root, "line": np.full(len(grid), 300.0)}


async def with_flow(flow: Flow, ledger: SqlLedger | None = None) -> Controller:
    controller, _, _ = await controller_rig(ledger=ledger, outside={"network": flow})
    return controller


@virtual
async def test_orderly_use__no_gap() -> None:
    view = await (await with_flow(Flow(9_000.0))).orderly_use.orderly_use()

    assert (view["gap_kw"], view["gap_at"], view["percent"], view["level"]) == (0.0, None, 0.0, None)
    assert (view["text_en"], view["text_zh"]) == ("no warning", "无预警")
    assert view["acted_on"] is False
    assert view["rule"]["above_percent"]["II"]["value"] == 10.0
    assert "draft" in view["rule"]["above_percent"]["II"]["source"]


@virtual
async def test_orderly_use__the_worst_interval_of_the_day_decides() -> None:
    """The root imports 10 000 kW at most, the reference peak is 1 000 kW: 120 kW more are 12 %."""
    controller = await with_flow(Flow(10_010.0, 10_120.0))
    view = await controller.orderly_use.orderly_use()
    assert (view["gap_kw"], view["gap_at"]) == (120.0, "2026-07-22T06:00:00Z")
    assert (view["percent"], view["level"]) == (pytest.approx(12.0), "II")
    assert (view["text_en"], view["text_zh"]) == ("II (orange)", "Ⅱ级(橙色)")
    assert (view["largest_demand_kw"], view["largest_demand_source"]) == (1_000.0, "a test")

    await controller.clock.sleep_until(START + timedelta(minutes=20))
    later = await controller.orderly_use.orderly_use()
    assert (later["gap_kw"], later["level"]) == (10.0, "IV")


def a_run(flow: Flow) -> tuple[str, int, str | None]:
    """A whole event with somebody looking at the level every minute."""
    ledger = open_ledger("sqlite://")
    gravest: list[str | None] = []

    async def run() -> None:
        controller = await with_flow(flow, ledger)
        await controller.intake.declare(sample_declaration())
        await controller.intake.approve(EVENT)
        await controller.runner.cycle()
        for participant_id in ("factory", "mall", "store"):
            await controller.intake.answer(EVENT, participant_id, accepted=True)
        meters = meters_of(controller)
        while controller.clock.now() < OVER:
            gravest.append((await controller.orderly_use.orderly_use())["level"])
            await live_through(controller, meters, controller.clock.now() + MINUTE)
        gravest.append(await ledger.log_hash())
        gravest.append(str(controller.recorder.position))

    run_virtual(run(), EARLY)
    *levels, digest, position = gravest
    assert len(set(levels)) == 1
    return digest or "", int(position or 0), levels[0]


def test_orderly_use__the_gravest_gap_issues_exactly_the_same_facts() -> None:
    calm, grave = a_run(Flow(500.0)), a_run(Flow(30_000.0))

    assert (calm[2], grave[2]) == (None, "I")
    assert calm[:2] == grave[:2]
    assert calm[1] > 100
