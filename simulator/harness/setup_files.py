"""A scenario as separate processes: writes all that controller, gateways, devices and people are started from.

``controller.yaml``  for ``vpp serve``              ``store/``    fleet, network, programmes, the meters' history
``adapters.yaml``    for ``vpp adapters run``       ``gateways/`` the gateways' disks, once they run
``devices.yaml``     for ``vpp-sim devices``        ``devices/``  the devices' memory, once they run
``people.yaml``      for ``vpp-sim people``         ``people.key`` their API key, readable by its owner only
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal

import yaml

from simulator.harness.adapters_section import gateway_sections
from simulator.harness.assembly import CONFIRM_EVERY, import_history, save_setup
from simulator.harness.registration import installed_gateways, reference_peak_of
from simulator.plant import Plant
from simulator.rolling import moved, quarter_before
from simulator.scenario import Scenario, load_scenario
from vpp.bootstrap.parts import accounts_of, store_urls
from vpp.config import read_serve_config
from vpp.config_files import config_root
from vpp.domain.access import Principal, Role
from vpp.domain.errors import ConfigError
from vpp.domain.working_days import SATURDAY, DayType
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.clock import SystemClock
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder

CALENDAR_DAYS_AHEAD = 400
LAST_PORT = 65_535
_CLOCK_LINE = re.compile(r"^clock: .*$", re.MULTILINE)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the processes find each other.

    Attributes:
        modbus_port_base: Port of the first gateway's devices; the others follow.
        devices_host: Where the gateways reach the devices; ``host`` where ``None``.
        adapters_http_port: Of the gateway process' metrics; ``None`` for none.
        ledger_url, archive_url, access_url: Databases; files in the store folder where ``None``.
        database_password_file: First line is their password.
    """

    host: str = "127.0.0.1"
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    http_port: int = 8000
    modbus_port_base: int = 15_020
    devices_host: str | None = None
    adapters_http_port: int | None = None
    ledger_url: str | None = None
    archive_url: str | None = None
    access_url: str | None = None
    database_password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What to set up.

    Attributes:
        start: ``None`` for the scenario's own day and time, ``"now"``, or an instant.
        speed: Simulated seconds per second; with ``start="now"`` ``None`` means the machine's own time.
        controller: Further top-level keys of controller.yaml, such as ``demo_users``.
        overrides: By ``controller``, ``adapters``, ``devices`` and ``people``: keys that stand in that file in place of
            what is written otherwise, such as names of hosts in a network of containers; sections key by key.
    """

    scenario: Path
    out: Path
    seed: int = 1
    start: datetime | Literal["now"] | None = None
    speed: float | None = None
    addresses: Addresses = field(default_factory=Addresses)
    controller: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetupFiles:
    """What was written.

    Attributes:
        scenario: Moved to the chosen day.
        at: Simulated instant at ``wall_at``; both equal in real time.
        speed: ``None`` in real time.
        findings: What a reader should know, such as years without a known calendar.
        overrides: As in the options.
    """

    folder: Path
    scenario: Scenario
    at: datetime
    wall_at: datetime
    speed: float | None
    findings: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def controller(self) -> Path:
        """For ``vpp serve``."""
        return self.folder / "controller.yaml"

    @property
    def adapters(self) -> Path:
        """For ``vpp adapters run``."""
        return self.folder / "adapters.yaml"

    @property
    def devices(self) -> Path:
        """For ``vpp-sim devices``."""
        return self.folder / "devices.yaml"

    @property
    def people(self) -> Path:
        """For ``vpp-sim people``."""
        return self.folder / "people.yaml"

    @property
    def people_key(self) -> Path:
        """API key that people answer with."""
        return self.folder / "people.key"


async def write_setup(options: SetupOptions) -> SetupFiles:
    """Writes everything; an earlier set-up of the folder is kept under the next free number.

    Raises:
        ScenarioFileError: the scenario is wrong; names file and key.
        ConfigError: ports beyond 65535, or a secret that is not there.
        StoreError: store or databases cannot be written.
    """
    wall_at = SystemClock().now()
    scenario, findings = _with_calendar(load_scenario(options.scenario), options)
    at = _start(options, scenario, wall_at)
    there = moved(scenario, quarter_before(at))
    speed = options.speed if options.start == "now" else options.speed or 1.0
    out = options.out.resolve()
    made = SetupFiles(out, there, at, wall_at, speed, findings, options.overrides)
    ports = _ports(options.addresses, there)
    _make_way(made)
    plant = there.make_plant(options.seed)
    _write_controller(made, options)
    _write_adapters(made, options.addresses, plant, ports)
    _write_devices(made, options, ports)
    await _write_store(made, plant)
    await _write_people(made, options)
    return made


def start_clock(made: SetupFiles, wall_at: datetime) -> SetupFiles:
    """The same set-up with its scaled clock starting at ``wall_at``; to be called before any process runs.

    Real time has no clock to start; nothing changes then.
    """
    if made.speed is None:
        return made
    started = replace(made, wall_at=wall_at)
    for path in (made.controller, made.adapters, made.devices, made.people):
        path.write_text(_CLOCK_LINE.sub(_clock_line(started), path.read_text("utf-8")), "utf-8")
    return started


def _start(options: SetupOptions, scenario: Scenario, wall_at: datetime) -> datetime:
    if options.start is None:
        return scenario.window.start
    return wall_at if options.start == "now" else options.start.astimezone(UTC)


def _with_calendar(scenario: Scenario, options: SetupOptions) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with the country's days of rest, as the controller counts them."""
    now = SystemClock().now()
    first = min(_start(options, scenario, now).date(), scenario.window.day) - timedelta(days=150)
    last = _start(options, scenario, now).date() + timedelta(days=CALENDAR_DAYS_AHEAD)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    calendar = chinese_working_days(days)
    weekdays = [day for day in days if day.weekday() < SATURDAY]
    district = replace(
        scenario.district,
        holidays=frozenset(day for day in weekdays if calendar.type_of(day) is not DayType.WORKING),
        working_weekends=frozenset(
            day for day in days if day.weekday() >= SATURDAY and calendar.type_of(day) is DayType.WORKING
        ),
    )
    return replace(scenario, district=district), calendar.findings


