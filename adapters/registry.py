"""Which adapter serves which kind of resource."""

from adapters.charging.piles import ChargingAdapter
from adapters.commercial.building import CommercialAdapter
from adapters.factory.lines import FactoryAdapter
from adapters.kit.adapter import Adapter
from adapters.storage.battery import StorageAdapter
from vpp.domain.fleet import ResourceKind


def standard_adapters() -> dict[ResourceKind, Adapter]:
    """One adapter per kind; every kind has one."""
    factory, charging, commercial, storage = FactoryAdapter(), ChargingAdapter(), CommercialAdapter(), StorageAdapter()
    return {
        ResourceKind.FACTORY_LINE: factory,
        ResourceKind.FACTORY_PROCESS: factory,
        ResourceKind.PUBLIC_CHARGING: charging,
        ResourceKind.RESIDENTIAL_CHARGING: charging,
        ResourceKind.COOLING: commercial,
        ResourceKind.LIGHTING: commercial,
        ResourceKind.STORAGE: storage,
    }
