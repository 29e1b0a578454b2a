"""Which adapter serves which kind of resource, and which driver speaks which protocol."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from adapters.charging.piles import ChargingAdapter
from adapters.commercial.building import CommercialAdapter
from adapters.factory.lines import FactoryAdapter
from adapters.kit.adapter import Adapter
from adapters.kit.driver import DeviceDriver
from adapters.modbus.driver import ModbusDriver
from adapters.modbus.layout import ResourceDevices
from adapters.modbus.settings import ModbusSettings
from adapters.storage.battery import StorageAdapter
from vpp.domain.fleet import ResourceKind
from vpp.ports import Clock, Metrics


class OpenDriver(DeviceDriver, Protocol):
    """A driver that holds connections.

    Attributes:
        trouble: Why a device could not be read last time, by its index.
    """

    trouble: dict[int, str]

    def where(self, device: int) -> str:
        """Address of a device, for people."""

    def close(self) -> None:
        """Ends its connections."""


DriverMaker = Callable[[str, Sequence[ResourceDevices], ModbusSettings, Clock, Metrics], OpenDriver]
"""Gateway id, devices, settings, clock and metrics to a driver."""


def _modbus(
    gateway_id: str, resources: Sequence[ResourceDevices], settings: ModbusSettings, clock: Clock, metrics: Metrics
) -> OpenDriver:
    return ModbusDriver(gateway_id, resources, settings=settings, clock=clock, metrics=metrics)


DRIVERS: Mapping[str, DriverMaker] = {"modbus": _modbus}
"""By ``driver.type`` of a gateway's configuration; a further protocol has its line here and its settings there."""


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
