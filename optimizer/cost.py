"""What a plan costs, from its responses alone, so that plans of every method are compared by one measure."""

from dataclasses import dataclass

import numpy as np

from optimizer.call_count import fewest_starts
from optimizer.kinds import BlockArrays, CoolingArrays, CurtailableArrays, Kinds
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H


@dataclass(frozen=True, slots=True)
class Cost:
    """``objective_cny`` is minimised; ``cost_cny`` is what is really paid: no price of use, no worth of energy."""

    cost_cny: float
    objective_cny: float


def rebound_excess_kw(arrays: ProblemArrays, response_kw: Series) -> Series:
    """Response against the asked direction above its cap per recovery interval, shape (R,), >= 0."""
    against_kw = -response_kw[:, arrays.event_intervals :].sum(axis=0)
    return np.asarray(np.maximum(against_kw - arrays.columns.rebound_cap_kw, 0.0))


def cost_of(arrays: ProblemArrays, response_kw: Series) -> Cost:
    """Cost of the responses and the priced rebound; a shortfall is reported in kW and never priced here."""
    columns = arrays.columns
    use = columns.use_price_cny_per_kwh
    rebound = float(rebound_excess_kw(arrays, response_kw).sum()) * columns.rebound_cny_per_kwh * INTERVAL_H
    weighed = float(response_costs(arrays, response_kw).sum())
    priced = np.flatnonzero(use)
    use_cny = float(use[priced] @ np.maximum(response_kw[priced], 0.0).sum(axis=1)) * INTERVAL_H
    energy_cny = float(energy_worth(arrays) @ response_kw.sum(axis=0))
    return Cost(weighed - use_cny + rebound, weighed + rebound - energy_cny)


def energy_worth(arrays: ProblemArrays) -> Series:
    """What a kW of response earns by the price of energy, CNY per kW and interval, shape (H,)."""
    sign = arrays.columns.direction.sign
    return np.asarray(sign * arrays.columns.energy_price_cny_per_kwh * INTERVAL_H)


def response_costs(kinds: Kinds, response_kw: Series) -> Series:
    """Cost of each resource's response, price of use included, shape (n,), CNY; responses (n, H)."""
    event = kinds.event_intervals
    found = np.zeros(kinds.count)
    curtailable, block, cooling = kinds.curtailable, kinds.block, kinds.cooling
    found[curtailable.index] = _curtailable(curtailable, np.maximum(response_kw[curtailable.index, :event], 0.0))
    found[block.index] = _block(block, np.maximum(response_kw[block.index, :event], 0.0))
    found[cooling.index] = _cooling(cooling, response_kw[cooling.index], event)
    for kind in (kinds.charging, kinds.storage):
        found[kind.index] = kind.cost * np.maximum(response_kw[kind.index], 0.0).sum(axis=1) * INTERVAL_H
    return found


def _curtailable(kind: CurtailableArrays, asked_kw: Series) -> Series:
    first_is_cheap = kind.cost_1 <= kind.cost_2
    cheap_kw = np.where(first_is_cheap[:, None], kind.segment_1_kw, kind.segment_2_kw)
    in_cheap = np.minimum(asked_kw, cheap_kw).sum(axis=1)
    low, high = np.minimum(kind.cost_1, kind.cost_2), np.maximum(kind.cost_1, kind.cost_2)
    return np.asarray((low * in_cheap + high * (asked_kw.sum(axis=1) - in_cheap)) * INTERVAL_H)


def _block(kind: BlockArrays, asked_kw: Series) -> Series:
    return np.asarray(kind.cost * asked_kw.sum(axis=1) * INTERVAL_H + kind.start_cost * starts(kind, asked_kw))


def starts(kind: BlockArrays, asked_kw: Series) -> Series:
    """The fewest calls that must begin for each block's response, shape (n,).

    An interval without response may belong to a call where its minimum is 0 kW, as far as runs and rests allow.
    """
    on = asked_kw > 0
    begun = (on[:, :1] & (kind.running == 0)[:, None]).sum(axis=1) + (on[:, 1:] & ~on[:, :-1]).sum(axis=1)
    silent = np.flatnonzero(((kind.minimum_kw <= 0) & ~on).any(axis=1) & on.any(axis=1))
    found: Series = np.asarray(begun, dtype=np.float64).copy()
    if silent.size:
        found[silent] = fewest_starts(
            on[silent],
            kind.minimum_kw[silent] <= 0,
            kind.running[silent],
            kind.min_run[silent],
            kind.max_run[silent],
            kind.min_rest[silent],
        )
    return found


def _cooling(kind: CoolingArrays, response_kw: Series, event: int) -> Series:
    theta_k, held_kh = kind.theta_0_k, np.zeros(len(kind.index))
    for t in range(response_kw.shape[1]):
        theta_k = kind.retention * theta_k + kind.gain * response_kw[:, t]
        held_kh = held_kh + np.maximum(theta_k, 0.0) * INTERVAL_H
    curtailed_kw = np.maximum(response_kw[:, :event], 0.0)
    return np.asarray(kind.discomfort * held_kh + kind.cost * curtailed_kw.sum(axis=1) * INTERVAL_H)
