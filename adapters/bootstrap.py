"""The gateway process: what stands behind each gateway's ports, and who starts it again when it fails.

Reads top to bottom: configuration, register maps, one driver and one disk per gateway, broker, clock, metrics. Each
gateway runs on its own: one that fails is started again after a pause, and the others do not notice.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from adapters.config import (
    AdaptersConfig,
    AutoSection,
    BrokerSection,
    FilesSection,
    GatewaySection,
    find_map,
    specs_of,
)
from adapters.kit.answering import AgreesAfter, AnswersByFile
from adapters.kit.confirmations import Confirmations, NobodyAnswers
from adapters.kit.gateway import Gateway, GatewayPorts
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.status_page import status_page
from adapters.kit.store import GatewayStore
from adapters.modbus.layout import ResourceDevices, points_of
from adapters.modbus.map_check import check_serves, load_map
from adapters.modbus.map_file import RegisterMap
from adapters.registry import DRIVERS, DriverGround, OpenDriver, standard_adapters
from vpp.config_files import config_root
from vpp.domain.errors import ConfigError, InputError
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.logs import last_words, set_up_logs
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.prometheus import PrometheusMetrics
from vpp.ports import Bus, Clock

RUNNING, STARTING = "running", "starting"
LIVED_LONG_ENOUGH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """One gateway as it will be run, fully checked: nothing of it is open yet."""

    section: GatewaySection
    config: GatewayConfig
    devices: tuple[ResourceDevices, ...]


@dataclass(eq=False)
class GatewayProcess:
    """All gateways of one configuration.

    Attributes:
        states: Per gateway ``running``, ``starting``, or why it is down.
    """

    config: AdaptersConfig
    gateways: tuple[Planned, ...]
    bus: Bus
    clock: Clock
    metrics: PrometheusMetrics
    confirmations: Confirmations
    states: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Runs all gateways until cancelled; then each says farewell to the broker.

        Raises:
            OutsideError: the status page's port is taken.
            StoreError: the disk folder cannot be made.
        """
        with last_words("vpp adapters run"):
            self.config.disk.mkdir(parents=True, exist_ok=True)
            self.states = {planned.section.gateway_id: STARTING for planned in self.gateways}
            with ExitStack() as stack:
                if (http := self.config.http) is not None:
                    stack.enter_context(
                        status_page(
                            http.host, http.port, metrics=self.metrics.exposition, states=lambda: dict(self.states)
                        )
                    )
                async with asyncio.TaskGroup() as group:
                    for planned in self.gateways:
                        group.create_task(self._keep_running(planned), name=planned.section.gateway_id)

    async def _keep_running(self, planned: Planned) -> None:
        gateway_id = planned.section.gateway_id
        # Spreads restarts; nothing secret hangs on it.
        chance = random.Random(f"{gateway_id}/restart")  # noqa: S311
        failures = 0
        while True:
            started_at = self.clock.now()
            try:
                with self._gateway(planned) as gateway:
                    self.states[gateway_id] = RUNNING
                    await gateway.run()
            except Exception as error:  # noqa: BLE001 - the supervisor: logs, counts and starts again
                failures = 0 if self.clock.now() - started_at >= LIVED_LONG_ENOUGH else failures
                pause_s = self._pause_s(failures) * (0.5 + 0.5 * chance.random())
                failures += 1
                self.states[gateway_id] = f"{type(error).__name__}: {error}"
                self.metrics.count("vpp_gateway_restarts", gateway=gateway_id)
                self.metrics.note("gateway failed", gateway=gateway_id, error=repr(error), again_in_s=round(pause_s, 1))
                await self.clock.sleep_until(self.clock.now() + timedelta(seconds=pause_s))

    @contextmanager
    def _gateway(self, planned: Planned) -> Iterator[Gateway]:
        with self.driver(planned, disk=self.config.disk) as driver, ExitStack() as stack:
            store = GatewayStore(str(self.config.disk / f"{planned.section.gateway_id}.sqlite"))
            stack.callback(store.close)
            ports = GatewayPorts(
                bus=self.bus,
                clock=self.clock,
                driver=driver,
                store=store,
                adapters=standard_adapters(),
                metrics=self.metrics,
                confirmations=self.confirmations,
            )
            yield Gateway(planned.config, ports)

    @contextmanager
    def driver(self, planned: Planned, *, disk: Path | None = None) -> Iterator[OpenDriver]:
        """The gateway's driver, closed at the end; without a ``disk`` it leaves nothing behind."""
        section = planned.section
        ground = DriverGround(section.gateway_id, self.clock, self.metrics, disk)
        driver = DRIVERS[section.driver.type](ground, planned.devices, section.driver)
        try:
            yield driver
        finally:
            driver.close()

    def _pause_s(self, failures: int) -> float:
        restart = self.config.restart
        return min(restart.first_s * 2.0 ** min(failures, 30), restart.longest_s)


