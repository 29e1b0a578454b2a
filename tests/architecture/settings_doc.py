"""Writes every setting of every process into ``docs/operating.md``, from the models that read the files.

``python -m tests.architecture.settings_doc`` compares; with ``--write`` it writes. It stands with the tests because it
sees all packages at once, which no package of ours may.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from adapters.config import AdaptersConfig
from simulator.harness.people_process import PeopleFile
from simulator.protocols.devices_file import DevicesFile
from vpp.config import ServeConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "operating.md"
BEGIN, END = "<!-- settings: begin, written by make schemas -->", "<!-- settings: end -->"
MODELS: dict[str, type[BaseModel]] = {
    "`vpp serve`: controller.yaml": ServeConfig,
    "`vpp adapters run`: adapters.yaml": AdaptersConfig,
    "`vpp-sim devices`: devices.yaml": DevicesFile,
    "`vpp-sim people`: people.yaml": PeopleFile,
}
_UNITS = {
    "_s": "s",
    "_minutes": "min",
    "_min": "min",
    "_hours": "h",
    "_kw": "kW",
    "_kwh": "kWh",
    "_fraction": "1 = all",
    "_cny_per_kwh": "CNY/kWh",
    "_cny": "CNY",
    "_percent": "%",
    "_intervals": "15 min",
}
_FORMATS = {"path": "path", "date": "date", "date-time": "instant", "password": "text, secret"}
_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Attributes:
        key: Dotted from the file's top; ``[]`` behind a list, whose keys stand once for each member.
    """

    key: str
    kind: str
    unit: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Ref:
    """An object below a setting, by its name in the schema; one of many where it stands in a list."""

    name: str
    in_list: bool


def rows(model: type[BaseModel]) -> list[Row]:
    """All settings of a file, sections in front of what they hold."""
    schema = model.model_json_schema()
    found: dict[str, Row] = {}
    for row in _rows(schema, schema.get("$defs", {}), "", ()):
        # Variants of a section share keys: the first one's row stands for all, with every value that may stand there.
        first = found.setdefault(row.key, row)
        if row.kind not in first.kind:
            found[row.key] = replace(first, kind=f"{first.kind}, {row.kind}")
    return list(found.values())


def render() -> str:
    """What stands between the two marks."""
    parts = [BEGIN, ""]
    for title, model in MODELS.items():
        parts += [f"### {title}", "", "| key | type | unit | default | meaning |", "|---|---|---|---|---|"]
        parts += [f"| `{r.key}` | {r.kind} | {r.unit} | {r.default} | {_cell(r.meaning)} |" for r in rows(model)]
        parts.append("")
    return "\n".join([*parts, END])


def updated(document: str) -> str:
    """``document`` with the tables as they should be.

    Raises:
        ValueError: it does not have both marks once.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"expected {BEGIN!r} and {END!r} once each")
    before, rest = document.split(BEGIN)
    return before + render() + rest.split(END)[1]


def _rows(schema: Schema, defs: Schema, prefix: str, open_refs: tuple[str, ...]) -> Iterator[Row]:
    """Rows of an object's properties; a model within itself is not entered a second time."""
    said = _attributes(schema.get("description", ""))
    required = set(schema.get("required", ()))
    for name, told in schema.get("properties", {}).items():
        key = prefix + name
        refs = list(_refs(told))
        meaning = told.get("description") or said.get(name, "")
        if not meaning and refs:
            meaning = defs[refs[0].name].get("description", "").split("\n")[0]
        default = "required" if name in required else _default(told, has_sections=bool(refs))
        yield Row(key, _kind(told, defs), _unit(name, told, defs), default, meaning)
        for ref in refs:
            if ref.name not in open_refs:
                below = key + ("[]." if ref.in_list else ".")
                yield from _rows(defs[ref.name], defs, below, (*open_refs, ref.name))


def _refs(told: Schema, *, in_list: bool = False) -> Iterator[Ref]:
    """The objects that a property may hold."""
    if "$ref" in told:
        yield Ref(told["$ref"].rpartition("/")[2], in_list)
    if told.get("type") == "array":
        yield from _refs(told.get("items", {}), in_list=True)
    if isinstance(told.get("additionalProperties"), dict):
        yield from _refs(told["additionalProperties"], in_list=in_list)
    for option in (*told.get("anyOf", ()), *told.get("oneOf", ())):
        yield from _refs(option, in_list=in_list)


def _kind(told: Schema, defs: Schema) -> str:
    if "$ref" in told:
        target = defs[told["$ref"].rpartition("/")[2]]
        return "section" if "properties" in target else _kind(target, defs)
    options = [*told.get("anyOf", ()), *told.get("oneOf", ())]
    if options:
        return " or ".join(dict.fromkeys(_kind(option, defs) for option in options if option.get("type") != "null"))
    if "enum" in told or "const" in told:
        return ", ".join(f"`{value}`" for value in told.get("enum", [told.get("const")]))
    if told.get("type") == "array":
        items: Schema = told.get("items") or next(iter(told.get("prefixItems", ())), {})
        return f"list of {_kind(items, defs)}"
    if told.get("type") == "object":
        return "mapping" if "properties" not in told else "section"
    kind = _FORMATS.get(told.get("format", ""), _PLAIN.get(told.get("type", ""), "instant"))
    return f"{kind} {_limits(told)}".strip()


def _limits(told: Schema) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    return ", ".join(f"{sign} {told[name]:g}" for name, sign in signs.items() if name in told)


def _unit(name: str, told: Schema, defs: Schema) -> str:
    if not any(word in _kind(told, defs) for word in ("number", "list of number")):
        return ""
    if name == "kw":
        return "kW"
    fitting = [suffix for suffix in _UNITS if name.endswith(suffix)]
    return _UNITS[max(fitting, key=len)] if fitting else ""


def _default(told: Schema, *, has_sections: bool) -> str:
    value = told.get("default")
    if value is None:
        return "none"
    if isinstance(value, dict | list):
        return "its own" if has_sections and value else f"`{value}`" if value else "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _attributes(docstring: str) -> dict[str, str]:
    """Meanings that stand in a docstring's ``Attributes:``."""
    _, _, text = docstring.partition("Attributes:\n")
    found = re.findall(r"^\s+(\w+(?:, \w+)*): (.+?)(?=^\s+\w+(?:, \w+)*: |\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: " ".join(meaning.split()) for names, meaning in found for name in names.split(", ")}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("``", "`")


def main(words: list[str]) -> int:
    """0 when the document is as it should be."""
    old = DOCUMENT.read_text(encoding="utf-8")
    new = updated(old)
    if "--write" in words:
        DOCUMENT.write_text(new, encoding="utf-8")
    elif new != old:
        sys.stderr.write(f"{DOCUMENT.name}: the settings lag behind the code: run make schemas, look, commit\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
