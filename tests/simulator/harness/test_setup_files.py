"""A set-up is read back by the loaders of those who are started from it."""

import asyncio
import stat
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner

from adapters.config import AdaptersConfig, find_map, load_config, specs_of
from simulator.cli import app
from simulator.harness.people_process import load_people_file
from simulator.harness.registration import installed_gateways
from simulator.harness.setup_command import parse_broker, parse_start
from simulator.harness.setup_files import Addresses, SetupFiles, SetupOptions, start_clock, write_setup
from simulator.protocols.devices_file import load_devices_file
from simulator.protocols.layout import units_of
from simulator.rolling import quarter_before
from vpp.bootstrap.parts import accounts_of
from vpp.config import read_serve_config
from vpp.config_files import config_root
from vpp.domain.access import Role
from vpp.domain.errors import ConfigError
from vpp.domain.timegrid import TimeGrid, day_start
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder

QUICK = config_root() / "scenarios" / "quick.yaml"
LOCAL = ZoneInfo("Asia/Shanghai")
ADDRESSES = Addresses(broker_port=21883, http_port=28000, modbus_port_base=25020, adapters_http_port=29101)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SetupFiles:
    out = tmp_path_factory.mktemp("set") / "up"
    extra = {"log": {"level": "warning"}}
    return asyncio.run(write_setup(SetupOptions(QUICK, out, seed=4, speed=20.0, addresses=ADDRESSES, controller=extra)))


@pytest.fixture(scope="module")
def adapters(made: SetupFiles) -> AdaptersConfig:
    return load_config(made.adapters)


def test_write_setup__the_service_reads_its_file(made: SetupFiles) -> None:
    config = read_serve_config(made.controller)

    assert StoreFolder(config.store.folder).path == made.folder / "store"
    assert (config.reference_peak.kw, config.reference_peak.date) == (60_000.0, date(2025, 7, 28))
    assert (config.broker.port, config.http.port, config.log.level) == (21883, 28000, "warning")
    assert config.clock is not None
    assert (config.clock.at, config.clock.speed) == (made.scenario.window.start, 20.0)


def test_write_setup__gateways_are_told_what_the_harness_tells_them(made: SetupFiles, adapters: AdaptersConfig) -> None:
    wanted = installed_gateways(made.scenario, made.scenario.make_plant(4))

    assert [gateway.gateway_id for gateway in adapters.gateways] == [one.gateway_id for one in wanted]
    for gateway, one in zip(adapters.gateways, wanted, strict=True):
        for told, spec in zip(specs_of(gateway), one.specs, strict=True):
            assert (told.id, told.kind, told.first_device, told.device_count) == (
                spec.id,
                spec.kind,
                spec.first_device,
                spec.device_count,
            )
            assert told.terms == spec.terms
            assert (told.opted_in, told.protected, told.confirm_within_s) == (
                spec.opted_in,
                spec.protected,
                spec.confirm_within_s,
            )
            assert told.profile_kw is not None
            assert spec.profile_kw is not None
            np.testing.assert_allclose(told.profile_kw, spec.profile_kw, atol=5e-4)


def test_write_setup__ports_and_units_are_those_of_the_devices(made: SetupFiles, adapters: AdaptersConfig) -> None:
    devices = load_devices_file(made.devices)
    ports: Mapping[str, int] = {gateway.id: gateway.port for gateway in devices.gateways}
    units = {
        place.resource.id: (ports[gateway_id], place.unit, place.device_count)
        for gateway_id, places in units_of(made.scenario.district).items()
        for place in places
    }
    told = {
        resource.id: (resource.devices.port, resource.devices.unit, resource.devices.count)
        for gateway in adapters.gateways
        for resource in gateway.resources
        if not isinstance(resource.devices, tuple)
    }

    assert len(told) > 50
    assert told.items() <= units.items()
    assert {r.map for g in adapters.gateways for r in g.resources} == {"factory", "charging", "commercial", "storage"}
    assert all(
        find_map(resource.map, (config_root() / "modbus",), asked_by="test").is_file()
        for gateway in adapters.gateways
        for resource in gateway.resources
    )
    assert devices.start == made.scenario.window.start
    assert devices.state == made.folder / "devices"


