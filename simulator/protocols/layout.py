"""Where each resource of a district stands on the field side: gateway, unit, device rows. One truth for both sides."""

from dataclasses import dataclass

from simulator.district import District, ResourceSpec

LAST_UNIT = 247
"""The largest unit id of Modbus."""


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """One resource as a Modbus unit of its gateway's port.

    Attributes:
        unit: Counted from 1 in the order of the district's resources.
        device_count: Blocks of registers; block n belongs to the resource's device n.
    """

    gateway_id: str
    unit: int
    resource: ResourceSpec

    @property
    def device_count(self) -> int:
        """How many devices the unit has."""
        return int(self.resource.devices.stop - self.resource.devices.start)


def units_of(district: District) -> dict[str, tuple[UnitPlace, ...]]:
    """The units of every gateway, in the order of the district's gateways; all resources have one, enrolled or not.

    Raises:
        ValueError: a gateway has more resources than Modbus has units.
    """
    found: dict[str, list[UnitPlace]] = {gateway.id: [] for gateway in district.gateways}
    for resource in district.resources:
        places = found[resource.gateway_id]
        if len(places) == LAST_UNIT:
            raise ValueError(
                f"gateway {resource.gateway_id!r}: more than {LAST_UNIT} resources; Modbus has no more units"
            )
        places.append(UnitPlace(resource.gateway_id, len(places) + 1, resource))
    return {gateway_id: tuple(places) for gateway_id, places in found.items()}
