"""Files with calls of a higher-level platform, JSON or CSV, checked strictly at this edge; see ``docs/upstream.md``."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, FiniteFloat, ValidationError

from vpp.domain.errors import InputError
from vpp.domain.events import Direction, EventKind
from vpp.domain.timegrid import parse_instant
from vpp.domain.upstream import UpstreamCall

LARGEST_FILE_BYTES = 1_000_000
LARGEST_CALLS = 1_000


def _instant(value: object) -> object:
    try:
        return parse_instant(value)
    except InputError as error:
        raise ValueError(str(error)) from error


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


Instant = Annotated[Any, BeforeValidator(_instant)]
Number = Annotated[FiniteFloat | None, BeforeValidator(_number)]


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    call_id: str
    program_id: str
    direction: Direction
    start: Instant
    end: Instant
    kind: EventKind = EventKind.ECONOMIC
    target_percent: Number = None
    target_mw: Number = None
    scope_node_id: str | None = None


def read_calls(name: str, content: bytes) -> tuple[UpstreamCall, ...]:
    """The calls in a file called ``name``; the ending decides how it is read.

    Raises:
        InputError: it holds no calls, or one of them is none; names row and key, value and what was expected.
    """
    readers: Mapping[str, Callable[[str], list[dict[str, Any]]]] = {".json": _json_rows, ".csv": _csv_rows}
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending not in readers:
        raise InputError(f"file name ends with {ending!r}; .json and .csv are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {error.reason} at byte {error.start}") from error
    rows = readers[ending](text)
    if not 1 <= len(rows) <= LARGEST_CALLS:
        raise InputError(f"holds {len(rows)} calls; 1 to {LARGEST_CALLS} are allowed")
    calls = tuple(_call(number, row) for number, row in enumerate(rows, start=1))
    call_id, times = Counter(call.call_id for call in calls).most_common(1)[0]
    if times > 1:
        raise InputError(f"call id {call_id!r} occurs {times} times; once is allowed")
    return calls


def _json_rows(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        # Not only JSONDecodeError: a number of more digits than Python converts is a plain ValueError.
        raise InputError(f"not JSON: {error}") from error
    rows = document if isinstance(document, list) else [document]
    wrong = next((row for row in rows if not isinstance(row, dict)), None)
    if wrong is not None:
        raise InputError(f"expected a call as an object, or a list of them, found {type(wrong).__name__}")
    return rows


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    key, times = Counter(key for key, _ in pairs).most_common(1)[0] if pairs else ("", 1)
    if times > 1:
        raise InputError(f"key {key!r} occurs {times} times in one object; once is allowed")
    return dict(pairs)


def _csv_rows(text: str) -> list[dict[str, Any]]:
    """An empty cell is a key that is not given."""
    try:
        header, *lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line] or [[]]
    except csv.Error as error:
        raise InputError(f"not CSV: {error}") from error
    name, times = Counter(header).most_common(1)[0] if header else ("", 1)
    if times > 1:
        raise InputError(f"column {name!r} occurs {times} times; once is allowed")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise InputError(f"row {number} has {len(line)} cells, the header has {len(header)}")
    return [{key: cell for key, cell in zip(header, line, strict=True) if cell} for line in lines]


def _call(number: int, row: dict[str, Any]) -> UpstreamCall:
    try:
        return UpstreamCall(**dict(_Call.model_validate(row)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        found = "" if first["type"] == "missing" else f" (found {first['input']!r:.80})"
        raise InputError(f"call {number}: {key}: {first['msg']}{found}") from error
    except InputError as error:
        raise InputError(f"call {number}: {error}") from error
