"""What is known of the fleet right now: the registered resources, and what their gateways last said of them."""

from collections.abc import Callable, Sequence

from vpp.domain.capability import CapabilityOffer, flaw_of
from vpp.domain.events import Direction
from vpp.domain.filling import can_fill
from vpp.domain.fleet import CustomerClass, Fleet
from vpp.domain.network import NetworkChanges
from vpp.ports import Metrics


class Registry:
    """The registered fleet, on the network as it stands, with the latest offers.

    Attributes:
        registered: The fleet on the network as it was registered.
    """

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        *,
        open_round: Callable[[], int] | None = None,
        network: Callable[[], NetworkChanges] = NetworkChanges,
    ) -> None:
        """Knows the fleet.

        Args:
            fleet: As registered.
            metrics: Counts offers.
            open_round: Tells the highest access round that may be called; without it all may.
            network: Tells what has been changed of the registered network.
        """
        self.registered = fleet
        self._network = network
        self._seen = NetworkChanges()
        self._tree = fleet
        self._open_round = open_round
        self.offers: dict[str, CapabilityOffer] = {}
        self._metrics = metrics

    @property
    def fleet(self) -> Fleet:
        """The fleet on the network as it stands.

        Raises:
            InputError: a change of the network names a node that is not registered.
        """
        changes = self._network()
        if changes is not self._seen and changes.told != self._seen.told:
            self._tree = changes.tree_of(self.registered)
            self._seen = changes
        return self._tree

    @property
    def network(self) -> NetworkChanges:
        """What has been changed of the registered network."""
        return self._network()

    def take_offers(self, gateway_id: str, offers: Sequence[CapabilityOffer]) -> list[str]:
        """Keeps sound offers of the gateway's own resources; returns a sentence for each refused one."""
        own = set(self.fleet.by_gateway.get(gateway_id, ()))
        refused: list[str] = []
        for offer in offers:
            flaw = flaw_of(offer) if offer.resource_id in own else f"unknown resource {offer.resource_id!r}"
            if flaw is None:
                self.offers[offer.resource_id] = offer
            else:
                refused.append(flaw)
        self._metrics.count("offers_received", len(offers) - len(refused))
        return refused

    def in_scope(self, scope_node_id: str | None) -> list[str]:
        """Resources below the node, or all of the district."""
        return [
            resource_id
            for resource_id in self.fleet.resources
            if scope_node_id is None or scope_node_id in self.fleet.node_path(self.fleet.site_of(resource_id).node_id)
        ]

    def share_resources(self, scope_node_id: str | None, other_node_id: str | None) -> bool:
        """Whether a resource may lie in both scopes; ``None`` is the whole district."""
        if scope_node_id is None or other_node_id is None:
            return True
        path, other = self.fleet.node_path(scope_node_id), self.fleet.node_path(other_node_id)
        return scope_node_id in other or other_node_id in path

    def why_not(self, resource_id: str, direction: Direction = Direction.CURTAIL) -> str | None:
        """The reason code for which the resource may not be called, whoever accepts; ``None`` when it may."""
        if self.fleet.protected(resource_id):
            return "protected"
        resource = self.fleet.resource(resource_id)
        site = self.fleet.site_of(resource_id)
        if site.customer_class is CustomerClass.RESIDENTIAL_CHARGING and not resource.opted_in:
            return "not-opted-in"
        if site.access_round > self.open_round():
            return "later-round"
        return self.cannot_fill(resource_id, direction)

    def cannot_fill(self, resource_id: str, direction: Direction) -> str | None:
        """The reason code of a resource of which more is asked than its offer says that it could take."""
        offer = self.offers.get(resource_id)
        cannot = direction is Direction.FILL and offer is not None and not can_fill(offer.flexibility)
        return "cannot-fill" if cannot else None

    def open_round(self) -> int:
        """The highest access round whose sites may be called."""
        return self.fleet.last_round if self._open_round is None else self._open_round()
