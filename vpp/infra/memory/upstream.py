"""A higher-level platform in memory, for the harness and for tests."""

from collections.abc import Sequence

from vpp.domain.errors import UpstreamError
from vpp.domain.upstream import Confirmation, Delivery, ResponseCurve, UpstreamCall


class MemoryUpstream:
    """Implements ``Upstream``.

    Attributes:
        reachable: While ``False``, everything raises ``UpstreamError``.
        confirmations: What it was told of calls, once each, in order.
        curves: The newest curve per call and curve name, in order of their first arrival.
    """

    def __init__(self, name: str = "memory") -> None:
        """Nothing called yet."""
        self._name = name
        self._waiting: dict[str, Delivery] = {}
        self._sent = 0
        self.reachable = True
        self.confirmations: list[Confirmation] = []
        self.curves: dict[tuple[str, str], ResponseCurve] = {}

    @property
    def name(self) -> str:
        """What this connection is called in facts."""
        return self._name

    def call(self, *calls: UpstreamCall) -> None:
        """The platform sends calls, as one delivery."""
        self._sent += 1
        ref = f"delivery-{self._sent:06d}"
        self._waiting[ref] = Delivery(ref=ref, calls=calls)

    async def receive(self) -> Sequence[Delivery]:
        """Deliveries not yet taken, in order."""
        self._require_reachable()
        return list(self._waiting.values())

    async def take(self, delivery: Delivery) -> None:
        """Forgets the delivery."""
        self._require_reachable()
        self._waiting.pop(delivery.ref, None)

    async def confirm(self, confirmation: Confirmation) -> None:
        """Keeps the confirmation, once."""
        self._require_reachable()
        if confirmation not in self.confirmations:
            self.confirmations.append(confirmation)

    async def report(self, curve: ResponseCurve) -> None:
        """Keeps the curve, in place of an earlier one of that name."""
        self._require_reachable()
        self.curves[curve.call_id, curve.name] = curve

    def _require_reachable(self) -> None:
        if not self.reachable:
            raise UpstreamError(f"upstream {self._name!r} cannot be reached")
