"""Settings from YAML: what is taken, and how a refusal reads."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from vpp.config import ControlPart, HttpPart, Part, Secret, ServeConfig, read_serve_config
from vpp.domain.control import ControlSettings
from vpp.domain.errors import ConfigError
from vpp.domain.fleet import ResourceKind

LEAST = {
    "store": {"folder": "store"},
    "reference_peak": {"kw": 30_000, "source": "district plan", "date": "2026-07-01"},
}
WriteConfig = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteConfig:
    def write(content: dict[str, Any]) -> Path:
        file = tmp_path / "vpp.yaml"
        file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
        return file

    return write


def test_read__least_settings_and_their_defaults(write: WriteConfig, tmp_path: Path) -> None:
    config = read_serve_config(write(LEAST))
    assert config.store.folder == tmp_path / "store"
    assert config.http.url_on(config.http.port) == "http://127.0.0.1:8000"
    assert config.http.on_loopback
    assert config.control.settings() == ControlSettings()
    assert config.clock is None


def test_read__paths_are_relative_to_the_file_unless_absolute(write: WriteConfig, tmp_path: Path) -> None:
    told = LEAST | {"store": {"folder": "/srv/vpp", "epoch_file": "keep/epoch"}, "upstream": {"folder": "calls"}}
    config = read_serve_config(write(told))
    assert config.store.folder == Path("/srv/vpp")
    assert config.store.epoch_file == tmp_path / "keep" / "epoch"
    assert config.upstream is not None
    assert config.upstream.folder == tmp_path / "calls"


def test_read__control_overrides_keep_the_rest(write: WriteConfig) -> None:
    told = LEAST | {"control": {"hold_off_s": 60, "prior_delivery": {"storage": 0.5}}}
    settings = read_serve_config(write(told)).control.settings()
    assert settings.hold_off_s == 60
    assert settings.prior_delivery[ResourceKind.STORAGE] == 0.5
    assert settings.prior_delivery[ResourceKind.COOLING] == ControlSettings().prior_delivery[ResourceKind.COOLING]


def test_control__has_every_setting_of_the_domain_with_its_default() -> None:
    assert set(ControlPart.model_fields) == {each.name for each in fields(ControlSettings)}


@pytest.mark.parametrize("instant", ["2026-07-20T14:00:00+08:00", datetime(2026, 7, 20, 6, tzinfo=UTC)])
def test_read__instants_with_offset(write: WriteConfig, instant: object) -> None:
    config = read_serve_config(write(LEAST | {"clock": {"at": instant, "wall_at": instant, "speed": 60}}))
    assert config.clock is not None
    assert config.clock.at == datetime(2026, 7, 20, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speling": 1}, r"vpp.yaml: speling: unknown key$"),
        ({"store": {}}, r"store.folder: is missing$"),
        ({"http": {"port": 70_000}}, r"http.port: Input should be less than or equal to 65535 \(found 70000\)"),
        ({"http": {"public_url": "https://a.example/path"}}, r"http.public_url: expected http://host.*without a path"),
        ({"reference_peak": {"kw": 0, "source": "x", "date": "2026-07-01"}}, r"reference_peak.kw: .*greater than 0"),
        ({"control": {"hold_off_s": float("nan")}}, r"control.hold_off_s: .*finite"),
        ({"clock": {"at": 0, "wall_at": 1, "speed": 1}}, r"clock.at: expected an instant .*\(found 0\); 1 more: clock"),
        (
            {"clock": {"at": "2026-07-20T14:00:00", "wall_at": "2026-07-20T14:00:00Z", "speed": 1}},
            r"clock.at: .*offset",
        ),
        ({"broker": {"password": {"env": "X"}}}, r"broker: password is given, expected username as well"),
        ({"broker": {"username": "a", "password": {}}}, r"broker.password: expected either file or env"),
        ({"log": {"level": "loud"}}, r"log.level: .*'debug', 'info', 'warning' or 'error' \(found 'loud'\)"),
    ],
)
def test_read__refusal_names_file_key_value_and_expectation(
    write: WriteConfig, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_serve_config(write(LEAST | change))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a", "expected a mapping of keys, found list"),
        (b"a: [", "is not YAML: .* in line 1"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_read__unreadable_file(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "vpp.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_serve_config(file)
    with pytest.raises(ConfigError, match=r"missing.yaml: cannot be read \(No such file or directory\)"):
        read_serve_config(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    "change",
    [
        {"demo_users": [{"name": "operator", "password": "tooshort", "role": "operator"}]},
        {"demo_users": [{"name": "operator", "password": "s3cret", "role": "king"}]},
        {"store": {"folder": "store", "ledger_url": ["postgresql://a:s3cret@b/c"]}},
    ],
)
def test_read__refusal_never_quotes_a_secret(write: WriteConfig, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_serve_config(write(LEAST | change))
    assert "tooshort" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_secret__from_file_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\nsecond line\n")
    monkeypatch.setenv("VPP_TEST_SECRET", "from the environment")
    assert Secret(file=file).read("broker.password") == "from a file"
    assert Secret(env="VPP_TEST_SECRET").read("broker.password") == "from the environment"


def test_secret__missing_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none: the secret for broker.password cannot be read"):
        Secret(file=tmp_path / "none").read("broker.password")
    with pytest.raises(ConfigError, match=r"environment variable VPP_NONE: .* is missing or empty"):
        Secret(env="VPP_NONE").read("broker.password")


@pytest.mark.parametrize(
    ("host", "on_loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False)]
)
def test_http__on_loopback(host: str, *, on_loopback: bool) -> None:
    assert HttpPart(host=host).on_loopback is on_loopback


def test_config__every_key_says_what_it_means() -> None:
    def undescribed(model: type[BaseModel], place: str) -> list[str]:
        found = list[str]()
        for name, about in model.model_fields.items():
            here = f"{place}.{name}"
            found += [] if about.description else [here]
            for part in [about.annotation, *getattr(about.annotation, "__args__", ())]:
                if isinstance(part, type) and issubclass(part, Part):
                    found += undescribed(part, here)
        return found

    assert undescribed(ServeConfig, "config") == []


@pytest.mark.parametrize(
    ("told", "is_open"),
    [
        ({}, True),
        ({"host": "192.0.2.1"}, False),
        ({"public_url": "http://127.0.0.1:8000"}, True),
        ({"public_url": "https://vpp.example"}, False),
        ({"trusted_proxies": ("127.0.0.1",)}, False),
        ({"trusted_proxies": ("127.0.0.1",), "metrics_open": True}, True),
        ({"metrics_open": False}, False),
    ],
)
def test_metrics_need_no_key__only_where_no_proxy_brings_others(told: dict[str, Any], is_open: bool) -> None:
    assert HttpPart(**told).metrics_need_no_key is is_open
