"""``vpp optimize``: the optimiser alone, from a problem file to a plan file."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from vpp.domain.errors import InputError, VppError

BAD_INPUT = 2
NOT_PLANNED = 1

Method = Literal["auto", "exact", "coordinated", "greedy"]
METHODS: tuple[Method, ...] = get_args(Method)


def optimize_command(
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM.json", help="Dispatch problem, as configs/wire/v1/dispatch-problem.schema.json has it."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="PLAN.json",
            help="Where the answer is written, as configs/wire/v1/dispatch-plan.schema.json has it; also when the "
            "target is not reached.",
        ),
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="|".join(METHODS),
            help="auto: exact for small fleets, coordinated for large ones. exact: one model of everything, proven. "
            "coordinated: resources answer prices; near exact at any size, with a bound. greedy: feasible in an "
            "instant, without a bound.",
        ),
    ] = "auto",
    deadline_s: Annotated[
        float | None,
        typer.Option(
            "--deadline-s",
            metavar="S",
            help="Wall-clock seconds, reading the problem included; the best plan by then is written. Without it, "
            "work limits only, and the same plan every time.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Print marginal prices, the limits that bind and the reasons by number, and write a reason per "
            "resource in English and Chinese.",
        ),
    ] = False,
) -> None:
    """Plans one dispatch problem, without a controller.

    Exit code 0 when the target is reached, 1 when it is not, 2 on bad input.
    """
    from optimizer import plan_dispatch
    from vpp.cli.optimize_explained import explained
    from vpp.cli.optimize_outcome import reached, stops, summary
    from vpp.cli.optimize_within import Within
    from vpp.infra.dispatch_files import read_problem
    from vpp.infra.dispatch_plan_file import plan_file

    try:
        chosen = _method(method)
        _check_deadline(deadline_s)
        begun = time.perf_counter()
        parsed = read_problem(problem)
        within = None
        if deadline_s is not None:
            within = Within(parsed, chosen, max(deadline_s - (time.perf_counter() - begun), 0.0))
        outcome = plan_dispatch(parsed, method=chosen) if within is None else within.newest()
        answer = plan_file(parsed, outcome, explain=explain)
        _write(out, answer.model_dump_json(indent=2) + "\n")
    except VppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    for line in (*summary(outcome), *(explained(parsed, outcome) if explain else stops(outcome))):
        typer.echo(line)
    code = 0 if reached(outcome) else NOT_PLANNED
    if within is not None and within.still_busy:
        # A solver in the middle of its work would keep the interpreter from ending.
        sys.stdout.flush()
        os._exit(code)
    if code:
        raise typer.Exit(code)


def _method(name: str) -> Method:
    for method in METHODS:
        if method == name:
            return method
    raise InputError(f"--method {name!r} is not known, expected one of: {', '.join(METHODS)}")


def _check_deadline(deadline_s: float | None) -> None:
    if deadline_s is not None and not 0.0 < deadline_s < float("inf"):
        raise InputError(f"--deadline-s {deadline_s:g} is not a finite number of seconds above 0")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