async def test_write_setup__the_archive_holds_the_history_up_to_the_start(made: SetupFiles) -> None:
    archive = open_archive(StoreFolder(made.folder / "store").archive_url)
    try:
        meter = made.scenario.district.resources[0].id
        first = day_start(made.scenario.window.day - timedelta(days=45))
        known = await archive.interval_energy([meter], TimeGrid(first, 46 * 96))
    finally:
        archive.close()

    energy = known.energy_wh[0].reshape(46, 96)
    assert np.isfinite(energy[:-1]).all()
    assert np.isfinite(energy[-1, :48]).all()
    assert np.isnan(energy[-1, 48:]).all()


async def test_write_setup__people_hold_an_operator_s_key_that_nobody_else_can_read(made: SetupFiles) -> None:
    told = load_people_file(made.people)
    key = told.api_key_file.read_text(encoding="utf-8").strip()
    with accounts_of(read_serve_config(made.controller)) as accounts:
        caller = await accounts.by_api_key(key)

    assert caller is not None
    assert caller.role is Role.OPERATOR
    assert stat.S_IMODE(made.people_key.stat().st_mode) == 0o600
    assert (told.url, told.seed) == ("http://127.0.0.1:28000", 4)


async def test_start_clock__all_four_files_show_the_same_new_clock(tmp_path: Path) -> None:
    made = await write_setup(SetupOptions(QUICK, tmp_path / "out", speed=30.0))
    wall_at = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)

    started = start_clock(made, wall_at)

    clocks = [
        read_serve_config(made.controller).clock,
        load_config(made.adapters).clock,
        load_devices_file(made.devices).clock,
        load_people_file(made.people).clock,
    ]
    assert started.wall_at == wall_at
    assert {(c.at, c.wall_at, c.speed) for c in clocks if c is not None} == {(made.at, wall_at, 30.0)}
    assert None not in clocks


async def test_write_setup__now_is_real_time_from_the_last_quarter_hour_on(tmp_path: Path) -> None:
    made = await write_setup(SetupOptions(QUICK, tmp_path / "out", start="now"))
    devices = load_devices_file(made.devices)

    assert made.speed is None
    assert start_clock(made, datetime(2030, 1, 1, tzinfo=UTC)) is made
    assert (read_serve_config(made.controller).clock, devices.clock) == (None, None)
    assert devices.start == quarter_before(made.wall_at).astimezone(UTC)
    assert made.scenario.window.day == made.wall_at.astimezone(LOCAL).date()


async def test_write_setup__another_set_up_of_the_folder_is_kept_and_devices_begin_anew(tmp_path: Path) -> None:
    options = SetupOptions(QUICK, tmp_path / "out", start=datetime(2026, 10, 1, 10, 20, tzinfo=LOCAL))
    await write_setup(options)
    (tmp_path / "out" / "devices").mkdir()
    again = await write_setup(options)

    assert (tmp_path / "out.1" / "devices").is_dir()
    assert not (tmp_path / "out" / "devices").exists()
    assert load_devices_file(again.devices).start == datetime(2026, 10, 1, 10, 15, tzinfo=LOCAL)
    # A day of rest in the whole country, a Thursday.
    assert date(2026, 10, 1) in (load_devices_file(again.devices).holidays or ())
    assert date(2026, 10, 10) in load_devices_file(again.devices).working_weekends


def test_setup__ports_beyond_the_last_are_refused(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["setup", str(QUICK), "--out", str(tmp_path / "out"), "--modbus-port-base", "65530"])

    assert run.exit_code == 2
    assert "--modbus-port-base: 65530: expected 7 ports between 1 and 65535, they would end at 65536" in run.output
    assert not (tmp_path / "out").exists()


def test_setup__a_scenario_that_is_not_there_is_refused(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["setup", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "out")])

    assert run.exit_code == 2
    assert "none.yaml: cannot be read (No such file or directory)" in run.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", r"--start: tomorrow: expected an instant such as .*, or now"),
        ("2026-07-22T14:00:00", r"--start: 2026-07-22T14:00:00: expected an instant with a UTC offset, .*, or now"),
    ],
)
def test_parse_start__other_words_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_start(text)


def test_parse_start__takes_now_an_instant_or_nothing() -> None:
    assert parse_start("now") == "now"
    assert parse_start(None) is None
    assert parse_start("2026-07-22T14:00:00+08:00") == datetime(2026, 7, 22, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["localhost", "localhost:mqtt", ":1883", "localhost:70000"])
def test_parse_broker__expects_host_and_port(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"--broker: {text}: expected host:port, such as 127\.0\.0\.1:1883"):
        parse_broker(text)
