"""``vpp bench``: the published figures, reproducible. This version times the simulated afternoon."""

import json
import platform
import time
from pathlib import Path
from typing import Annotated

import typer

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
