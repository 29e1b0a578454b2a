from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from simulator.district import AdapterKind
from simulator.files import ScenarioFileError
from simulator.protocols.errors import MapError
from simulator.protocols.register_map import FIELDS_OF, load_map


def changed(maps: Path, folder: Path, changes: dict[str, Any]) -> Path:
    """The factory's map with fields replaced; ``None`` takes one away."""
    content = yaml.safe_load((maps / "factory.yaml").read_text(encoding="utf-8"))
    for name, field in changes.items():
        if field is None:
            del content["fields"][name]
        else:
            content["fields"][name] = field
    (folder / "factory.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", list(FIELDS_OF))
def test_load_map__the_shipped_ones_start_alike(maps: Path, kind: AdapterKind) -> None:
    layout = load_map(maps, kind)

    addresses = [layout.fields[name].address for name in ("minute", "power", "energy", "local", "enable", "setpoint")]
    assert addresses == [0, 2, 4, 8, 10, 11]


@pytest.mark.parametrize("kind", list(FIELDS_OF))
def test_load_map__every_register_of_a_shipped_block_has_a_meaning_in_the_documentation(
    maps: Path, kind: AdapterKind
) -> None:
    text = (maps.parents[1] / "docs" / "modbus.md").read_text(encoding="utf-8")

    assert all(f"`{name}`" in text for name in load_map(maps, kind).fields)


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("power", None, r"factory\.yaml: fields: factory devices also need power"),
        ("soc", (0, "u16"), r"factory\.yaml: fields: factory devices do not have soc"),
        ("power", (1, "i32"), r"fields\.power: register 1 belongs to 'minute' already"),
        ("power", (12, "i32"), r"fields\.power: registers 12 to 13 do not fit the holding stride of 13"),
        ("enable", (10, "u16"), r"fields\.enable: expected function holding and access rw"),
    ],
)
def test_load_map__a_map_that_cannot_be_served_is_refused(
    maps: Path, tmp_path: Path, name: str, place: tuple[int, str] | None, message: str
) -> None:
    field = None if place is None else {"function": "holding", "address": place[0], "type": place[1]}

    with pytest.raises(MapError, match=message):
        load_map(changed(maps, tmp_path, {name: field}), "factory")


def test_load_map__an_unknown_type_is_refused_with_its_key(maps: Path, tmp_path: Path) -> None:
    folder = changed(maps, tmp_path, {"power": {"function": "holding", "address": 2, "type": "u48"}})

    with pytest.raises(ScenarioFileError, match=r"fields\.power\.type: .*u64.* \(found 'u48'\)"):
        load_map(folder, "factory")


@pytest.mark.parametrize(
    ("kind", "name", "value", "raw"),
    [
        ("factory", "power", -2.0, [0xFFFF, 0xFFFE]),
        ("factory", "energy", 2**40 + 3, [0, 0x100, 0, 3]),
        ("storage", "energy", -5, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFB]),
        ("charging", "power_max", 61.237, [6124]),
        ("charging", "power_max", 900.0, [0xFFFF]),
        ("commercial", "temperature", -1.5, [0xFF6A]),
        ("commercial", "retention", 0.5, [0x3F00, 0]),
        ("factory", "rated", 65_536.4, [1, 0]),
    ],
)
def test_put__writes_high_word_first_and_stops_at_the_type_s_end(
    maps: Path, kind: AdapterKind, name: str, value: float, raw: list[int]
) -> None:
    layout = load_map(maps, kind)
    field = layout.fields[name]
    words = np.zeros((2, layout.stride[field.function]), dtype=np.uint16)

    layout.put(words, name, np.array([0, value]))

    assert words[1, field.address : field.end].tolist() == raw
    assert not words[0].any()
