"""``vpp bench``: the published figures, reproducible."""

import json
import platform
import time
from pathlib import Path
from typing import Annotated

import typer

from simulator.harness.bench_dispatch.plan import Group

bench_app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Published figures, measured here.")


@bench_app.callback()
def bench() -> None:
    """Published figures, measured here; quote ratios, since machines differ."""


@bench_app.command("simulate")
def bench_simulate(
    scenario: Annotated[Path | None, typer.Option(help="Scenario; summer-peak by default.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
) -> None:
    """Simulated seconds per second for one afternoon, history, planning, twin and report included."""
    from simulator.harness.simulation import Options, simulate
    from simulator.scenario import load_scenario
    from vpp.config_files import config_root

    loaded = load_scenario(scenario or config_root() / "scenarios" / "summer-peak.yaml")
    begun = time.perf_counter()
    run = simulate(loaded, Options(seed=seed))
    wall_s = time.perf_counter() - begun
    simulated_s = (loaded.window.end - loaded.window.start).total_seconds()
    figures = {
        "bench": "simulate",
        "scenario": loaded.name,
        "seed": seed,
        "resources": len(loaded.district.resources),
        "simulated_s": simulated_s,
        "wall_s": round(wall_s, 3),
        "real_time_factor": round(simulated_s / wall_s, 1),
        "readings_stored": run.readings,
        "solver_wall_s": round(run.report["solver"]["wall_s"], 3),
        "python": platform.python_version(),
    }
    for key, value in figures.items():
        typer.echo(f"{key}: {value}")
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@bench_app.command("dispatch")
def bench_dispatch(  # noqa: PLR0913 - every option of a command is one parameter
    sizes: Annotated[str, typer.Option(help="Numbers of resources, separated by commas.")] = "",
    repeat: Annotated[int, typer.Option(min=1, help="Of each figure; the median counts.")] = 3,
    calls: Annotated[int | None, typer.Option(min=1, help="With a deadline; 1,000 by default.")] = None,
    only: Annotated[list[Group] | None, typer.Option(help="Only this part of the table; may be repeated.")] = None,
    *,
    peers: Annotated[bool, typer.Option(help="Run HiGHS alone, Pyomo and FlexMeasures as well.")] = True,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, once: whether it works, no figures.")] = False,
    peer_folder: Annotated[Path | None, typer.Option(help="Keep FlexMeasures' environment here.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw time against resources (HTML).")] = None,
) -> None:
    """The optimiser's table: time, cost, bound and memory by size, and its peers in the same run.

    With --json and no --plot, the drawing lies beside the figures; without fleets there is none. Ends with 1
    where a figure misses what was asked.
    """
    from dataclasses import replace

    from simulator.harness.bench_dispatch.plan import QUICK, Options
    from simulator.harness.bench_dispatch.plot import write_plot
    from simulator.harness.bench_dispatch.table import measure_table

    options = QUICK if quick else Options(repeat=repeat)
    options = replace(options, peers=peers, peer_folder=peer_folder)
    if calls is not None:
        options = replace(options, calls=calls)
    if only:
        options = replace(options, groups=tuple(only))
    if sizes:
        options = replace(options, sizes=_numbers(sizes))
    table = measure_table(options, typer.echo)
    verdicts = table.verdicts()
    for verdict in verdicts:
        typer.echo(verdict.line())
    plot_file = plot_file or (json_file.with_suffix(".html") if json_file is not None else None)
    if json_file is not None:
        json_file.write_text(json.dumps(table.as_json(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if plot_file is not None and (times_s := table.times_s()):
        write_plot(times_s, plot_file)
    if any(verdict.met is False for verdict in verdicts):
        raise typer.Exit(1)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise typer.BadParameter(f"--sizes {text!r}: expected whole numbers of at least 1, separated by commas")
    return found
