"""What has to be planned so that the target is *delivered* with the asked probability, in linear terms.

Delivered response is uncertain: resource ``i`` delivers ``r_i (m_i (1 + Z_k) + e_i)`` of what it is asked, ``Z_k`` the
common factor of its delivery class ``k`` (standard deviation ``class_sd``), ``e_i`` its own (``delivery_sd``), all
independent and normal. With ``S_k = sum m_i r_i`` over a class, the response delivered with probability ``coverage`` is
``sum S_k - z sd``, where ``sd^2 = sum (class_sd_k S_k)^2 + sum (delivery_sd_i r_i)^2``.

``sd`` is convex and homogeneous in the responses, so that its tangent at any plan never exceeds it: each plan that
falls short adds one linear row per interval (Kelley 1960), and rows only ever gather. A row counts what each class
delivers with a credit below 1 (what varies together counts less: the target is spread over classes); the resources' own
spreads, small and nearly the same for every plan of many resources, are a margin on its right-hand side.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from vpp.domain.columns import DispatchColumns, Index
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """Linear rows of the target, ``C`` of them, every event interval at least once.

    Attributes:
        interval: Which event interval each row belongs to, shape (C,).
        aim_kw: Credited response to reach, shape (C,): the target and a margin.
        credit: What one expected kW of each class counts, shape (C, K).
    """

    interval: Index
    aim_kw: Series
    credit: Series

    def joined(self, more: "Aim") -> "Aim":
        """These rows and ``more``."""
        return Aim(
            np.concatenate([self.interval, more.interval]),
            np.concatenate([self.aim_kw, more.aim_kw]),
            np.concatenate([self.credit, more.credit]),
        )

    def credit_of(self, columns: DispatchColumns) -> Series:
        """What one kW of each resource's response counts in each row, shape (N, C)."""
        return np.asarray(columns.delivery_mean[:, None] * self.credit.T[columns.class_of])


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """What a plan delivers, by its sums.

    Attributes:
        class_kw: Expected response per class, shape (K, T).
        own_variance_kw2: Sum of the squared own spreads, shape (T,).
    """

    class_kw: Series
    own_variance_kw2: Series

    @property
    def mean_kw(self) -> Series:
        """Expected response, shape (T,)."""
        return np.asarray(self.class_kw.sum(axis=0))

    def sd_kw(self, class_sd: Series) -> Series:
        """Its standard deviation, shape (T,)."""
        return np.asarray(np.sqrt(((class_sd[:, None] * self.class_kw) ** 2).sum(axis=0) + self.own_variance_kw2))

    def covered_kw(self, columns: DispatchColumns) -> Series:
        """Response delivered with the asked probability, shape (T,)."""
        return self.mean_kw - z_of(columns.coverage) * self.sd_kw(columns.class_sd)


def z_of(probability: float) -> float:
    """Standard deviations below the mean that are undercut with ``1 - probability``."""
    return NormalDist().inv_cdf(probability)


def certain(columns: DispatchColumns) -> bool:
    """Whether delivery has no spread at all, so that expected values decide."""
    return not (columns.class_sd.any() or columns.delivery_sd.any()) or z_of(columns.coverage) <= 0.0


def expected_aim(columns: DispatchColumns) -> Aim:
    """The target itself, in expected values."""
    event = columns.event_intervals
    return Aim(np.arange(event), columns.target_kw, np.ones((event, len(columns.class_sd))))


def tangents(columns: DispatchColumns, plan: Delivered, at: Index, raised_kw: Series | float = 0.0) -> Aim:
    """The rows that a plan with these sums adds in the intervals ``at``, asking ``raised_kw`` more than it must."""
    z = z_of(columns.coverage)
    sd_kw = np.maximum(plan.sd_kw(columns.class_sd), 1e-9)[at]
    credit = 1.0 - z * columns.class_sd[None, :] ** 2 * plan.class_kw.T[at] / sd_kw[:, None]
    margin_kw = z * plan.own_variance_kw2[at] / sd_kw
    return Aim(at, columns.target_kw[at] + margin_kw + raised_kw, credit)


def aim_at(columns: DispatchColumns, response_kw: Series) -> Aim:
    """Rows to begin with: the target in expected values and, where delivery is uncertain, the tangents at a plan."""
    aim = expected_aim(columns)
    if certain(columns):
        return aim
    return aim.joined(tangents(columns, delivered(columns, response_kw), np.arange(columns.event_intervals)))


def delivered(columns: DispatchColumns, response_kw: Series) -> Delivered:
    """The sums of a plan's responses, shape (N, H)."""
    event_kw = response_kw[:, : columns.event_intervals]
    class_kw = np.zeros((len(columns.class_sd), columns.event_intervals))
    for k in range(len(columns.class_sd)):
        members = columns.class_of == k if len(columns.class_sd) > 1 else slice(None)
        class_kw[k] = columns.delivery_mean[members] @ event_kw[members]
    own = columns.delivery_sd.any()
    variance = (columns.delivery_sd**2) @ event_kw**2 if own else np.zeros(columns.event_intervals)
    return Delivered(class_kw, np.asarray(variance))
