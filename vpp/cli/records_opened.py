"""How commands open a store for reading: a folder that a run left, or all that a controller's settings name."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from vpp.domain.errors import StoreError, VppError

if TYPE_CHECKING:
    from vpp.bootstrap.records import Records

R = TypeVar("R")
BAD_INPUT = 2
StoreOption = Annotated[Path | None, typer.Option("--store", help="Store folder of a run, such as out/store.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings (YAML) of a controller, running or not: its store.")
]


def read_records(
    store: Path | None, config: Path | None, ask: "Callable[[Records], Awaitable[R]]", *, replay: bool = True
) -> R:
    """What ``ask`` finds in the one store that is named; errors become one line and exit code 2."""
    opening, named = _named(store, config)

    async def run() -> R:
        with opening() as records:
            if replay:
                await records.recorder.replay()
            return await ask(records)

    try:
        return asyncio.run(run())
    except StoreError as error:
        refuse(f"{named}: {error}", error)
    except VppError as error:
        refuse(str(error), error)


def refuse(message: str, cause: Exception | None = None) -> NoReturn:
    """One line of refusal and exit code 2."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(BAD_INPUT) from cause


def _named(store: Path | None, config: Path | None) -> "tuple[Callable[[], AbstractContextManager[Records]], Path]":
    """How to open the store, and what it is called in messages."""
    from vpp.bootstrap.records import records_of_config, records_of_folder
    from vpp.config import read_serve_config

    match store, config:
        case Path() as folder, None:
            return (lambda: records_of_folder(folder)), folder
        case None, Path() as file:
            return (lambda: records_of_config(read_serve_config(file))), file
        case None, None:
            refuse("give the store folder of a run with --store, or the settings of a controller with --config")
        case _:
            refuse(f"--store {store} and --config {config} each name a store: give one of the two")
