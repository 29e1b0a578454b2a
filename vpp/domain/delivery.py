"""What a commanded kW is worth: mean and spread of verified over asked energy, learnt from verified events.

The model is that of ``vpp.domain.dispatch``: in an event on trading day ``d`` a resource ``i`` of kind ``k`` delivers
the fraction ``x = m_i (1 + g_kd) + e``, where the day's factor ``g_kd`` has the standard deviation ``common_sd[k]`` and
``e`` that of the resource, independent of all others. What is not known yet is filled by priors, three times over:

- the kind's mean from its days' aggregates, the prior weighing ``days_mean`` days;
- the day's factor by moments: the squared deviations of the aggregate from what the resources' means let expect, less
  what their own spread explains, the prior weighing ``days_common`` days; a day's own factor is then the best linear
  prediction of it, so that the spread of a single resource is not taken for weather;
- each resource by a normal-inverse-gamma distribution (Gelman et al., Bayesian Data Analysis, section 3.3) around the
  kind's mean, the prior weighing ``events_mean`` events for the mean and ``events_spread`` for the spread. ``sd`` is
  that of the predictive distribution, ignorance of the mean included: with ``n`` events of mean ``x`` and squared
  deviations ``S``, ``kappa = kappa_0 + n``, ``alpha = alpha_0 + n / 2`` and
  ``beta = beta_0 + S / 2 + kappa_0 n (x - m_0)^2 / (2 kappa)``, it is
  ``sqrt(beta (kappa + 1) / (kappa (alpha - 1)))``.

The day's factor needs the resources' spread and the other way round: two sweeps settle both.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series

LEAST_ASKED_KWH = 0.5
"""What was asked for less teaches nothing: a meter's own steps would decide the fraction."""
LOWEST_FRACTION, HIGHEST_FRACTION = -0.5, 2.0
"""A fraction outside is counted as the nearer bound: one stuck register must not decide what a resource is worth."""
LARGEST_DAY_DEVIATION = 1.0
"""A day on which a kind gives more than twice what was expected of it counts as such a day."""
LEAST_MEAN, LARGEST_MEAN = 0.02, 1.5
SWEEPS = 2

_Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one resource was asked for and verified to have given in one event, over its graded intervals."""

    resource_id: str
    kind: str
    day: date
    asked_kwh: float
    verified_kwh: float


@dataclass(frozen=True, slots=True)
class DeliveryPrior:
    """What is expected of a kind before anything was verified.

    Attributes:
        mean: Verified per asked energy.
        sd: From one event to the next, of a single resource.
        common_sd: Of the kind's common factor from day to day, relative to the mean.

    Raises:
        InputError: a mean outside (0, 1.5], or a spread that is negative or not finite.
    """

    mean: float
    sd: float
    common_sd: float

    def __post_init__(self) -> None:
        if not 0 < self.mean <= LARGEST_MEAN:
            raise InputError(f"prior mean of delivery is {self.mean}, expected a number in (0, {LARGEST_MEAN}]")
        for name, value in (("sd", self.sd), ("common_sd", self.common_sd)):
            if not 0 <= value < math.inf:
                raise InputError(f"prior {name} of delivery is {value}, expected a finite number >= 0")


@dataclass(frozen=True, slots=True)
class PriorWeight:
    """How many days or events of experience each prior is worth; ``events_spread`` is > 2."""

    days_mean: float = 4.0
    days_common: float = 8.0
    events_mean: float = 4.0
    events_spread: float = 8.0


@dataclass(frozen=True, slots=True)
class DeliveryOutlook:
    """What to expect of every resource in the next event.

    Attributes:
        mean, sd: Per resource id with history.
        kinds: Per kind: what to expect of its resources without history, and the spread of its common factor.
    """

    mean: Mapping[str, float]
    sd: Mapping[str, float]
    kinds: Mapping[str, DeliveryPrior]

    def of(self, resource_id: str, kind: str) -> tuple[float, float]:
        """Mean and standard deviation of the fraction that the resource delivers."""
        expected = self.kinds[kind]
        return self.mean.get(resource_id, expected.mean), self.sd.get(resource_id, expected.sd)

    def common_sd(self) -> dict[str, float]:
        """Standard deviation of the common factor per kind."""
        return {kind: expected.common_sd for kind, expected in self.kinds.items()}


def learn_delivery(
    history: Iterable[Delivered], priors: Mapping[str, DeliveryPrior], weight: PriorWeight | None = None
) -> DeliveryOutlook:
    """What ``history`` teaches; kinds without history keep their prior.

    Args:
        history: In any order; several events of one day are several observations of the same day.
        priors: One for every kind that occurs.
        weight: Of the priors.

    Raises:
        InputError: an energy that is not finite, or a kind without prior; names resource and figure.
    """
    by_kind: dict[str, list[Delivered]] = {}
    for told in history:
        _check(told, priors)
        if told.asked_kwh >= LEAST_ASKED_KWH:
            by_kind.setdefault(told.kind, []).append(told)
    mean: dict[str, float] = {}
    sd: dict[str, float] = {}
    kinds = dict(priors)
    for kind, told_of in by_kind.items():
        kinds[kind] = _learn_kind(_Kind.of(told_of), priors[kind], weight or PriorWeight(), mean, sd)
    return DeliveryOutlook(mean, sd, kinds)


def _check(told: Delivered, priors: Mapping[str, DeliveryPrior]) -> None:
    for name, value in (("asked", told.asked_kwh), ("verified", told.verified_kwh)):
        if not math.isfinite(value):
            raise InputError(f"delivery of {told.resource_id!r} on {told.day}: {name} energy {value} kWh is not finite")
    if told.kind not in priors:
        raise InputError(f"delivery of {told.resource_id!r}: kind {told.kind!r} has no prior")


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """The observations of one kind, shape (n,) each, with positions of their resource and day."""

    resource_ids: tuple[str, ...]
    resource: _Rows
    day: _Rows
    asked_kwh: Series
    fraction: Series
    days: int = field(default=0)

    @classmethod
    def of(cls, told: list[Delivered]) -> "_Kind":
        told = sorted(told, key=lambda t: (t.day, t.resource_id, t.asked_kwh, t.verified_kwh))
        ids = tuple(dict.fromkeys(t.resource_id for t in told))
        days = tuple(dict.fromkeys(t.day for t in told))
        place, day = {r: i for i, r in enumerate(ids)}, {d: i for i, d in enumerate(days)}
        asked = np.array([t.asked_kwh for t in told])
        fraction = np.array([t.verified_kwh for t in told]) / asked
        return cls(
            ids,
            np.array([place[t.resource_id] for t in told], dtype=np.intp),
            np.array([day[t.day] for t in told], dtype=np.intp),
            asked,
            fraction.clip(LOWEST_FRACTION, HIGHEST_FRACTION),
            len(days),
        )

    def by_resource(self, values: Series) -> Series:
        return np.bincount(self.resource, values, len(self.resource_ids)).astype(np.float64)

    def by_day(self, values: Series) -> Series:
        return np.bincount(self.day, values, self.days).astype(np.float64)


def _learn_kind(
    seen: _Kind, prior: DeliveryPrior, weight: PriorWeight, mean: dict[str, float], sd: dict[str, float]
) -> DeliveryPrior:
    """Fills ``mean`` and ``sd`` of the kind's resources, and gives what to expect of its others."""
    daily = seen.by_day(seen.asked_kwh * seen.fraction) / seen.by_day(seen.asked_kwh)
    kind_mean = (weight.days_mean * prior.mean + daily.sum()) / (weight.days_mean + seen.days)
    kind_mean = float(np.clip(kind_mean, LEAST_MEAN, LARGEST_MEAN))
    resource_mean, resource_sd = _learn_resources(seen, seen.fraction, kind_mean, prior.sd, weight)
    common_sd = prior.common_sd
    for _ in range(SWEEPS):
        common_sd, factor = _learn_days(seen, resource_mean, resource_sd, prior.common_sd, weight)
        alone = seen.fraction - resource_mean[seen.resource] * factor[seen.day]
        resource_mean, resource_sd = _learn_resources(seen, alone, kind_mean, prior.sd, weight)
    mean.update(zip(seen.resource_ids, resource_mean.tolist(), strict=True))
    sd.update(zip(seen.resource_ids, resource_sd.tolist(), strict=True))
    return DeliveryPrior(kind_mean, prior.sd, common_sd)


