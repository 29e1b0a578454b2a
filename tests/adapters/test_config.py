from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.bootstrap import compose
from adapters.config import FilesSection, find_map, load_config, specs_of
from adapters.kit.resource_spec import LoadTerms
from vpp.domain.errors import ConfigError
from vpp.domain.fleet import ResourceKind
from vpp.infra.clock import ScaledClock, SystemClock

LINE: dict[str, Any] = {
    "id": "r1",
    "site_id": "s1",
    "kind": "factory_line",
    "rated_kw": 500,
    "map": "factory",
    "devices": [{"port": 15020, "unit": 1}, {"port": 15020, "unit": 2}],
}


def written(folder: Path, *resources: dict[str, Any], **settings: Any) -> Path:
    path = folder / "adapters.yaml"
    gateway = {"gateway_id": "gw-1", "resources": list(resources) or [LINE]}
    path.write_text(yaml.safe_dump({"disk": "disk", "gateways": [gateway], **settings}))
    return path


def test_load_config__relative_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    told = load_config(
        written(
            tmp_path,
            broker={"host": "mqtt", "username": "u", "password_file": "secret", "tls": {"ca_file": "ca.pem"}},
            confirm={"mode": "files", "folder": "asked"},
            maps=["maps"],
        )
    )
    assert told.disk == tmp_path / "disk"
    assert told.maps == (tmp_path / "maps", tmp_path)
    assert told.broker.password_file == tmp_path / "secret"
    assert told.broker.tls is not None
    assert told.broker.tls.ca_file == tmp_path / "ca.pem"
    assert told.confirm == FilesSection(mode="files", folder=tmp_path / "asked")


def test_specs_of__devices_follow_each_other_and_terms_belong_to_the_kind(tmp_path: Path) -> None:
    piles = {
        "id": "r2",
        "site_id": "s1",
        "kind": "public_charging",
        "rated_kw": 60,
        "map": "charging",
        "devices": {"port": 15020, "unit": 3, "count": 4},
        "profile_kw": [1.0] * 96,
        "confirm_within_s": 300,
    }
    told = load_config(written(tmp_path, {**LINE, "terms": {"min_run": 4}}, piles))
    line, station = specs_of(told.gateways[0])
    assert isinstance(line.terms, LoadTerms)
    assert line.terms.min_run == 4
    assert (station.kind, station.devices) == (ResourceKind.PUBLIC_CHARGING, slice(2, 6))
    assert station.profile_kw is not None
    assert station.profile_kw.shape == (96,)
    assert station.confirm_within_s == 300


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"powr_kw": 1}, "gateways.0.resources.0.powr_kw", "is not a known key"),
        ({"rated_kw": 0}, "gateways.0.resources.0.rated_kw", "greater than 0, got 0"),
        ({"kind": "boiler"}, "gateways.0.resources.0.kind", "got 'boiler'"),
        ({"devices": []}, "gateways.0.resources.0.devices", "at least 1 item"),
        ({"terms": {"min_runs": 2}}, "gateways.0.resources.0", "terms.min_runs is not a known key of LoadTerms"),
        ({"terms": {"min_run": "long"}}, "gateways.0.resources.0", "terms.min_run: Input should be a valid integer"),
        ({"profile_kw": [1.0] * 95}, "gateways.0.resources.0.profile_kw", "at least 96 items"),
    ],
)
def test_load_config__refusals_name_file_and_key(
    tmp_path: Path, change: dict[str, Any], key: str, message: str
) -> None:
    path = written(tmp_path, {**LINE, **change})
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert refused.value.file == str(path)
    assert refused.value.key.startswith(key)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clock": {"at": 0, "wall_at": "2026-07-20T06:00:00Z", "speed": 1}}, "instant 0 is not ISO 8601 text"),
        ({"clock": {"at": "2026-07-20T06:00:00", "wall_at": "x", "speed": 1}}, "with a UTC offset"),
        ({"confirm": {"mode": "telepathy"}}, "confirm: "),
        ({"broker": {"port": 0}}, "broker.port: Input should be greater than or equal to 1, got 0"),
    ],
)
def test_load_config__refused_settings(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, **settings))
    assert message in str(refused.value)


def test_load_config__a_driver_of_another_type(tmp_path: Path) -> None:
    gateways = [{"gateway_id": "gw-1", "driver": {"type": "ocpp"}, "resources": [LINE]}]
    with pytest.raises(ConfigError, match=r"gateways.0.driver.type: Input should be 'modbus', got 'ocpp'"):
        load_config(written(tmp_path, gateways=gateways))


def test_load_config__ids_once(tmp_path: Path) -> None:
    one = {"gateway_id": "gw-1", "resources": [LINE]}
    with pytest.raises(ConfigError, match="gateway 'gw-1' stands there twice"):
        load_config(written(tmp_path, gateways=[one, one]))
    with pytest.raises(ConfigError, match="resource 'r1' stands at gateways 'gw-1' and 'gw-2'"):
        load_config(written(tmp_path, gateways=[one, {**one, "gateway_id": "gw-2"}]))


def test_find_map__says_where_it_looked(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own")
    assert find_map("own", (tmp_path,), asked_by="here") == tmp_path / "own.yaml"
    with pytest.raises(ConfigError, match=rf"here: map: there is no register map 'other' in {tmp_path}"):
        find_map("other", (tmp_path,), asked_by="here")


def test_compose__devices_that_do_not_fit_the_map(tmp_path: Path) -> None:
    many = {**LINE, "devices": {"unit": 1, "count": 6000}}
    file = written(tmp_path, many)
    with pytest.raises(ConfigError, match=r"resource 'r1': devices: device .* at address \d+ lies beyond 65535"):
        compose(load_config(file), file=file)
    (tmp_path / "own.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "own",
                "fields": {
                    "power": {"address": 0, "unit": "kW"},
                    "energy": {"address": 1, "unit": "kWh"},
                    "setpoint": {"address": 2, "unit": "kW", "access": "rw", "no_limit": 65535},
                    "rated": {"constant": 1, "unit": "kW"},
                    "power_min": {"constant": 0, "unit": "kW"},
                    "scheduled_on": {"constant": 1},
                },
            }
        )
    )
    file = written(tmp_path, {**LINE, "map": "own", "devices": {"unit": 1, "count": 2}})
    with pytest.raises(ConfigError, match="map 'own' has no stride for table 'holding', give one"):
        compose(load_config(file), file=file)


def test_compose__secrets_that_cannot_be_read(tmp_path: Path) -> None:
    file = written(tmp_path, broker={"password_file": "none"})
    with pytest.raises(ConfigError, match="none: the broker's password cannot be read"):
        compose(load_config(file), file=file)
    file = written(tmp_path, broker={"tls": {"ca_file": "none.pem"}})
    with pytest.raises(ConfigError, match=r"none.pem: the broker's certificates cannot be read"):
        compose(load_config(file), file=file)


def test_compose__clock(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert isinstance(compose(load_config(file), file=file).clock, SystemClock)
    wall_at = SystemClock().now().isoformat()
    file = written(tmp_path, clock={"at": "2026-07-20T14:00:00+08:00", "wall_at": wall_at, "speed": 20})
    clock = compose(load_config(file), file=file).clock
    assert isinstance(clock, ScaledClock)
    assert (clock.now().isoformat()[:10], clock.speed) == ("2026-07-20", 20.0)
