from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.modbus.map_check import check_serves, load_map
from adapters.modbus.units import UNITS, Quantity, to_internal
from tests.adapters.modbus.driver_rig import SHIPPED, own_map
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.fleet import ResourceKind

GOOD: dict[str, Any] = {
    "power": {"address": 0, "type": "i32", "unit": "W"},
    "energy": {"address": 2, "type": "u32", "unit": "kWh"},
    "setpoint": {"address": 4, "type": "u16", "unit": "kW", "access": "rw", "no_limit": 65535},
    "rated": {"constant": 100, "unit": "kW"},
    "power_min": {"constant": 0, "unit": "kW"},
    "scheduled_on": {"constant": 1},
}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("factory", [ResourceKind.FACTORY_LINE, ResourceKind.FACTORY_PROCESS]),
        ("charging", [ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING]),
        ("commercial", [ResourceKind.COOLING, ResourceKind.LIGHTING]),
        ("storage", [ResourceKind.STORAGE]),
    ],
)
def test_load_map__shipped_maps_serve_their_kinds(name: str, kinds: list[ResourceKind]) -> None:
    path = SHIPPED / f"{name}.yaml"
    made = load_map(path)
    for kind in kinds:
        check_serves(path, made, kind)


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"powr": {"address": 9}}, "fields.powr", "is not a known field (minute, power, "),
        ({"power": {"address": 0, "unit": "kVA"}}, "fields.power.unit", "unit 'kVA' is not one of a power (kW, W, MW)"),
        ({"power": {"address": 70000, "unit": "W"}}, "fields.power.address", "less than or equal to 65535, got 70000"),
        (
            {"power": {"address": 65535, "type": "i32", "unit": "W"}},
            "fields.power",
            "i32 at address 65535 ends at 65536, beyond 65535",
        ),
        ({"power": {"address": 0, "unit": "W", "scale": 0}}, "fields.power", "scale 0 would make every value the same"),
        ({"power": {"address": 0, "unit": "W", "scal": 2}}, "fields.power.scal", "is not a known key"),
        ({"power": {"unit": "W"}}, "fields.power", "needs an address, or a constant"),
        ({"power": {"address": 0, "constant": 3, "unit": "W"}}, "fields.power", "has constant 3 and address 0"),
        ({"power": {"address": 0, "type": "u24", "unit": "W"}}, "fields.power.type", "got 'u24'"),
        (
            {"power": {"address": 0, "type": "bit", "unit": "W"}},
            "fields.power",
            "type 'bit' does not lie in table 'holding'",
        ),
        (
            {"power": {"address": 0, "type": "i32", "bit": 2, "unit": "W"}},
            "fields.power",
            "bit 2 can be picked from a u16 only, not from i32",
        ),
        (
            {"power": {"address": 0, "unit": "W", "low": 5, "high": 4}},
            "fields.power",
            "low 5 is above high 4",
        ),
        (
            {"energy": {"address": 1, "type": "u32", "unit": "kWh"}},
            "fields.energy.address",
            "1 overlaps 'power', which takes 0 to 1 of table 'holding'",
        ),
        ({"setpoint": {"address": 4, "unit": "kW"}}, "fields.setpoint.access", "expected 'rw' or 'w'"),
        (
            {"setpoint": {"address": 4, "unit": "kW", "access": "rw"}},
            "fields.setpoint.no_limit",
            "is missing: without a field 'enable' nothing else releases a device",
        ),
        (
            {"setpoint": {"address": 4, "unit": "kW", "access": "w", "no_limit": 0}},
            "fields.setpoint.access",
            "'w' needs a field 'setpoint_read_back'",
        ),
        (
            {"setpoint": {"address": 4, "unit": "kW", "access": "rw", "no_limit": 65536}},
            "fields.setpoint",
            "no_limit 65536 does not fit into u16 [0, 65535]",
        ),
        (
            {"setpoint": {"function": "input", "address": 4, "unit": "kW", "access": "rw"}},
            "fields.setpoint",
            "access 'rw', but table 'input' cannot be written",
        ),
        ({"enable": {"address": 9}}, "fields.enable.access", "expected 'rw': it is written and read back"),
        (
            {"enable": {"address": 9, "access": "rw", "bit": 1}},
            "fields.enable.bit",
            "a bit of a shared register cannot be written on its own",
        ),
        ({"enable": {"address": 9, "access": "rw", "on": [0]}}, "fields.enable.on", "0 means off"),
        ({"soc": {"address": 9, "unit": "%"}}, "fields.soc.unit", "'%' is of 'capacity', which the map does not have"),
    ],
)
def test_load_map__refusals_name_file_key_and_limit(
    tmp_path: Path, change: dict[str, Any], key: str, message: str
) -> None:
    path = own_map(tmp_path, {**GOOD, **change})
    with pytest.raises(ConfigError) as refused:
        load_map(path)
    assert refused.value.file == str(path)
    assert refused.value.key == key
    assert message in str(refused.value)


def test_load_map__stride_below_the_block(tmp_path: Path) -> None:
    path = own_map(tmp_path, GOOD, stride={"holding": 4})
    with pytest.raises(ConfigError, match=r"stride.holding: 4 is below the block's length 5"):
        load_map(path)


def test_load_map__unreadable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_map(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(ConfigError, match="expected a mapping of keys, got list"):
        load_map(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_map(tmp_path / "broken.yaml")


def test_check_serves__what_a_kind_needs(tmp_path: Path) -> None:
    path = own_map(tmp_path, GOOD)
    made = load_map(path)
    check_serves(path, made, ResourceKind.FACTORY_LINE)
    with pytest.raises(
        ConfigError, match=r"fields: plugged, session_needed, .* missing for a resource of kind 'public"
    ):
        check_serves(path, made, ResourceKind.PUBLIC_CHARGING)


def test_check_serves__a_battery_needs_signs(tmp_path: Path) -> None:
    battery = {
        "capacity": {"constant": 100, "unit": "kWh"},
        "efficiency": {"constant": 95, "unit": "%"},
        "soc": {"address": 20, "unit": "%"},
    }
    path = own_map(tmp_path, {**GOOD, **battery})
    with pytest.raises(ConfigError, match=r"fields.setpoint.type: u16 cannot be negative; a battery discharges"):
        check_serves(path, load_map(path), ResourceKind.STORAGE)


def test_check_serves__what_must_be_read(tmp_path: Path) -> None:
    path = own_map(tmp_path, {**GOOD, "power": {"address": 0, "unit": "W", "access": "w"}})
    with pytest.raises(ConfigError, match=r"fields.power.access: 'w', but it must be read"):
        check_serves(path, load_map(path), ResourceKind.LIGHTING)


def test_load_map__the_example_in_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "adapters-modbus.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    maps = [block for block in blocks if "fields:" in block and "name:" in block]
    assert maps
    for number, block in enumerate(maps):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        check_serves(path, load_map(path), ResourceKind.FACTORY_LINE)


def test_to_internal__each_unit_in_one_place() -> None:
    assert to_internal(Quantity.POWER, "MW") == 1000.0
    assert to_internal(Quantity.ENERGY, "kWh") == 1000.0
    assert to_internal(Quantity.TIME, "h") == 60.0
    with pytest.raises(InputError, match=r"unit 'kW' is not one of a energy \(Wh, kWh, MWh\)"):
        to_internal(Quantity.ENERGY, "kW")
    assert all(1.0 in units.values() for units in UNITS.values())
    assert yaml.safe_load("x: °C") == {"x": "°C"}
