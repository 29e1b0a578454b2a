"""How resources truly deliver, unknown to whoever plans: richer than the planner's model of it, from a seed.

Every resource has a mean of its own and a fraction per call that is skewed (a Beta) and now and then nothing at all (an
outage); the resources of a kind share a factor of the day with heavy tails (Student's t); quarter hours vary besides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from vpp.domain.flexibility import Series

OUTAGE = 0.02
INTERVAL_SD = 0.08
TAILS = 5.0
DAY_SD = {"block": 0.06, "cooling": 0.10, "charging": 0.16, "lighting": 0.04, "storage": 0.02}
SHARPNESS = {"block": (6.0, 30.0), "cooling": (8.0, 25.0), "charging": (3.0, 10.0), "lighting": (10.0, 60.0)}
"""Of the Beta: the larger, the narrower."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """True parameters, shape (N,)."""

    kinds: tuple[str, ...]
    mean: Series
    sharpness: Series

    @classmethod
    def of(cls, kinds: tuple[str, ...], rng: Generator) -> "Truth":
        """Parameters of resources of these kinds."""
        mean = np.clip(rng.normal(0.85, 0.08, len(kinds)), 0.4, 0.98)
        bounds = np.array([SHARPNESS.get(kind, (30.0, 90.0)) for kind in kinds])
        return cls(kinds, mean, rng.uniform(bounds[:, 0], bounds[:, 1]))

    def of_a_day(self, rng: Generator) -> Series:
        """Fractions delivered in one call, shape (N,)."""
        wide = np.sqrt((TAILS - 2.0) / TAILS)
        factor = {kind: 1.0 + DAY_SD[kind] * wide * float(rng.standard_t(TAILS)) for kind in sorted(set(self.kinds))}
        alone = rng.beta(self.mean * self.sharpness, (1.0 - self.mean) * self.sharpness)
        works = rng.random(len(self.mean)) >= OUTAGE
        return np.asarray(alone * works * np.array([max(factor[kind], 0.0) for kind in self.kinds]))

    def delivered_kw(self, response_kw: Series, rng: Generator) -> Series:
        """What a call delivers of ``response_kw`` (d, N), same shape."""
        noise = 1.0 + INTERVAL_SD * rng.standard_normal(response_kw.shape)
        return np.asarray(response_kw * self.of_a_day(rng) * noise)
