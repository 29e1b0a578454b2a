"""The ``vpp`` command: commands of its own, and those that other packages offer by entry point.

The harness and the gateways are found through the entry-point group ``vpp.commands``, so that the controller depends on
neither.
"""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from vpp.cli.baseline import baseline_command
from vpp.cli.capability import capability_command
from vpp.cli.network import network_app
from vpp.cli.optimize import optimize_command
from vpp.cli.records import audit_app, event_app, report_command, settle_command
from vpp.cli.serve import serve_command, user_app

DISTRIBUTION = "beichen-vpp"
COMMAND_GROUP = "vpp.commands"

app = typer.Typer(
    name="vpp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Virtual power plant and demand response for one district.",
)
app.command("optimize")(optimize_command)
app.command("baseline")(baseline_command)
app.command("capability")(capability_command)
app.command("report")(report_command)
app.command("settle")(settle_command)
app.command("serve")(serve_command)
app.add_typer(user_app, name="user")
app.add_typer(event_app, name="event")
app.add_typer(audit_app, name="audit")
app.add_typer(network_app, name="network")
for _command in sorted(entry_points(group=COMMAND_GROUP), key=lambda point: point.name):
    _loaded = _command.load()
    if isinstance(_loaded, typer.Typer):
        app.add_typer(_loaded, name=_command.name)
    else:
        app.command(_command.name)(_loaded)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version(DISTRIBUTION))
        raise typer.Exit


@app.callback()
def main(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Virtual power plant and demand response for one district."""
