"""Drivers over the shipped maps and over a map of one's own, for the driver's tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from adapters.modbus.driver import ModbusDriver
from adapters.modbus.layout import ResourceDevices, points_of
from adapters.modbus.map_check import check_serves, load_map
from adapters.modbus.map_file import RegisterMap
from adapters.modbus.settings import DeviceRange, ModbusSettings
from tests.adapters.modbus.field_server import FieldServer
from vpp.config_files import config_root
from vpp.domain.fleet import ResourceKind

AT = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STAMP = int(AT.timestamp()) // 60
SHIPPED = config_root() / "modbus"


@dataclass
class Counted:
    """Implements ``Metrics``."""

    counts: dict[str, float] = field(default_factory=dict)
    notes: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        key = f"{name}/{labels['why']}" if "why" in labels else name
        self.counts[key] = self.counts.get(key, 0.0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.counts[name] = value

    def note(self, message: str, **details: object) -> None:
        self.notes.append((message, details))


class StoppedClock:
    """Implements ``Clock``: stands still, and whoever sleeps moves it on."""

    def __init__(self) -> None:
        self.instant = AT

    def now(self) -> datetime:
        return self.instant

    async def sleep_until(self, instant: datetime) -> None:
        self.instant = max(self.instant, instant)


def shipped(name: str) -> RegisterMap:
    return load_map(SHIPPED / f"{name}.yaml")


def own_map(folder: Path, fields: Mapping[str, Any], **settings: Any) -> Path:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"name": "own", **settings, "fields": dict(fields)}))
    return path


def resource(
    made: RegisterMap,
    port: int,
    *,
    kind: ResourceKind = ResourceKind.FACTORY_LINE,
    count: int = 1,
    unit: int = 1,
    rated_kw: float = 500.0,
) -> ResourceDevices:
    devices = DeviceRange(host="127.0.0.1", port=port, unit=unit, count=count)
    check_serves(Path("map.yaml"), made, kind)
    return ResourceDevices(f"r{unit}", kind, rated_kw, made, points_of(devices, made))


def driver(*resources: ResourceDevices, clock: StoppedClock | None = None, **settings: Any) -> ModbusDriver:
    told = ModbusSettings(**{"timeout_s": 0.2, "pass_timeout_s": 5.0, **settings})
    return ModbusDriver("gw", resources, settings=told, clock=clock or StoppedClock(), metrics=Counted())


def counts(made: ModbusDriver) -> dict[str, float]:
    metrics = made._metrics
    assert isinstance(metrics, Counted)
    return metrics.counts


def factory_line(server: FieldServer, number: int = 0, *, unit: int = 1, stamp: int = STAMP, **values: float) -> None:
    """A line of the shipped map that draws 100 kW, unless told otherwise."""
    told = {"power": 100_000, "energy": 5_000_000, "rated": 200_000, "power_min": 50_000, **values}
    base = 13 * number
    server.put(unit, base, ">I", stamp)
    server.put(unit, base + 2, ">i", told["power"])
    server.put(unit, base + 4, ">Q", told["energy"])
    server.put(unit, base + 9, ">H", told.get("scheduled_on", 1))
    server.put(unit, 9 * number + 1, ">I", told["rated"], table="input")
    server.put(unit, 9 * number + 3, ">I", told["power_min"], table="input")
