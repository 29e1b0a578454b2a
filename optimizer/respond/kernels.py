"""The best response of each kind, one resource after the other, as machine code.

Every function answers for rows ``first .. last`` of its kind whose slot is ``asked``, and writes their ``response``
(rows, H) in kW, ``cost`` (rows,) in CNY, and ``profit`` (rows,), the worth of the response at the given prices less its
cost; other rows keep what they held. ``profit`` bounds what any response of the
resource can earn: it equals ``worth - cost`` wherever the resource is convex or discrete, and exceeds it where a
battery would have to charge and discharge at once.

Prices come as ``worth = mean[i] * class_price[class_of[i], t] + group_price[group_of[i], t]``, CNY per kW and interval.
"""

import numpy as np

from optimizer.respond.carried import SEGMENTS, best_path
from optimizer.respond.jit import compiled
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

STEP_H = INTERVAL_H
LEAST_KEPT = 1e-6
NOTHING = 1e-12
NEVER = -1e18


@compiled
def prices_of_row(mean: float, class_price: Series, group_price: Series, event: int, worth: Series) -> None:
    """Writes what one kW of a resource's response is worth per interval into ``worth``, shape (H,)."""
    for t in range(worth.shape[0]):
        worth[t] = group_price[t]
    for t in range(event):
        worth[t] += mean * class_price[t]


