"""What a run leaves behind in its folder: the report for people and programs, the statements, and the store."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpp.domain.settlement import Statement, statement_bytes
from vpp.reporting.html import write_html


def write_results(folder: Path, report: dict[str, Any], statements: Sequence[Statement]) -> None:
    """Writes ``report.json``, ``report.html`` and ``statements.jsonl`` below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain(report), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    if "event" in report:
        write_html(report, folder / "report.html")
        (folder / "statements.jsonl").write_bytes(b"".join(statement_bytes(statement) for statement in statements))


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """``value`` as strict JSON: what is not a finite number becomes ``null``, never 0."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value
