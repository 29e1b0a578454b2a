"""What a missing kWh costs in the model: more than any response could, so that reaching more comes before its cost."""

import numpy as np

from optimizer.problem import ProblemArrays
from vpp.domain.timegrid import INTERVAL_H

SAFETY = 4.0
LEAST_CREDIT = 1e-3
LEAST_LOSS = 0.01


def shortfall_price(arrays: ProblemArrays) -> float:
    """CNY per kWh of credited response missed."""
    columns, block = arrays.columns, arrays.block
    costs = (
        arrays.curtailable.cost_1,
        arrays.curtailable.cost_2,
        block.cost,
        arrays.charging.cost,
        arrays.cooling.cost,
        arrays.storage.cost,
    )
    dearest = max(float(cost.max(initial=0.0)) for cost in costs)
    dearest += float(
        columns.energy_price_cny_per_kwh.max(initial=0.0) - columns.energy_price_cny_per_kwh.min(initial=0.0)
    )
    cooling = arrays.cooling
    warmth = cooling.discomfort * cooling.gain / np.maximum(1.0 - cooling.retention, LEAST_LOSS)
    dearest += float(warmth.max(initial=0.0))
    least_kwh = block.minimum_kw.max(axis=1, initial=0.0).clip(min=1.0) * INTERVAL_H
    dearest += float((block.start_cost / least_kwh).max(initial=0.0))
    least_delivery = max(float(columns.delivery_mean.min(initial=1.0)), LEAST_CREDIT)
    return max(columns.shortfall_cny_per_kwh, SAFETY * (dearest + 2.0 * columns.rebound_cny_per_kwh) / least_delivery)
