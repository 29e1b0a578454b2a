"""``vpp demo``: the whole district over a real MQTT broker, with web pages, or headless with a verdict at the end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from vpp.config_files import config_root
from vpp.domain.errors import VppError

if TYPE_CHECKING:
    # Loaded when the command runs, so that `vpp --help` answers at once.
    from rich.console import Console

    from simulator.harness.demo import DemoOptions, DemoRun
    from simulator.harness.live_demo import LiveDemo, LiveOptions, Look
    from simulator.harness.world import World
    from simulator.scenario import Scenario
    from vpp.bootstrap import Controller
    from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress

R = TypeVar("R")
MET, MISSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
HEADLESS_SPEED, LIVE_SPEED = 100.0, 20.0
PORT = 8000


def demo_command(  # noqa: PLR0913, PLR0917 - every option of a command is one parameter
    scenario: Annotated[Path | None, typer.Option(help="Scenario file; the demonstration's own by default.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=1.0, max=600.0, help="Simulated seconds per second; 20, or 100 when headless."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="All randomness of the devices follows from it.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Folder for what it writes; a temporary one by default.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of a running broker; embedded by default.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Of the web pages and the API, on 127.0.0.1.")] = PORT,
    *,
    headless: Annotated[bool, typer.Option("--headless", help="Plain lines; exit 0 only if settled and met.")] = False,
    manual: Annotated[bool, typer.Option("--manual", help="Declare no event.")] = False,
) -> None:
    """Run the district's demonstration over a real MQTT broker.

    With web pages until it is stopped; with --headless one event: exit 0 target met, 1 missed, 2 bad input.
    """
    from rich.console import Console

    from simulator.files import ScenarioFileError
    from simulator.harness.demo import DemoOptions
    from simulator.harness.live_demo import LiveOptions
    from simulator.scenario import load_scenario
    from vpp.infra.logs import set_up_logs
    from vpp.infra.store.folder import StoreFolder

    set_up_logs(level=logging.WARNING, stream=sys.stderr)
    console = Console(stderr=True)
    file = scenario or config_root() / "demo.yaml"
    try:
        address = None if broker is None else _address(broker)
        with TemporaryDirectory(prefix="vpp-demo-") as temporary:
            folder = report or Path(temporary)
            if headless:
                store = StoreFolder(folder / "store")
                store.create_new()
                options = DemoOptions(seed, speed or HEADLESS_SPEED, store, address, manual, port)
                run = _run_headless(load_scenario(file), options, console)
            else:
                live = LiveOptions(file, seed, speed or LIVE_SPEED, folder, port, address, manual)
                _run_live(live, console)
                return
    except (VppError, ScenarioFileError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    _conclude(run, report, console)


def _conclude(run: "DemoRun", report: Path | None, console: "Console") -> None:
    from vpp.reporting.results import write_results

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


def _run_headless(scenario: "Scenario", options: "DemoOptions", console: "Console") -> "DemoRun":
    """Runs to the end, or until Ctrl-C or SIGTERM, after which nothing is left running."""
    from rich.console import Console

    from simulator.harness.demo import run_demo
    from vpp.cli.live_view import LiveView
    from vpp.cli.snapshots import live_snapshot

    with LiveView(Console(stderr=True, force_terminal=False)) as view:

        def on_look(controller: "Controller", world: "World") -> None:
            done = world.plant.minute / world.plant.window.minutes
            view.update(live_snapshot(controller, speed=options.speed, done_fraction=done))

        try:
            return asyncio.run(_until_signalled(run_demo(scenario, replace(options, on_look=on_look))))
        except asyncio.CancelledError:
            console.print("stopped")
            raise typer.Exit(INTERRUPTED) from None


def _run_live(options: "LiveOptions", console: "Console") -> None:
    """Runs until Ctrl-C or SIGTERM, which is how this one ends."""
    from simulator.harness.live_demo import run_live_demo
    from simulator.harness.live_snapshots import snapshot_of
    from vpp.cli.live_view import LiveView

    console.print("starting: broker, devices, gateways, controller (half a minute)")
    running: list[LiveDemo] = []
    with LiveView(console) as view:

        def on_ready(demo: "LiveDemo") -> None:
            running.append(demo)
            _welcome(demo, console)

        def on_look(look: "Look") -> None:
            view.update(snapshot_of(look, running[0]))

        try:
            asyncio.run(_until_signalled(run_live_demo(options, on_ready=on_ready, on_look=on_look)))
        except asyncio.CancelledError:
            console.print("stopped")


def _welcome(demo: "LiveDemo", console: "Console") -> None:
    from simulator.harness.demo_users import PASSWORD
    from simulator.harness.supervised import log_folder

    console.print(f"\nopen {demo.url}   password of all: {PASSWORD}", highlight=False)
    for login in demo.logins:
        console.print(f"  {login.name:<10} {login.who}", highlight=False)
    console.print(f"logs: {log_folder(demo.supervised)}", highlight=False, soft_wrap=True)
    console.print(f"processes: supervisorctl -c {demo.supervised.config}", highlight=False, soft_wrap=True)
    console.print("Ctrl-C ends it\n")


async def _until_signalled(work: Coroutine[Any, Any, R]) -> R:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel if task else lambda: None)
    return await work


def _address(text: str) -> "BrokerAddress":
    from simulator.files import ScenarioFileError
    from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ScenarioFileError("--broker", text, "expected host:port, such as 127.0.0.1:1883")
    return BrokerAddress(host=host, port=int(port))
