"""``vpp simulate``: a scenario in virtual time."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpp.domain.errors import VppError

if TYPE_CHECKING:
    from simulator.harness.simulation import SimulationRun
    from simulator.harness.world import World
    from vpp.bootstrap import Controller

MET, MISSED, BAD_INPUT = 0, 1, 2


def simulate_command(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, such as configs/scenarios/summer-peak.yaml.")],
    seed: Annotated[int, typer.Option(min=0, help="All randomness follows from it.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for report, statements and store.")] = None,
    *,
    no_event: Annotated[bool, typer.Option("--no-event", help="Run the day without declaring anything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run a whole district in virtual time; exit 0 target met, 1 missed, 2 bad input."""
    from rich.console import Console

    from simulator.files import ScenarioFileError
    from simulator.harness.simulation import Options, simulate
    from simulator.scenario import load_scenario
    from vpp.cli.live_view import LiveView
    from vpp.cli.snapshots import live_snapshot
    from vpp.infra.store.folder import StoreFolder
    from vpp.reporting.results import plain, write_results

    console = Console(stderr=True)
    try:
        loaded = load_scenario(scenario)
        store = None
        if out is not None:
            store = StoreFolder(out / "store")
            store.create_new()
        with LiveView(console) as view:

            def on_minute(controller: "Controller", world: "World") -> None:
                done = world.plant.minute / world.plant.window.minutes
                view.update(live_snapshot(controller, speed=None, done_fraction=done))

            run = simulate(loaded, Options(seed=seed, store=store, with_event=not no_event, on_minute=on_minute))
    except (VppError, ScenarioFileError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    if out is not None:
        write_results(out, run.report, run.statements)
    if as_json:
        typer.echo(json.dumps(plain(run.report), ensure_ascii=False, sort_keys=True))
    else:
        print_verdict(run, out)
    if not no_event and not run.report["attainment"]["met"]:
        raise typer.Exit(MISSED)


def print_verdict(run: "SimulationRun", out: Path | None) -> None:
    """A few lines for people."""
    report = run.report
    typer.echo(f"scenario {report['scenario']}, seed {report['seed']}, log {report['log_hash']}")
    if "verdict" not in report:
        typer.echo(f"{run.readings} readings stored, no event")
    else:
        typer.echo(report["verdict"]["text_en"])
        typer.echo(report["verdict"]["text_zh"])
        truth = [value / 1000 for value in report["truth"]["response_kw"]]
        verified = [value / 1000 for value in report["waterfall"]["verified_kw"]]
        typer.echo("verified MW  " + "  ".join(f"{value:6.2f}" for value in verified))
        typer.echo("true MW      " + "  ".join(f"{value:6.2f}" for value in truth))
        broken = {name: text for name, text in report["invariants"].items() if text != "ok"}
        typer.echo(f"invariants: {broken or 'all ok'}")
    if out is not None:
        typer.echo(f"written: {out / 'report.html'}")
