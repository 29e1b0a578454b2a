"""From a dispatch problem's columns to what can respond: power limits within the network's room, and reservoirs."""

import numpy as np

from vpp.domain.columns import DispatchColumns, Index
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.holding import Portfolio
from vpp.domain.network_room import room_of, shared_kw
from vpp.domain.reservoirs import ChargingReservoirs, CoolingReservoirs, CurtailableReservoirs, StorageReservoirs
from vpp.domain.taking_turns import Blocks


def portfolio_of(columns: DispatchColumns) -> Portfolio:
    """Everything that ``columns`` offers, no more of it than the network bears at once; what is reserved is left out.

    A node's room is shared in proportion to what its resources could do, be it in the window or in its recovery.
    """
    filling = columns.direction is Direction.FILL
    room = room_of(columns.nodes)
    forth_kw, back_kw = (room.more_kw, room.less_kw) if filling else (room.less_kw, room.more_kw)
    event = columns.event_intervals
    most_kw, back_most_kw = _most_kw(columns, filling=filling), _back_most_kw(columns, filling=filling)
    blocks = np.isin(np.arange(columns.count), columns.block.index)
    most_kw = shared_kw(most_kw, blocks, columns.node_of, columns.nodes.parent, forth_kw[:, :event])
    back_most_kw = shared_kw(back_most_kw, blocks, columns.node_of, columns.nodes.parent, back_kw)

    def of(rows: Series, index: Index) -> Series:
        return np.ascontiguousarray(rows[index])

    return Portfolio(
        (
            CurtailableReservoirs(columns.curtailable, of(most_kw, columns.curtailable.index)),
            CoolingReservoirs(
                columns.cooling, of(most_kw, columns.cooling.index), of(back_most_kw, columns.cooling.index)
            ),
            StorageReservoirs.of(
                columns.storage,
                of(most_kw, columns.storage.index),
                of(back_most_kw, columns.storage.index),
                filling=filling,
            ),
            ChargingReservoirs.of(
                columns.charging,
                of(most_kw, columns.charging.index),
                of(back_most_kw, columns.charging.index),
                filling=filling,
            ),
        ),
        Blocks(columns.block, of(most_kw, columns.block.index)),
        columns.delivery_mean,
    )


def _most_kw(columns: DispatchColumns, *, filling: bool) -> Series:
    """Largest response of each resource alone, shape (N, T)."""
    event = columns.event_intervals
    most_kw = np.zeros((columns.count, event))
    curtailable, charging, storage = columns.curtailable, columns.charging, columns.storage
    most_kw[curtailable.index] = curtailable.segment_1_kw + curtailable.segment_2_kw
    most_kw[columns.block.index] = columns.block.available_kw
    most_kw[columns.cooling.index] = columns.cooling.available_kw
    if filling:
        most_kw[charging.index] = (charging.power_max_kw - charging.forecast_kw)[:, :event]
        most_kw[storage.index] = (storage.power_max_kw[:, None] - storage.forecast_kw)[:, :event]
    else:
        lowest_kw = np.where(storage.export_allowed, -storage.power_max_kw, 0.0)
        most_kw[charging.index] = (charging.forecast_kw - charging.power_min_kw)[:, :event]
        most_kw[storage.index] = (storage.forecast_kw - lowest_kw[:, None])[:, :event]
    most_kw[columns.reserved] = 0.0
    return np.maximum(most_kw, 0.0)


def _back_most_kw(columns: DispatchColumns, *, filling: bool) -> Series:
    """The most that may come back in an interval, shape (N, H)."""
    back_kw = np.zeros((columns.count, columns.intervals))
    charging, storage = columns.charging, columns.storage
    back_kw[columns.cooling.index] = columns.cooling.payback_max_kw[:, None]
    if filling:
        lowest_kw = np.where(storage.export_allowed, -storage.power_max_kw, 0.0)
        back_kw[charging.index] = charging.forecast_kw - charging.power_min_kw
        back_kw[storage.index] = storage.forecast_kw - lowest_kw[:, None]
    else:
        back_kw[charging.index] = charging.power_max_kw - charging.forecast_kw
        back_kw[storage.index] = storage.power_max_kw[:, None] - storage.forecast_kw
    return np.maximum(back_kw, 0.0)
