"""How a resource can deviate from its forecast: the closed union that offers and dispatch problems share.

All arrays are float64 kW (or kWh) over one horizon of ``H`` 15-minute intervals: ``T`` event intervals, then ``R``
recovery intervals. Responses ``r`` count in the asked direction: ``forecast_kw - power_kw`` when curtailing (less
consumption or more discharge is positive), ``power_kw - forecast_kw`` when filling. Each class states its algebra in
words of curtailing; filling reads the same with the sign turned (a building is then cooled below its undisturbed
temperature and allowed to warm later). ``h`` is the interval's length in hours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curtailable:
    """Divisible curtailment in two price segments.

    ``r = x1 + x2``, ``0 <= x1 <= segment_1_kw``, ``0 <= x2 <= segment_2_kw`` in event intervals, 0 in recovery;
    ``sum h r <= energy_max_kwh``.
    """

    segment_1_kw: Series
    segment_2_kw: Series
    cost_1_cny_per_kwh: float
    cost_2_cny_per_kwh: float
    energy_max_kwh: float


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """An on/off call with a minimum and a maximum run.

    While called, ``minimum_kw <= r <= available_kw``; otherwise ``r = 0``. Calls lie in event intervals only. Each call
    lasts ``min_run .. max_run`` intervals and costs ``start_cost_cny``; at most ``max_calls`` calls begin, and none so
    late that its minimum run would pass the event's end; two calls are parted by at least ``min_rest`` intervals, the
    running one included. A call that has been running for ``running_intervals`` intervals before the horizon goes on
    without a new start; its runs count from its true beginning.
    """

    available_kw: Series
    minimum_kw: Series
    cost_cny_per_kwh: float
    start_cost_cny: float
    min_run: int
    max_run: int
    max_calls: int
    running_intervals: int = 0
    min_rest: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Charging:
    """A charging cluster as a cumulative-energy envelope.

    ``power_min_kw <= p <= power_max_kw`` and, for the energy ``E_t = sum_{s<=t} h p_s`` charged since the horizon's
    start, ``energy_floor_kwh[t] <= E_t <= energy_ceiling_kwh[t]``: the floor carries each car's promise by its
    departure, the ceiling what the plugged cars can take. ``forecast_kw`` of the resource is the uncontrolled charging.
    """

    power_min_kw: Series
    power_max_kw: Series
    energy_floor_kwh: Series
    energy_ceiling_kwh: Series
    cost_cny_per_kwh: float


@dataclass(frozen=True, slots=True, eq=False)
class Cooling:
    """Cooling of a building, with its warming and the payback that follows.

    ``r = c - q``; curtailment ``0 <= c <= available_kw`` in event intervals, payback ``0 <= q <= payback_max_kw``.
    The rise above the undisturbed temperature obeys ``theta_t = retention * theta_{t-1} + gain_k_per_kw * r_t``,
    ``theta_{-1} = theta_0_k >= 0``, ``0 <= theta_t <= band_k``, and ``theta <= 0.25 band_k`` at the horizon's end;
    both limits are no tighter than what the undisturbed decay ``theta_0_k retention^(t+1)`` leaves. ``c`` costs
    ``cost_cny_per_kwh``, each kelvin hour of ``theta`` ``discomfort_cny_per_kh``.
    """

    available_kw: Series
    payback_max_kw: float
    retention: float
    gain_k_per_kw: float
    band_k: float
    theta_0_k: float
    cost_cny_per_kwh: float
    discomfort_cny_per_kh: float


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A battery.

    ``power = charge - discharge`` with ``0 <= charge, discharge <= power_max_kw``;
    ``soc_t = soc_{t-1} + h (efficiency charge - discharge / efficiency)``, ``soc_{-1} = soc_kwh``,
    ``soc_min_kwh <= soc_t <= capacity_kwh`` and ``soc >= soc_end_kwh`` at the horizon's end. ``forecast_kw`` of the
    resource is its declared schedule. ``power >= 0`` unless ``export_allowed``.
    """

    power_max_kw: float
    capacity_kwh: float
    soc_kwh: float
    soc_min_kwh: float
    soc_end_kwh: float
    efficiency: float
    cost_cny_per_kwh: float
    export_allowed: bool


Flexibility = Curtailable | Block | Charging | Cooling | Storage


def first_cost_cny_per_kwh(flexibility: Flexibility) -> float:
    """What the first kWh of response costs."""
    match flexibility:
        case Curtailable() as f:
            return f.cost_1_cny_per_kwh
        case Block() | Charging() | Cooling() | Storage() as f:
            return f.cost_cny_per_kwh