def _learn_days(seen: _Kind, mean: Series, sd: Series, prior_sd: float, weight: PriorWeight) -> tuple[float, Series]:
    """Spread of the common factor, and each day's predicted factor, shape (days,)."""
    expected = seen.by_day(seen.asked_kwh * mean[seen.resource])
    deviation = seen.by_day(seen.asked_kwh * seen.fraction) / expected - 1.0
    deviation = deviation.clip(-LARGEST_DAY_DEVIATION, LARGEST_DAY_DEVIATION)
    own = seen.by_day((seen.asked_kwh * sd[seen.resource]) ** 2) / expected**2
    explained = max(float((deviation**2 - own).sum()), 0.0)
    variance = (weight.days_common * prior_sd**2 + explained) / (weight.days_common + seen.days)
    known = np.divide(variance, variance + own, out=np.zeros_like(own), where=variance + own > 0)
    return math.sqrt(variance), known * deviation


def _learn_resources(
    seen: _Kind, fraction: Series, prior_mean: float, prior_sd: float, weight: PriorWeight
) -> tuple[Series, Series]:
    """Posterior mean and predictive standard deviation of every resource, shape (resources,)."""
    kappa_0, alpha_0 = weight.events_mean, weight.events_spread / 2.0
    beta_0 = prior_sd**2 * kappa_0 * (alpha_0 - 1.0) / (kappa_0 + 1.0)
    count = seen.by_resource(np.ones(len(fraction)))
    average = seen.by_resource(fraction) / count
    squares = seen.by_resource((fraction - average[seen.resource]) ** 2)
    kappa, alpha = kappa_0 + count, alpha_0 + count / 2.0
    mean = (kappa_0 * prior_mean + count * average) / kappa
    beta = beta_0 + squares / 2.0 + kappa_0 * count * (average - prior_mean) ** 2 / (2.0 * kappa)
    sd = np.sqrt(beta * (kappa + 1.0) / (kappa * (alpha - 1.0)))
    return mean.clip(LEAST_MEAN, LARGEST_MEAN), sd


@dataclass(frozen=True, slots=True)
class Asked:
    """What one resource is asked for in an interval, and what to expect of it."""

    kind: str
    response_kw: float
    mean: float
    sd: float


def spread_kw(asked: Iterable[Asked], common_sd: Mapping[str, float]) -> float:
    """Standard deviation of what all of them deliver together.

    ``sqrt(sum (sd_i r_i)^2 + sum_k (common_sd_k sum_{i in k} mean_i r_i)^2)``.
    """
    alone = 0.0
    together: dict[str, float] = {}
    for each in asked:
        alone += (each.sd * each.response_kw) ** 2
        together[each.kind] = together.get(each.kind, 0.0) + each.mean * each.response_kw
    return math.sqrt(alone + sum((common_sd[kind] * kw) ** 2 for kind, kw in together.items()))
