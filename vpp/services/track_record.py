"""The track record: what verified events, and the minutes of a running one, let expect of every resource."""

from collections.abc import Iterator, Mapping
from statistics import NormalDist

from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings, Delivery
from vpp.domain.delivery import Asked, Delivered, DeliveryOutlook, learn_delivery, spread_kw
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import trading_day
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

UNSEEN = Delivery()


class TrackRecord:
    """Learns from the book; what it knows is the same after a restart."""

    def __init__(self, recorder: Recorder, registry: Registry, settings: ControlSettings) -> None:
        self._recorder = recorder
        self._registry = registry
        self._settings = settings
        self._priors = settings.delivery_priors()
        self._learnt_from = 0
        self._outlook = DeliveryOutlook({}, {}, self._priors)

    @property
    def outlook(self) -> DeliveryOutlook:
        """What all events verified so far teach; learnt anew when there is one more."""
        book = self._recorder.book
        if book.events_verified != self._learnt_from:
            history = [told for record in book.events.values() for told in self._delivered(record)]
            self._outlook = learn_delivery(history, self._priors)
            self._learnt_from = book.events_verified
        return self._outlook

    def expected(self, resource_id: str, seen: Mapping[str, Delivery]) -> tuple[float, float]:
        """Mean and standard deviation of the fraction that a resource delivers.

        ``seen`` is what the running event has shown of each resource.
        """
        mean, sd = self.outlook.of(resource_id, self._kind(resource_id))
        minutes = self._settings.prior_minutes
        own = seen.get(resource_id, UNSEEN)
        return own.fraction(mean, minutes), own.sd(sd, minutes)

    def common_sd(self, seen: Mapping[str, Delivery]) -> dict[str, float]:
        """Standard deviation of each kind's common factor, less what the running event has shown of the kind.

        A day's factor is known as well as its resources are, by their minutes weighted with what they were asked for.
        """
        asked: dict[str, float] = {}
        weighted: dict[str, float] = {}
        for resource_id, own in seen.items():
            kind = self._kind(resource_id)
            asked[kind] = asked.get(kind, 0.0) + own.asked_kwmin
            weighted[kind] = weighted.get(kind, 0.0) + own.asked_kwmin * own.minutes
        known = {kind: Delivery(minutes=weighted[kind] / total) for kind, total in asked.items() if total > 0}
        minutes = self._settings.prior_minutes
        return {kind: known.get(kind, UNSEEN).sd(sd, minutes) for kind, sd in self.outlook.common_sd().items()}

    def held_kw(self, asked: Mapping[str, Series], index: int, seen: Mapping[str, Delivery]) -> float:
        """What must be expected above an aim in interval ``index`` to cover it with the settings' probability."""
        portfolio = [
            Asked(self._kind(resource_id), float(values[index]), *self.expected(resource_id, seen))
            for resource_id, values in asked.items()
        ]
        return NormalDist().inv_cdf(self._settings.coverage) * spread_kw(portfolio, self.common_sd(seen))

    def _delivered(self, record: EventRecord) -> Iterator[Delivered]:
        if record.verified is None:
            return
        day = trading_day(record.declaration.start)
        known = self._registry.fleet.resources
        for resource_id, asked_kwh in record.verified.asked_kwh.items():
            if resource_id in known:
                verified_kwh = record.verified.verified_kwh[resource_id]
                yield Delivered(resource_id, self._kind(resource_id), day, asked_kwh, verified_kwh)

    def _kind(self, resource_id: str) -> str:
        return self._registry.fleet.resource(resource_id).kind.value
