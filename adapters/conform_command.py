"""``vpp adapters conform``: puts an adapter of anybody's through the shared checks."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from vpp.domain.errors import InputError

if TYPE_CHECKING:
    # Loaded when the command runs, so that `vpp --help` answers at once.
    from adapters.kit.conformance.case import ConformanceCase
    from adapters.kit.conformance.suite import Report

EXIT_CONFORMS, EXIT_FAILS, EXIT_BAD_INPUT = 0, 1, 2


def conform_command(
    case: Annotated[str, typer.Argument(help="MODULE:CASE, or FILE.py:CASE: a case, or several in a tuple.")],
    only: Annotated[list[str] | None, typer.Option("--only", help="A group or a check; may be repeated.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Every check with rule, source and outcome.")] = False,
) -> None:
    """Try an adapter and its driver; exit 0 when it conforms, 1 when a check fails, 2 when the case cannot be tried."""
    from adapters.kit.conformance.suite import chosen, conform
    from adapters.laboratory import VirtualLaboratory

    try:
        cases, checks = load_cases(case), chosen(only or ())
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from error
    reports = [conform(each, VirtualLaboratory(), checks) for each in cases]
    typer.echo(json.dumps([_as_json(report) for report in reports], indent=2) if as_json else _as_text(reports))
    raise typer.Exit(EXIT_CONFORMS if all(report.conforms for report in reports) else EXIT_FAILS)


def load_cases(target: str) -> "tuple[ConformanceCase, ...]":
    """The cases that ``MODULE:NAME`` or ``FILE.py:NAME`` holds.

    Raises:
        InputError: no such module or name, or something else than cases behind it.
    """
    from adapters.kit.conformance.case import ConformanceCase

    where, separator, name = target.rpartition(":")
    if not separator or not where or not name:
        raise InputError(f"{target!r} is not of the form MODULE:CASE, such as adapters.standard_cases:CASES")
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where)
    found = getattr(module, name, None)
    cases = tuple(found) if isinstance(found, Iterable) else (found,)
    if not cases or not all(isinstance(each, ConformanceCase) for each in cases):
        raise InputError(f"{target!r} is {type(found).__name__}, not a ConformanceCase or a tuple of them")
    return cases


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"module {name!r} cannot be imported: {error}") from error


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file that can be read")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _as_text(reports: "list[Report]") -> str:
    from adapters.kit.conformance.suite import CHECKS, Outcome

    lines = []
    for report in reports:
        lines += [
            f"FAILED {r.check.name}: {r.detail}\n       {r.check.rule} ({r.check.source})" for r in report.failures
        ]
        counts = ", ".join(f"{report.count(outcome)} {outcome.value}" for outcome in Outcome)
        verdict = "conforms" if report.conforms else "does not conform"
        lines.append(f"{report.case}: {verdict} ({counts}; {len(CHECKS)} checks in all)")
    return "\n".join(lines)


def _as_json(report: "Report") -> dict[str, object]:
    from adapters.kit.conformance.suite import Outcome

    return {
        "case": report.case,
        "conforms": report.conforms,
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "results": [
            {
                "check": result.check.name,
                "outcome": result.outcome.value,
                "detail": result.detail,
                "rule": result.check.rule,
                "source": result.check.source,
            }
            for result in report.results
        ],
    }
