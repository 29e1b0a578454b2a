"""``vpp optimize``: the optimiser alone, from a problem file to a plan file."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from vpp.domain.errors import InputError, VppError

BAD_INPUT = 2
NOT_PLANNED = 1

_METHODS: dict[str, Literal["auto", "exact", "greedy"]] = {"auto": "auto", "exact": "exact", "greedy": "greedy"}


def optimize_command(
    problem: Annotated[Path, typer.Argument(metavar="PROBLEM.json", help="Dispatch problem.")],
    out: Annotated[Path, typer.Option("--out", metavar="PLAN.json", help="Where the plan is written.")],
    method: Annotated[str, typer.Option("--method", help="auto, exact or greedy.")] = "auto",
    deadline_s: Annotated[
        float | None, typer.Option("--deadline-s", help="Wall-clock seconds; without it, work limits only.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add a reason per resource.")] = False,
) -> None:
    """Plans one dispatch problem. Exit code 0 when the target is reached, 1 when it is not, 2 on bad input."""
    from optimizer import WorkLimits, plan_dispatch
    from vpp.cli.optimize_outcome import reached, summary
    from vpp.infra.dispatch_files import read_problem
    from vpp.infra.dispatch_plan_file import plan_file

    try:
        chosen = _method(method)
        _check_deadline(deadline_s)
        begun = time.perf_counter()
        parsed = read_problem(problem)
        left_s = None if deadline_s is None else max(deadline_s - (time.perf_counter() - begun), 0.0)
        outcome = plan_dispatch(parsed, method=chosen, limits=WorkLimits(deadline_s=left_s))
        answer = plan_file(parsed, outcome, explain=explain)
        _write(out, answer.model_dump_json(indent=2) + "\n")
    except VppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    for line in summary(outcome):
        typer.echo(line)
    if not reached(outcome):
        raise typer.Exit(NOT_PLANNED)


def _method(name: str) -> Literal["auto", "exact", "greedy"]:
    if name == "coordinated":
        raise InputError("--method 'coordinated' is not in this version, expected one of: auto, exact, greedy")
    if name not in _METHODS:
        raise InputError(f"--method {name!r} is not known, expected one of: auto, exact, greedy")
    return _METHODS[name]


def _check_deadline(deadline_s: float | None) -> None:
    if deadline_s is not None and not 0.0 < deadline_s < float("inf"):
        raise InputError(f"--deadline-s {deadline_s:g} is not a finite number of seconds above 0")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
