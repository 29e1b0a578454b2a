"""``vpp demo``: the whole district over a real MQTT broker, watched at the terminal."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from simulator.files import ScenarioFileError
from simulator.harness.demo import DemoOptions, DemoRun, run_demo
from simulator.harness.world import World
from simulator.scenario import Scenario, load_scenario
from vpp.bootstrap import Controller
from vpp.cli.live_view import LiveView
from vpp.cli.snapshots import live_snapshot
from vpp.config_files import config_root
from vpp.domain.errors import VppError
from vpp.infra.logs import set_up_logs
from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress
from vpp.infra.store.folder import StoreFolder
from vpp.reporting.results import write_results

MET, MISSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
DEFAULT_SPEED = 100.0


def demo_command(  # noqa: PLR0913 - every option of a command is one parameter
    scenario: Annotated[Path | None, typer.Option(help="Scenario file; the demonstration's own by default.")] = None,
    speed: Annotated[float, typer.Option(min=1.0, max=600.0, help="Simulated seconds per second.")] = DEFAULT_SPEED,
    seed: Annotated[int, typer.Option(min=0, help="All randomness of the devices follows from it.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Folder for report, statements and store.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of a running broker; embedded by default.")] = None,
    *,
    headless: Annotated[bool, typer.Option("--headless", help="Plain lines; exit 0 only if settled and met.")] = False,
    manual: Annotated[bool, typer.Option("--manual", help="Declare no event.")] = False,
) -> None:
    """Run the district's demonstration over a real MQTT broker; exit 0 target met, 1 missed, 2 bad input."""
    set_up_logs(level=logging.WARNING, stream=sys.stderr)
    console = Console(stderr=True)
    try:
        loaded = load_scenario(scenario or config_root() / "demo.yaml")
        address = None if broker is None else _address(broker)
        with TemporaryDirectory(prefix="vpp-demo-") as temporary:
            store = StoreFolder((report or Path(temporary)) / "store")
            store.create_new()
            run = _run(loaded, DemoOptions(seed, speed, store, address, manual), console, headless=headless)
    except (VppError, ScenarioFileError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    if run.report is None:
        console.print("the day is over and no event has ended")
        raise typer.Exit(MISSED)
    if report is not None:
        write_results(report, run.report, run.statements)
        console.print(f"written: {report / 'report.html'}")
    console.print(run.report["verdict"]["text_en"])
    console.print(run.report["verdict"]["text_zh"])
    if not run.report["attainment"]["met"]:
        raise typer.Exit(MISSED)


def _run(scenario: Scenario, options: DemoOptions, console: Console, *, headless: bool) -> DemoRun:
    """Runs to the end, or until Ctrl-C or SIGTERM, after which nothing is left running."""
    with LiveView(Console(stderr=True, force_terminal=False) if headless else console) as view:

        def on_look(controller: Controller, world: World) -> None:
            done = world.plant.minute / world.plant.window.minutes
            view.update(live_snapshot(controller, speed=options.speed, done_fraction=done))

        watched = DemoOptions(options.seed, options.speed, options.store, options.broker, options.manual, on_look)
        try:
            return asyncio.run(_until_stopped(scenario, watched))
        except asyncio.CancelledError:
            console.print("stopped")
            raise typer.Exit(INTERRUPTED) from None


async def _until_stopped(scenario: Scenario, options: DemoOptions) -> DemoRun:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel if task else lambda: None)
    return await run_demo(scenario, options)


def _address(text: str) -> BrokerAddress:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ScenarioFileError("--broker", text, "expected host:port, such as 127.0.0.1:1883")
    return BrokerAddress(host=host, port=int(port))
