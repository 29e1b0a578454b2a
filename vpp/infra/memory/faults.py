"""What a faulty network does to messages on the in-memory bus: loses, repeats or delays them, from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from vpp.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one session."""

    sender_id: str
    receiver_id: str
    topic: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a delivery.

    Attributes:
        copies: How often it arrives: 0 is lost, 2 is repeated.
        delay_s: How much later, in seconds of the event loop; later messages may overtake it.
    """

    copies: int = 1
    delay_s: float = 0.0


UNHARMED = Fate()

FaultHook = Callable[[Delivery], Fate]
"""Asked once per delivery; must be deterministic."""


class SeededFaults:
    """A ``FaultHook`` with fixed rates.

    Each (receiver, topic) has a random stream of its own, so that traffic elsewhere changes nothing here.
    """

    def __init__(
        self,
        seed: int,
        *,
        loss_rate: float = 0.0,
        duplicate_rate: float = 0.0,
        delay_rate: float = 0.0,
        delay_max_s: float = 0.0,
    ) -> None:
        """Faults that are drawn independently for each delivery.

        Args:
            seed: The scenario's seed.
            loss_rate: Share of deliveries that never arrive, in [0, 1].
            duplicate_rate: Share of the arriving ones that arrive twice, in [0, 1].
            delay_rate: Share of the arriving ones that are late, in [0, 1].
            delay_max_s: Delays are uniform in [0, ``delay_max_s``] seconds.

        Raises:
            InputError: a rate outside [0, 1] or a negative delay.
        """
        for name, rate in (("loss", loss_rate), ("duplicate", duplicate_rate), ("delay", delay_rate)):
            if not 0.0 <= rate <= 1.0:
                raise InputError(f"{name} rate {rate} of the bus faults is not in [0, 1]")
        if not delay_max_s >= 0.0:
            raise InputError(f"largest delay {delay_max_s} s of the bus faults is not >= 0")
        self._seed = seed
        self._loss_rate = loss_rate
        self._duplicate_rate = duplicate_rate
        self._delay_rate = delay_rate
        self._delay_max_s = delay_max_s
        self._streams: dict[tuple[str, str], random.Random] = {}

    def __call__(self, delivery: Delivery) -> Fate:
        """The fate of the next message on this topic to this receiver."""
        stream = self._stream(delivery.receiver_id, delivery.topic)
        lost, doubled, late, lateness = (stream.random() for _ in range(4))
        if lost < self._loss_rate:
            return Fate(copies=0)
        return Fate(
            copies=2 if doubled < self._duplicate_rate else 1,
            delay_s=lateness * self._delay_max_s if late < self._delay_rate else 0.0,
        )

    def _stream(self, receiver_id: str, topic: str) -> random.Random:
        key = (receiver_id, topic)
        if key not in self._streams:
            self._streams[key] = random.Random(f"{self._seed}|bus|{receiver_id}|{topic}")  # noqa: S311 - not a secret
        return self._streams[key]