@compiled
def respond_curtailable(  # noqa: PLR0913, PLR0917, C901 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    segment_1_kw: Series,
    segment_2_kw: Series,
    cost_1: Series,
    cost_2: Series,
    energy_max_kwh: Series,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """Fractional knapsack: the energy budget goes where a kWh earns most."""
    event, count = segment_1_kw.shape[1], response.shape[1]
    worth = np.empty(count)
    gain, order = np.empty(2 * event), np.empty(2 * event, dtype=np.int64)
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        found, wanted = 0, 0.0
        for t in range(count):
            response[i - first, t] = 0.0
        for t in range(event):
            gain[t] = worth[t] - cost_1[i] * STEP_H
            gain[event + t] = worth[t] - cost_2[i] * STEP_H
            if gain[t] > 0.0 and segment_1_kw[i, t] > 0.0:
                order[found] = t
                found += 1
                wanted += segment_1_kw[i, t]
            if gain[event + t] > 0.0 and segment_2_kw[i, t] > 0.0:
                order[found] = event + t
                found += 1
                wanted += segment_2_kw[i, t]
        left = energy_max_kwh[i] / STEP_H
        if wanted > left:
            for a in range(1, found):
                item, b = order[a], a - 1
                while b >= 0 and gain[order[b]] < gain[item]:
                    order[b + 1] = order[b]
                    b -= 1
                order[b + 1] = item
        spent = earned = 0.0
        for a in range(found):
            if left <= 0.0:
                break
            item = order[a]
            t = item if item < event else item - event
            width = segment_1_kw[i, t] if item < event else segment_2_kw[i, t]
            taken = min(width, left)
            left -= taken
            response[i - first, t] += taken
            earned += taken * gain[item]
            spent += taken * STEP_H * (cost_1[i] if item < event else cost_2[i])
        cost[i - first], profit[i - first] = spent, earned


@compiled
def respond_block(  # noqa: PLR0913, PLR0917, PLR0912, C901 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    available_kw: Series,
    minimum_kw: Series,
    price: Series,
    start_cost: Series,
    min_run: Index,
    max_run: Index,
    max_calls: Index,
    min_rest: Index,
    running: Index,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """Dynamic programme over calls left and intervals: exact for on/off calls with runs, rests and a running call."""
    event, count = available_kw.shape[1], response.shape[1]
    worth, total = np.empty(count), np.empty(event + 1)
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        for t in range(count):
            response[i - first, t] = 0.0
        total[0] = 0.0
        for t in range(event):
            gain = worth[t] - price[i] * STEP_H
            if minimum_kw[i, t] > available_kw[i, t] + 1e-6:
                total[t + 1] = total[t] + NEVER
            else:
                total[t + 1] = total[t] + gain * (available_kw[i, t] if gain > 0.0 else minimum_kw[i, t])
        shortest, longest, rest = min_run[i], max_run[i], min_rest[i]
        calls = min(max_calls[i], (event + rest) // (shortest + rest))
        if shortest > longest:
            calls = 0
        value = np.zeros((calls + 1, event + 1))
        lasts = np.zeros((calls + 1, event + 1), dtype=np.int64)
        for k in range(1, calls + 1):
            for t in range(event - 1, -1, -1):
                value[k, t] = value[k, t + 1]
                for run in range(shortest, min(longest, event - t) + 1):
                    later = min(t + run + rest, event)
                    worthwhile = total[t + run] - total[t] - start_cost[i] + value[k - 1, later]
                    if worthwhile > value[k, t] + NOTHING:
                        value[k, t], lasts[k, t] = worthwhile, run
        t, k, earned = 0, calls, 0.0
        spent = 0.0
        if running[i] > 0:
            best, goes_on = NEVER * 1e3, 0
            for run in range(max(0, shortest - running[i]), min(longest - running[i], event) + 1):
                earned_so = total[run] + value[calls, min(run + rest, event)]
                if earned_so > best + NOTHING:
                    best, goes_on = earned_so, run
            for s in range(goes_on):
                on = available_kw[i, s] if worth[s] > price[i] * STEP_H else minimum_kw[i, s]
                response[i - first, s] = on
                spent += on * price[i] * STEP_H
            earned = total[goes_on]
            t = min(goes_on + rest, event)
        while t < event and k > 0:
            run = lasts[k, t]
            if run == 0:
                t += 1
                continue
            for s in range(t, t + run):
                on = available_kw[i, s] if worth[s] > price[i] * STEP_H else minimum_kw[i, s]
                response[i - first, s] = on
                spent += on * price[i] * STEP_H
            spent += start_cost[i]
            earned += total[t + run] - total[t] - start_cost[i]
            t = min(t + run + rest, event)
            k -= 1
        cost[i - first], profit[i - first] = spent, earned


@compiled
def respond_fixed_block(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    least_kw: Series,
    most_kw: Series,
    price: Series,
    standing_cny: Series,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """Calls whose intervals are settled: each stays within its band ``least_kw .. most_kw``."""
    event, count = least_kw.shape[1], response.shape[1]
    worth = np.empty(count)
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        spent, earned = standing_cny[i], -standing_cny[i]
        for t in range(count):
            response[i - first, t] = 0.0
        for t in range(event):
            gain = worth[t] - price[i] * STEP_H
            on = most_kw[i, t] if gain > 0.0 else least_kw[i, t]
            response[i - first, t] = on
            spent += on * price[i] * STEP_H
            earned += on * gain
        cost[i - first], profit[i - first] = spent, earned


@compiled
def respond_charging(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    event: int,
    sign: float,
    forecast_kw: Series,
    power_min_kw: Series,
    power_max_kw: Series,
    floor_kwh: Series,
    ceiling_kwh: Series,
    price: Series,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """The best path of the energy charged between floor and ceiling."""
    count = forecast_kw.shape[1]
    worth, step = np.empty(count), np.empty(count)
    pieces = np.full(count, 2, dtype=np.int64)
    edge, slope = np.empty((count, SEGMENTS + 1)), np.empty((count, SEGMENTS))
    upto, span = np.empty((count, SEGMENTS)), np.empty((count, 2))
    slopes, widths = np.empty((2, SEGMENTS * count + count + 2)), np.empty((2, SEGMENTS * count + count + 2))
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        fee, base = price[i] * STEP_H, 0.0
        for t in range(count):
            most = max(power_max_kw[i, t], power_min_kw[i, t])
            kink = min(max(forecast_kw[i, t], power_min_kw[i, t]), most)
            edge[t, 0], edge[t, 1], edge[t, 2] = power_min_kw[i, t] * STEP_H, kink * STEP_H, most * STEP_H
            # Per kWh charged; a response above 0 is paid, and lies below the forecast (filling: above it).
            below = worth[t] - fee if sign > 0.0 else worth[t]
            above = worth[t] if sign > 0.0 else worth[t] - fee
            slope[t, 0], slope[t, 1] = -sign * below / STEP_H, -sign * above / STEP_H
            away = sign * (forecast_kw[i, t] - power_min_kw[i, t])
            base += worth[t] * away - fee * max(away, 0.0)
        earned = best_path(
            0.0, 1.0, 0.0, floor_kwh[i], ceiling_kwh[i], pieces, edge, slope, upto, span, slopes, widths, step
        )
        spent = 0.0
        for t in range(count):
            found = sign * (forecast_kw[i, t] - step[t] / STEP_H)
            response[i - first, t] = found
            spent += fee * max(found, 0.0)
        cost[i - first], profit[i - first] = spent, base + earned


@compiled
def respond_cooling(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    available_kw: Series,
    payback_kw: Series,
    retention: Series,
    gain: Series,
    theta_0_k: Series,
    theta_max_k: Series,
    price: Series,
    discomfort: Series,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """The best path of the temperature rise within its band."""
    event, count = available_kw.shape[1], theta_max_k.shape[1]
    worth, step, low = np.empty(count), np.empty(count), np.zeros(count)
    pieces = np.full(count, 2, dtype=np.int64)
    edge, slope = np.empty((count, SEGMENTS + 1)), np.empty((count, SEGMENTS))
    upto, span = np.empty((count, SEGMENTS)), np.empty((count, 2))
    slopes, widths = np.empty((2, SEGMENTS * count + count + 2)), np.empty((2, SEGMENTS * count + count + 2))
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        # A gain of 0 warms nothing: any small figure leaves the path free, and the response is read off the step.
        warming, fee, base = max(gain[i], NOTHING), price[i] * STEP_H, 0.0
        for t in range(count):
            most = available_kw[i, t] if t < event else 0.0
            edge[t, 0], edge[t, 1], edge[t, 2] = -payback_kw[i, t] * warming, 0.0, most * warming
            slope[t, 0], slope[t, 1] = worth[t] / warming, (worth[t] - fee) / warming
            base -= worth[t] * payback_kw[i, t]
        earned = best_path(
            theta_0_k[i],
            max(retention[i], LEAST_KEPT),
            discomfort[i] * STEP_H,
            low,
            theta_max_k[i],
            pieces,
            edge,
            slope,
            upto,
            span,
            slopes,
            widths,
            step,
        )
        spent, rise = 0.0, theta_0_k[i]
        for t in range(count):
            found = step[t] / warming
            response[i - first, t] = found
            rise = retention[i] * rise + gain[i] * found
            spent += fee * max(found, 0.0) + discomfort[i] * STEP_H * max(rise, 0.0)
        cost[i - first], profit[i - first] = spent, base + earned


@compiled
def respond_storage(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    first: int,
    last: int,
    mean: Series,
    class_of: Index,
    group_of: Index,
    slot_of: Index,
    asked: Flags,
    class_price: Series,
    group_price: Series,
    event: int,
    sign: float,
    forecast_kw: Series,
    power_min_kw: Series,
    power_max_kw: Series,
    capacity_kwh: Series,
    soc_kwh: Series,
    soc_low_kwh: Series,
    efficiency: Series,
    price: Series,
    response: Series,
    cost: Series,
    profit: Series,
) -> None:
    """The best path of the state of charge; its reward is made concave where burning energy would pay."""
    count = forecast_kw.shape[1]
    worth, step, high = np.empty(count), np.empty(count), np.empty(count)
    pieces = np.empty(count, dtype=np.int64)
    edge, slope = np.empty((count, SEGMENTS + 1)), np.empty((count, SEGMENTS))
    upto, span = np.empty((count, SEGMENTS)), np.empty((count, 2))
    slopes, widths = np.empty((2, SEGMENTS * count + count + 2)), np.empty((2, SEGMENTS * count + count + 2))
    power = np.empty(4)
    for i in range(first, last):
        if not asked[slot_of[i]]:
            continue
        prices_of_row(mean[i], class_price[class_of[i]], group_price[group_of[i]], event, worth)
        eta, fee, base = efficiency[i], price[i] * STEP_H, 0.0
        for t in range(count):
            high[t] = capacity_kwh[i]
            least, most = power_min_kw[i, t], max(power_max_kw[i, t], power_min_kw[i, t])
            planned, idle = min(max(forecast_kw[i, t], least), most), min(max(0.0, least), most)
            power[0], power[1], power[2], power[3] = least, min(planned, idle), max(planned, idle), most
            size = 0
            edge[t, 0] = least * STEP_H * (eta if least > 0.0 else 1.0 / eta)
            away = sign * (forecast_kw[i, t] - least)
            base += worth[t] * away - fee * max(away, 0.0)
            for j in range(3):
                if power[j + 1] <= power[j]:
                    continue
                middle = 0.5 * (power[j] + power[j + 1])
                paid = sign * (forecast_kw[i, t] - middle) > 0.0
                stored = STEP_H * (eta if middle > 0.0 else 1.0 / eta)
                rise, width = -sign * (worth[t] - (fee if paid else 0.0)) / stored, (power[j + 1] - power[j]) * stored
                # Pool with what comes before while the slope rises: the smallest concave function above the reward.
                while size > 0 and slope[t, size - 1] < rise:
                    before = edge[t, size] - edge[t, size - 1]
                    rise = (slope[t, size - 1] * before + rise * width) / (before + width)
                    width += before
                    size -= 1
                slope[t, size] = rise
                edge[t, size + 1] = edge[t, size] + width
                size += 1
            if size == 0:
                slope[t, 0], edge[t, 1], size = 0.0, edge[t, 0], 1
            pieces[t] = size
        earned = best_path(
            soc_kwh[i], 1.0, 0.0, soc_low_kwh[i], high, pieces, edge, slope, upto, span, slopes, widths, step
        )
        spent = 0.0
        for t in range(count):
            flow = step[t] / (STEP_H * eta) if step[t] > 0.0 else step[t] * eta / STEP_H
            found = sign * (forecast_kw[i, t] - flow)
            response[i - first, t] = found
            spent += fee * max(found, 0.0)
        cost[i - first], profit[i - first] = spent, base + earned
