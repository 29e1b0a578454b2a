"""What has to be planned so that the target is *delivered* with the asked probability, in linear terms.

Delivered response is uncertain: resource ``i`` delivers ``r_i (m_i (1 + Z_k) + e_i)`` of what it is asked, ``Z_k`` the
common factor of its delivery class ``k`` (standard deviation ``class_sd``), ``e_i`` its own (``delivery_sd``), all
independent and normal. With ``S_k = sum m_i r_i`` over a class, the response delivered with probability ``coverage`` is
``sum S_k - z sd``, where ``sd^2 = sum (class_sd_k S_k)^2 + sum (delivery_sd_i r_i)^2``.

``sd`` is convex and homogeneous in the responses, so that its tangent at any plan never exceeds it: the common part is
carried by a credit per class below 1 (spread the target over classes: what varies together counts less), the own part,
small and nearly the same for every plan of many resources, by a margin on the target. Planning, taking both from the
plan found, and planning again settles within two or three turns.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from optimizer.problem import ProblemArrays
from vpp.domain.columns import DispatchColumns
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """Linear terms of the target.

    Attributes:
        aim_kw: Credited response to reach, shape (T,): the target and the margin.
        credit: What one expected kW of each class counts, shape (K, T).
        margin_kw: Of the aim, what covers the resources' own spreads, shape (T,).
    """

    aim_kw: Series
    credit: Series
    margin_kw: Series

    def credit_of(self, arrays: ProblemArrays) -> Series:
        """What one kW of each resource's response counts, shape (N, T)."""
        columns = arrays.columns
        return np.asarray(columns.delivery_mean[:, None] * self.credit[columns.class_of])


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
        return np.sqrt(((class_sd[:, None] * self.class_kw) ** 2).sum(axis=0) + self.own_variance_kw2)

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
    credit = np.ones((len(columns.class_sd), columns.event_intervals))
    return Aim(columns.target_kw, credit, np.zeros(columns.event_intervals))


def aim_after(columns: DispatchColumns, plan: Delivered) -> Aim:
    """The linear terms at a plan with these sums."""
    if certain(columns):
        return expected_aim(columns)
    z = z_of(columns.coverage)
    sd_kw = np.maximum(plan.sd_kw(columns.class_sd), 1e-9)
    credit = 1.0 - z * columns.class_sd[:, None] ** 2 * plan.class_kw / sd_kw
    margin_kw = z * plan.own_variance_kw2 / sd_kw
    return Aim(columns.target_kw + margin_kw, credit, margin_kw)


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
