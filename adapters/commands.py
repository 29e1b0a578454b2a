"""The ``vpp adapters`` commands, found by the entry point ``adapters`` of the group ``vpp.commands``.

``run`` is the gateways as a process of their own, ``check`` the installer's look at every device.
"""

import asyncio
import math
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from adapters.conform_command import conform_command
from vpp.domain.errors import VppError

if TYPE_CHECKING:
    # Loaded when a command runs, so that `vpp --help` answers at once.
    from adapters.bootstrap import GatewayProcess, Planned
    from adapters.kit.driver import DeviceReadings

R = TypeVar("R")
GOOD, SOME_MISSING, BAD_INPUT = 0, 1, 2

adapters_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Gateways: run them, check them, try adapters of your own.",
)
adapters_app.command("conform")(conform_command)
ConfigOption = Annotated[Path, typer.Option("--config", help="YAML file of the gateways.")]


@adapters_app.command("run")
def run_command(config: ConfigOption) -> None:
    """Run all gateways of a configuration until stopped (SIGTERM or Ctrl-C)."""
    process = _composed(config, quiet=False)
    try:
        _run(process.run())
    except VppError as error:
        _refuse(error)
    except asyncio.CancelledError:
        typer.echo("stopped", err=True)


@adapters_app.command("check")
def check_command(config: ConfigOption) -> None:
    """Read every device once and print what it says; exit 0 all answer, 1 some do not, 2 bad input."""
    process = _composed(config, quiet=True)
    missing = 0
    for planned in process.gateways:
        missing += _run(check_gateway(process, planned))
    raise typer.Exit(SOME_MISSING if missing else GOOD)


async def check_gateway(process: "GatewayProcess", planned: "Planned") -> int:
    """Prints a line per device; gives how many could not be read."""
    with process.driver(planned) as driver:
        now = process.clock.now().astimezone(UTC).replace(second=0, microsecond=0)
        readings = await driver.read(now)
        typer.echo(f"gateway {planned.section.gateway_id}, minute that ended at {now.isoformat()}")
        for spec in planned.config.specs:
            for device in range(spec.devices.start, spec.devices.stop):
                name = f"  {spec.id}[{device - spec.first_device}] {spec.kind.value} {driver.where(device)}"
                why = driver.trouble.get(device)
                typer.echo(f"{name}: {_said(readings, device) if why is None else f'NOT READ: {why}'}")
        return len(driver.trouble)


def _said(readings: "DeviceReadings", device: int) -> str:
    setpoint_kw = float(readings.setpoint_kw[device])
    words = [
        f"{readings.power_kw[device]:.3f} kW",
        f"{readings.register_wh[device]} Wh",
        "runs free" if math.isnan(setpoint_kw) else f"holds {setpoint_kw:.3f} kW",
    ]
    if readings.override is not None and readings.override[device]:
        words.append("under local control")
    for group in (readings.lines, readings.piles, readings.zones, readings.batteries):
        if group is not None:
            shown = {name: getattr(group, name)[device] for name in group.__slots__}
            if any(bool(value) for value in shown.values()):
                words += [f"{name} {value:g}" for name, value in shown.items()]
    return ", ".join(words)


def _composed(config: Path, *, quiet: bool) -> "GatewayProcess":
    from adapters.bootstrap import compose, start_logs
    from adapters.config import load_config

    try:
        process = compose(load_config(config), file=config)
    except VppError as error:
        _refuse(error)
    start_logs(process.config, quiet=quiet)
    return process


def _refuse(error: VppError) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(BAD_INPUT) from error


def _run(work: Coroutine[None, None, R]) -> R:
    """The coroutine's result; SIGTERM and Ctrl-C cancel it, so that gateways say farewell."""

    async def until_stopped() -> R:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel if task else sys.exit)
        return await work

    return asyncio.run(until_stopped())