def _ports(addresses: Addresses, scenario: Scenario) -> dict[str, int]:
    gateways = [gateway.id for gateway in scenario.district.gateways]
    last = addresses.modbus_port_base + len(gateways) - 1
    if not 0 < addresses.modbus_port_base <= last <= LAST_PORT:
        raise ConfigError(
            "--modbus-port-base",
            str(addresses.modbus_port_base),
            f"expected {len(gateways)} ports between 1 and {LAST_PORT}, they would end at {last}",
        )
    return {gateway_id: addresses.modbus_port_base + number for number, gateway_id in enumerate(gateways)}


def _make_way(made: SetupFiles) -> None:
    folder = made.folder
    try:
        if made.devices.exists() or made.controller.exists():
            kept = next(p for n in count(1) if not (p := folder.with_name(f"{folder.name}.{n}")).exists())
            folder.rename(kept)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(str(folder), "", f"cannot be made or moved away ({error.strerror})") from error


def _write_controller(made: SetupFiles, options: SetupOptions) -> None:
    addresses, peak = options.addresses, reference_peak_of(made.scenario.district)
    store: dict[str, Any] = {"folder": "store"}
    for key in ("ledger_url", "archive_url", "access_url"):
        if (url := getattr(addresses, key)) is not None:
            store[key] = url
    if addresses.database_password_file is not None:
        store["database_password"] = {"file": str(addresses.database_password_file.resolve())}
    told = {
        "store": store,
        "reference_peak": {"kw": peak.kw, "source": peak.source, "date": peak.on},
        "broker": {"host": addresses.broker_host, "port": addresses.broker_port},
        "http": {"host": addresses.host, "port": addresses.http_port},
        "confirm_every": CONFIRM_EVERY,
        **options.controller,
    }
    _write(made, made.controller, told)


def _write_adapters(made: SetupFiles, addresses: Addresses, plant: Plant, ports: Mapping[str, int]) -> None:
    confirm_s = [60.0 * r.confirm_minutes for r in made.scenario.district.resources if r.needs_person]
    told: dict[str, Any] = {
        "broker": {"host": addresses.broker_host, "port": addresses.broker_port},
        "disk": "gateways",
        "confirm": {"mode": "auto", "after_s": round(sum(confirm_s) / len(confirm_s), 1) if confirm_s else 0.0},
        "gateways": gateway_sections(
            made.scenario.district,
            installed_gateways(made.scenario, plant),
            host=addresses.devices_host or addresses.host,
            ports=ports,
        ),
    }
    if addresses.adapters_http_port is not None:
        told["http"] = {"host": addresses.host, "port": addresses.adapters_http_port}
    _write(made, made.adapters, told)
    (made.folder / "gateways").mkdir(exist_ok=True)


def _write_devices(made: SetupFiles, options: SetupOptions, ports: Mapping[str, int]) -> None:
    district = made.scenario.district
    told = {
        "scenario": str(options.scenario.resolve()),
        "seed": options.seed,
        "start": made.scenario.window.start.isoformat(),
        "state": "devices",
        "maps": str((config_root() / "modbus").resolve()),
        "host": options.addresses.host,
        "holidays": _dates(district.holidays),
        "working_weekends": _dates(district.working_weekends),
        "gateways": [{"id": gateway_id, "port": port} for gateway_id, port in ports.items()],
    }
    _write(made, made.devices, told)


async def _write_store(made: SetupFiles, plant: Plant) -> None:
    save_setup(StoreFolder(made.folder / "store"), made.scenario, plant)
    archive = open_archive(store_urls(read_serve_config(made.controller).store).archive)
    try:
        await import_history(archive, made.scenario, plant)
    finally:
        archive.close()


async def _write_people(made: SetupFiles, options: SetupOptions) -> None:
    with accounts_of(read_serve_config(made.controller)) as accounts:
        by = Principal("setup", Role.ADMIN, None)
        key = await accounts.create_api_key("simulated people", Role.OPERATOR, by=by)
    made.people_key.touch(mode=_OWNER_ONLY)
    made.people_key.write_text(key.secret + "\n", "utf-8")
    told = {
        "url": f"http://{options.addresses.host}:{options.addresses.http_port}",
        "api_key_file": made.people_key.name,
        "scenario": str(options.scenario.resolve()),
        "seed": options.seed,
    }
    _write(made, made.people, told)


def _dates(days: frozenset[date]) -> list[date]:
    return sorted(days)


def _write(made: SetupFiles, path: Path, told: Mapping[str, Any]) -> None:
    told = _merged(told, made.overrides.get(path.stem, {}))
    text = yaml.dump(dict(told), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120)
    clock = "" if made.speed is None else _clock_line(made) + "\n"
    try:
        path.write_text(text + clock, "utf-8")
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be written ({error.strerror})") from error


def _merged(told: Mapping[str, Any], instead: Mapping[str, Any]) -> dict[str, Any]:
    """``told`` with the keys of ``instead``; a section is entered, anything else is replaced."""
    merged = dict(told)
    for key, value in instead.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _clock_line(made: SetupFiles) -> str:
    at, wall_at = made.at.isoformat(), made.wall_at.isoformat()
    return f'clock: {{at: "{at}", wall_at: "{wall_at}", speed: {made.speed}}}'
