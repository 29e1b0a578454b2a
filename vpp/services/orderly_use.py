"""The orderly-use warning level of the district, for operators to look at; it reads and never writes.

Nothing that can issue a command may import this module, and this module knows neither recorder nor gateways.
"""

from typing import Any

import numpy as np

from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Series
from vpp.domain.orderly_use import GapWarning, WarningLevel, Yardstick, warning_level
from vpp.domain.timegrid import INTERVAL, TimeGrid, day_grid, floor_interval, format_instant, trading_day
from vpp.ports import Clock, NetworkForecasts

Json = dict[str, Any]
WORDS = {
    WarningLevel.I_RED: ("I (red)", "Ⅰ级(红色)"),
    WarningLevel.II_ORANGE: ("II (orange)", "Ⅱ级(橙色)"),
    WarningLevel.III_YELLOW: ("III (yellow)", "Ⅲ级(黄色)"),
    WarningLevel.IV_BLUE: ("IV (blue)", "Ⅳ级(蓝色)"),
}
NO_GAP = ("no warning", "无预警")
UNKNOWN = ("level unknown: the rule lacks a threshold", "等级未知：规则缺少阈值")
GAP_BASIS = (
    "largest forecast net flow above what the district's root nodes can import, over the rest of the trading day"
)


class OrderlyUse:
    """Shows the warning level."""

    def __init__(self, fleet: Fleet, network: NetworkForecasts, clock: Clock, yardstick: Yardstick) -> None:
        self._fleet = fleet
        self._network = network
        self._clock = clock
        self._yardstick = yardstick

    async def orderly_use(self) -> Json:
        """Gap, share, level and the rule with its sources, as plain data; ``acted_on`` is always ``False``."""
        grid = self._rest_of_the_day()
        gap_kw = await self._gap_kw(grid)
        worst = int(np.argmax(gap_kw))
        warning = warning_level(float(gap_kw[worst]), self._yardstick.largest_kw, self._yardstick.rule)
        english, chinese = _words(warning)
        return {
            "gap_kw": warning.gap_kw,
            "gap_basis": GAP_BASIS,
            "gap_at": format_instant(grid.start + worst * INTERVAL) if warning.gap_kw else None,
            "largest_demand_kw": warning.largest_kw,
            "largest_demand_source": self._yardstick.source,
            "percent": warning.percent,
            "level": warning.level.value if warning.level else None,
            "text_en": english,
            "text_zh": chinese,
            "unknown": list(warning.unknown),
            "acted_on": False,
            "rule": self._rule_as_data(),
        }

    def _rest_of_the_day(self) -> TimeGrid:
        now = self._clock.now()
        return TimeGrid.between(floor_interval(now), day_grid(trading_day(now)).end)

    async def _gap_kw(self, grid: TimeGrid) -> Series:
        """Per interval, shape (len(grid),): what each root's forecast exceeds its import limit by, summed."""
        flow_kw = await self._network.node_flow_kw(grid)
        gap_kw = np.zeros(len(grid))
        for node in self._fleet.nodes.values():
            if node.parent_id is None and node.id in flow_kw:
                gap_kw += np.maximum(flow_kw[node.id] - node.import_limit_kw, 0.0)
        return gap_kw

    def _rule_as_data(self) -> Json:
        rule = self._yardstick.rule
        figures = rule.above_percent
        return {
            "name": rule.name,
            "name_zh": rule.name_zh,
            "above_percent": {
                level.value: {
                    "value": None if (value := figures[level].value) is None else float(value),
                    "source": figures[level].source,
                    "confidence": figures[level].confidence.value,
                }
                for level in WarningLevel
            },
        }


def _words(warning: GapWarning) -> tuple[str, str]:
    if warning.level is not None:
        return WORDS[warning.level]
    return UNKNOWN if warning.unknown else NO_GAP
