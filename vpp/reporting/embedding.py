"""What makes the page stand alone: Bokeh's script, chart documents as JSON, a policy that forbids the rest."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from bokeh.embed import json_item
from bokeh.resources import Resources
from markupsafe import Markup


@cache
def bokeh_script() -> Markup:
    """Bokeh's core script from the installed wheel, to stand between script tags."""
    source = "\n".join(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
    return Markup(source.replace("</script", "<\\/script"))  # noqa: S704 - the wheel's own file


def script_json(value: object) -> Markup:
    """``value`` as JSON that cannot end the script element it stands in."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        plain = plain.replace(character, f"\\u{ord(character):04x}")
    return Markup(plain)  # noqa: S704 - every character that HTML knows is escaped above


def content_policy(scripts: Iterable[str]) -> str:
    """A Content-Security-Policy that runs exactly ``scripts`` and loads nothing from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def chart_json(plot: Any) -> dict[str, Any]:  # noqa: ANN401
    """Bokeh's JSON with its process-wide ids renumbered, so that equal reports make equal pages."""
    item: dict[str, Any] = dict(json_item(plot))
    names: dict[str, str] = {}
    _collect_ids(item, names)
    renamed = _rename(item, names)
    if not isinstance(renamed, dict):
        raise TypeError("a chart's JSON is an object")
    return renamed


def _collect_ids(value: object, names: dict[str, str]) -> None:
    if isinstance(value, dict):
        identity = value.get("id")
        if isinstance(identity, str) and re.fullmatch(r"p\d+", identity):
            names.setdefault(identity, f"m{len(names)}")
        for part in value.values():
            _collect_ids(part, names)
    elif isinstance(value, list):
        for part in value:
            _collect_ids(part, names)


def _rename(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _rename(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_rename(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value
