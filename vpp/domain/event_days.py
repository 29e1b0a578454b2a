"""How many more events are to come: the season's rate and streaks, learnt from what was seen.

Districts like Beichen reach the hours above 95 % of their peak on 20-60 days a year, often twice a day (around 11 h and
around 15-16 h), and such days come in streaks of hot weather. A day is therefore a link of a two-state Markov chain: in
the long run a share ``pi`` of the season's days are event days, and an event day follows an event day with probability
``p``. From an event day on, the next ``L`` days hold ``sum_{j=1..L} pi + (1 - pi) r^j`` event days with
``r = (p - pi) / (1 - pi)``. Both are posterior means: ``pi`` with a gamma prior on the rate, which the days since the
season's first event move, and ``p`` with a beta prior.
The number of events is uncertain beyond that of a known rate, so that it is taken as negative binomial: a Poisson
number whose mean is gamma distributed with as much experience as prior and season have given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from vpp.domain.flexibility import Series
from vpp.domain.use_limits import Period, Season, last_day

LARGEST_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class EventDayPrior:
    """What is expected of a season before it has shown itself.

    Attributes:
        days_per_season: Event days; 20-60 (a standard deviation of 12) are worth ``rate_weight`` days of experience.
        persistence: Probability that an event day follows an event day, worth ``persistence_weight`` such days.
        events_per_day: Events of an event day, worth ``persistence_weight`` days as well.
        events_most: Most events of a day.
    """

    days_per_season: float = 40.0
    rate_weight: float = 11.0
    persistence: float = 0.7
    persistence_weight: float = 4.0
    events_per_day: float = 1.6
    events_most: int = 2


@dataclass(frozen=True, slots=True)
class Expectation:
    """Events still to come in a period.

    Attributes:
        certain: Declared already.
        mean: Of those expected besides.
        shape: Of the gamma distribution of that mean; the larger, the surer.
        most: There cannot be more, the certain ones included.
    """

    certain: int
    mean: float
    shape: float
    most: int

    def probabilities(self) -> Series:
        """Probability of exactly 0, 1, ... ``most`` further events, shape (most + 1,)."""
        free = max(self.most - self.certain, 0)
        weights = np.zeros(self.most + 1)
        weight, ratio = 1.0, self.mean / (self.mean + self.shape)
        for k in range(free + 1):
            weights[min(self.certain + k, self.most)] = weight
            weight *= ratio * (self.shape + k) / (k + 1)
        total = float(weights.sum())
        return np.asarray(weights / total, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Occasions:
    """What is known of a season's events when one is planned.

    Attributes:
        today: Trading day of the event being planned.
        season: That ``today`` lies in.
        seen: Trading day of every earlier event, one entry each, earlier ones of today included.
        declared: Trading day of every later event that is declared already, later ones of today included.
        season_most: Most events of the season, this one included; ``None`` for no limit.
    """

    today: date
    season: Season
    seen: Sequence[date] = ()
    declared: Sequence[date] = ()
    season_most: int | None = None


def expect_events(period: Period, known: Occasions, prior: EventDayPrior) -> Expectation:
    """Events still to come in ``period`` after the one being planned; earlier seasons teach nothing."""
    today, season, seen = known.today, known.season, known.seen
    last = last_day(period, today, season)
    earlier = sorted({day for day in seen if day in season and day < today})
    ahead = max((last - today).days, 0)
    gone = (today - earlier[0]).days if earlier else 0
    length = (season.last - season.first).days + 1
    per_day = _events_per_day(earlier, seen, prior)
    rate = (prior.rate_weight + len(earlier)) / (prior.rate_weight / prior.days_per_season * length + gone)
    share = min(rate, LARGEST_SHARE)
    stays = max((_persistence(earlier, today, prior) - share) / (1.0 - share), 0.0)
    days = share * ahead + (1.0 - share) * sum(stays**j for j in range(1, ahead + 1))
    held_today = sum(day == today for day in seen) + 1
    later_today = max(min(per_day, prior.events_most) - held_today, 0.0)
    certain = sum(today <= day <= last for day in known.declared)
    most = ahead * prior.events_most + max(prior.events_most - held_today, 0)
    if known.season_most is not None:
        most = min(most, max(known.season_most - sum(day in season for day in seen) - 1, 0))
    return Expectation(
        certain=certain,
        mean=max(days * per_day + later_today - certain, 0.0),
        shape=prior.rate_weight + len(earlier),
        most=max(most, certain),
    )


def _events_per_day(earlier: Sequence[date], seen: Sequence[date], prior: EventDayPrior) -> float:
    """Of a day with any; today's are not over and teach nothing."""
    known = set(earlier)
    events = sum(day in known for day in seen)
    weight = prior.persistence_weight
    return (weight * prior.events_per_day + events) / (weight + len(earlier))


def _persistence(earlier: Sequence[date], today: date, prior: EventDayPrior) -> float:
    """How probably an event day follows another, from the pairs of days up to today."""
    known = {*earlier, today}
    followed = sum(day + timedelta(days=1) in known for day in earlier)
    weight = prior.persistence_weight
    return (weight * prior.persistence + followed) / (weight + len(earlier))
