"""The ``vpp`` command."""

from importlib.metadata import version
from typing import Annotated

import typer

DISTRIBUTION = "beichen-vpp"

app = typer.Typer(name="vpp", no_args_is_help=True, help="Virtual power plant and demand response for one district.")


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
