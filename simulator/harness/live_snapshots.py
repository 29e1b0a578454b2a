"""What the API tells of the newest event, as the terminal shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulator.harness.live_demo import LiveDemo, Look
from vpp.cli.live_view import IntervalFigures, LiveSnapshot
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, parse_instant

BEHIND_S = 240.0


def snapshot_of(look: Look, demo: LiveDemo) -> LiveSnapshot:
    """The newest event with the figures of the running interval, or of none."""
    return LiveSnapshot(
        now=look.now,
        event_id=str(look.event.get("id", "–")),
        event_state=str(look.event.get("state", "waiting")),
        interval=_figures(look.waterfall, look.now),
        gateways_online=look.gateways_online,
        gateways_total=len(demo.files.scenario.district.gateways),
        facts=(*(_fact(state) for state in look.event.get("states", ())), *_warnings(look, demo)),
        speed=demo.files.speed,
    )


def _figures(waterfall: Mapping[str, Any], now: datetime) -> IntervalFigures | None:
    for index, text in enumerate(waterfall.get("interval_starts", ())):
        start = parse_instant(text)
        if start <= now < start + INTERVAL:
            figures = {name: values[index] for name, values in waterfall.items() if name in IntervalFigures.__slots__}
            return IntervalFigures(start=start, **figures)
    return None


def _fact(state: Mapping[str, Any]) -> str:
    at = parse_instant(state["at"]).astimezone(DISTRICT_ZONE)
    return f"{at:%H:%M} event {state['state']}"


def _warnings(look: Look, demo: LiveDemo) -> tuple[str, ...]:
    """That readings are late, which every figure suffers from."""
    if look.behind_s < BEHIND_S:
        return ()
    late, speed = look.behind_s / 60.0, demo.files.speed or 1.0
    return (f"readings are {late:.0f} min late: too fast for this machine now; use --speed {max(1.0, speed / 4):g}",)
