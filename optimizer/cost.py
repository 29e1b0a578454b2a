"""What a plan costs, from its responses alone, so that plans of every method are compared by one measure."""

import numpy as np

from optimizer.kinds import BlockArrays, CoolingArrays, CurtailableArrays
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H


def shortfall_kw(arrays: ProblemArrays, response_kw: Series) -> Series:
    """Missing expected response per event interval, shape (T,), >= 0."""
    event = arrays.event_intervals
    expected_kw = arrays.delivery @ response_kw[:, :event]
    return np.asarray(np.maximum(arrays.problem.target_kw - expected_kw, 0.0))


def rebound_excess_kw(arrays: ProblemArrays, response_kw: Series) -> Series:
    """Increase over the forecast above its cap per recovery interval, shape (R,), >= 0."""
    increase_kw = -response_kw[:, arrays.event_intervals :].sum(axis=0)
    return np.asarray(np.maximum(increase_kw - arrays.problem.rebound_cap_kw, 0.0))


def cost_cny(arrays: ProblemArrays, response_kw: Series) -> float:
    """Cost of the responses and the priced rebound; a shortfall is reported in kW and never priced here."""
    event = arrays.event_intervals
    positive_kw = np.maximum(response_kw, 0.0)
    charging, storage = arrays.charging, arrays.storage
    parts = (
        _curtailable(arrays.curtailable, positive_kw[arrays.curtailable.index, :event]),
        _block(arrays.block, positive_kw[arrays.block.index, :event]),
        _cooling(arrays.cooling, response_kw[arrays.cooling.index], event),
        float(charging.cost @ positive_kw[charging.index].sum(axis=1)) * INTERVAL_H,
        float(storage.cost @ positive_kw[storage.index].sum(axis=1)) * INTERVAL_H,
        float(rebound_excess_kw(arrays, response_kw).sum()) * arrays.problem.rebound_cny_per_kwh * INTERVAL_H,
    )
    return float(sum(parts))


def _curtailable(kind: CurtailableArrays, asked_kw: Series) -> float:
    first_is_cheap = kind.cost_1 <= kind.cost_2
    cheap_kw = np.where(first_is_cheap[:, None], kind.segment_1_kw, kind.segment_2_kw)
    in_cheap = np.minimum(asked_kw, cheap_kw).sum(axis=1)
    low, high = np.minimum(kind.cost_1, kind.cost_2), np.maximum(kind.cost_1, kind.cost_2)
    return float(low @ in_cheap + high @ (asked_kw.sum(axis=1) - in_cheap)) * INTERVAL_H


def _block(kind: BlockArrays, asked_kw: Series) -> float:
    energy_cny = float(kind.cost @ asked_kw.sum(axis=1)) * INTERVAL_H
    return energy_cny + float(kind.start_cost @ starts(kind, asked_kw))


def starts(kind: BlockArrays, asked_kw: Series) -> Series:
    """Number of calls that begin per block, shape (n,).

    An interval without response ends a call, unless its minimum is 0 kW there.
    """
    begun = np.zeros(len(kind.index))
    was_on = kind.running > 0
    for t in range(asked_kw.shape[1]):
        on = asked_kw[:, t] > 0
        begun += on & ~was_on
        was_on = on | (was_on & (kind.minimum_kw[:, t] <= 0))
    return begun


def _cooling(kind: CoolingArrays, response_kw: Series, event: int) -> float:
    theta_k, discomfort_cny = kind.theta_0_k, 0.0
    for t in range(response_kw.shape[1]):
        theta_k = kind.retention * theta_k + kind.gain * response_kw[:, t]
        discomfort_cny += float(kind.discomfort @ np.maximum(theta_k, 0.0)) * INTERVAL_H
    curtailed_kw = np.maximum(response_kw[:, :event], 0.0)
    return discomfort_cny + float(kind.cost @ curtailed_kw.sum(axis=1)) * INTERVAL_H
