"""The gateways of a simulated district as ``adapters.yaml`` tells them to the gateway process."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from adapters.kit.resource_spec import ResourceSpec
from simulator.district import ADAPTER_OF_KIND, District
from simulator.harness.assembly import OFFERS_EVERY_MIN
from simulator.harness.registration import Installed
from simulator.protocols.layout import UnitPlace, units_of


def gateway_sections(
    district: District, installed: Sequence[Installed], *, host: str, ports: Mapping[str, int]
) -> list[dict[str, Any]]:
    """One section per gateway; every resource is the Modbus unit that ``vpp-sim devices`` makes of it.

    Args:
        district: Gives the units.
        installed: What each gateway is told of its resources.
        host: Where the devices are served.
        ports: By gateway id.
    """
    places = {place.resource.id: place for units in units_of(district).values() for place in units}
    return [
        {
            "gateway_id": one.gateway_id,
            "capability_every_min": OFFERS_EVERY_MIN,
            "resources": [
                _resource(spec, places[spec.id], {"host": host, "port": ports[one.gateway_id]}) for spec in one.specs
            ],
        }
        for one in installed
    ]


def _resource(spec: ResourceSpec, place: UnitPlace, server: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": spec.id,
        "site_id": spec.site_id,
        "kind": spec.kind.value,
        "rated_kw": float(spec.rated_kw),
        "map": str(ADAPTER_OF_KIND[place.resource.kind]),
        "devices": {**server, "unit": place.unit, "count": place.device_count},
        "terms": {key: _plain(value) for key, value in asdict(spec.terms).items() if value is not None},
        "notice_s": float(spec.notice_s),
        "opted_in": bool(spec.opted_in),
        "protected": bool(spec.protected),
    }
    if spec.confirm_within_s is not None:
        told["confirm_within_s"] = float(spec.confirm_within_s)
    if spec.profile_kw is not None:
        told["profile_kw"] = [round(float(value), 3) for value in spec.profile_kw]
    return told


def _plain(value: object) -> object:
    """Numbers as Python's own, which YAML can write."""
    return value.item() if hasattr(value, "item") else value