def compose(config: AdaptersConfig, *, file: Path) -> GatewayProcess:
    """The process that ``config`` describes; nothing is opened yet.

    Raises:
        ConfigError: a register map is wrong or missing, devices do not fit it, or the password cannot be read.
    """
    return GatewayProcess(
        config=config,
        gateways=tuple(plan_gateways(config, file)),
        bus=AiomqttBus(_broker(config.broker)),
        clock=_clock(config),
        metrics=PrometheusMetrics(),
        confirmations=_confirmations(config),
    )


def plan_gateways(config: AdaptersConfig, file: Path) -> Iterator[Planned]:
    """Each gateway with its register maps found and checked.

    Raises:
        ConfigError: names the gateway and resource, or the map's file and key.
    """
    folders = (*config.maps, config_root() / "modbus")
    loaded: dict[Path, RegisterMap] = {}
    for gateway in config.gateways:
        devices: list[ResourceDevices] = []
        for one in gateway.resources:
            whose = f"{file}: gateway {gateway.gateway_id!r}, resource {one.id!r}"
            path = find_map(one.map, folders, asked_by=whose)
            if path not in loaded:
                loaded[path] = load_map(path)
            check_serves(path, loaded[path], one.kind)
            try:
                points = points_of(one.devices, loaded[path])
            except InputError as error:
                raise ConfigError(whose, "devices", str(error)) from error
            devices.append(ResourceDevices(one.id, one.kind, one.rated_kw, loaded[path], points))
        made = GatewayConfig(
            gateway_id=gateway.gateway_id,
            specs=specs_of(gateway),
            device_count=gateway.device_count,
            capability_every_min=gateway.capability_every_min,
            horizon_intervals=gateway.horizon_intervals,
            read_offset_s=gateway.read_offset_s,
            outside_timeout_s=gateway.outside_timeout_s,
        )
        yield Planned(gateway, made, tuple(devices))


def _broker(section: BrokerSection) -> BrokerAddress:
    password = None
    if section.password_file is not None:
        try:
            password = section.password_file.read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                str(section.password_file), "", f"the broker's password cannot be read: {error}"
            ) from error
    tls = None
    if section.tls is not None:
        ca_file = section.tls.ca_file
        try:
            tls = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except OSError as error:
            raise ConfigError(str(ca_file), "", f"the broker's certificates cannot be read: {error}") from error
    return BrokerAddress(host=section.host, port=section.port, username=section.username, password=password, tls=tls)


def _clock(config: AdaptersConfig) -> Clock:
    if config.clock is None:
        return SystemClock()
    told = config.clock
    passed_s = (SystemClock().now() - told.wall_at).total_seconds()
    return ScaledClock(told.at + timedelta(seconds=told.speed * passed_s), told.speed)


def _confirmations(config: AdaptersConfig) -> Confirmations:
    match config.confirm:
        case AutoSection(after_s=after_s):
            return AgreesAfter(after_s)
        case FilesSection(folder=folder):
            return AnswersByFile(folder)
        case _:
            return NobodyAnswers()


def start_logs(config: AdaptersConfig, *, quiet: bool) -> None:
    """Logs go to standard error; a ``quiet`` process says warnings only."""
    set_up_logs(json=config.log_json, level=logging.WARNING if quiet else logging.INFO)
