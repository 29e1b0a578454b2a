"""Which adapter serves which kind of resource, and which driver speaks which protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.charging.piles import ChargingAdapter
from adapters.commercial.building import CommercialAdapter
from adapters.factory.lines import FactoryAdapter
from adapters.kit.adapter import Adapter
from adapters.kit.driver import DeviceDriver
from adapters.modbus.driver import ModbusDriver
from adapters.modbus.layout import ResourceDevices
from adapters.modbus.rollovers import RolloverFile
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


@dataclass(frozen=True, slots=True, eq=False)
class DriverGround:
    """What a driver stands on, whatever its protocol.

    Attributes:
        disk: Folder for what it must remember over a restart; ``None``: it only looks.
    """

    gateway_id: str
    clock: Clock
    metrics: Metrics
    disk: Path | None = None


DriverMaker = Callable[[DriverGround, Sequence[ResourceDevices], ModbusSettings], OpenDriver]


def _modbus(ground: DriverGround, resources: Sequence[ResourceDevices], settings: ModbusSettings) -> OpenDriver:
    kept = None if ground.disk is None else RolloverFile(ground.disk / f"{ground.gateway_id}.rollovers.json")
    return ModbusDriver(
        ground.gateway_id, resources, settings=settings, clock=ground.clock, metrics=ground.metrics, rollovers=kept
    )


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
