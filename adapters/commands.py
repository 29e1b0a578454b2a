"""The ``vpp adapters`` commands, found by the entry point ``adapters`` of the group ``vpp.commands``."""

import typer

from adapters.conform_command import conform_command

adapters_app = typer.Typer(no_args_is_help=True, help="Gateways: run them, check them, try adapters of your own.")
adapters_app.command("conform")(conform_command)


@adapters_app.callback()
def adapters_commands() -> None:
    """Gateways: run them, check them, try adapters of your own."""
