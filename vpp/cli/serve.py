"""``vpp serve``: the controller with its doors; ``vpp user``: accounts, on the machine that holds the store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from vpp.domain.access import Role
from vpp.domain.errors import InputError, VppError

if TYPE_CHECKING:
    from vpp.bootstrap.service import Running
    from vpp.services.accounts import Accounts, Credentials

R = TypeVar("R")
BAD_INPUT = 2
FAILED = 1
ConfigOption = Annotated[Path, typer.Option("--config", help="Settings (YAML); docs/operating.md lists them.")]
NameArgument = Annotated[str, typer.Argument(help="User name.")]

user_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Accounts of a service, on the machine that holds its store.",
)


def serve_command(config: ConfigOption) -> None:
    """Run the controller with its web pages and API until it is stopped."""
    from vpp.bootstrap.web import run_service
    from vpp.config import read_serve_config

    try:
        run_service(read_serve_config(config), _tell)
    except VppError as error:
        _refuse(error)


@user_app.command("list")
def list_users(config: ConfigOption) -> None:
    """All accounts: name, role, participant, and whether it is shut out."""
    for user in _ask(config, lambda accounts: accounts.users()):
        state = "disabled" if user.disabled else "enabled"
        typer.echo(f"{user.name}  {user.role}  {user.participant_id or '-'}  {state}")


@user_app.command("create")
def create_user(
    name: NameArgument,
    config: ConfigOption,
    role: Annotated[Role, typer.Option(help="What it may do.")],
    participant: Annotated[str | None, typer.Option(help="For participants: whose data and decisions.")] = None,
) -> None:
    """Make an account; its random password is printed once."""
    _show([_ask(config, lambda accounts: accounts.create_user(name, role, participant_id=participant))])


@user_app.command("reset")
def reset_user(name: NameArgument, config: ConfigOption) -> None:
    """Give an account a new random password, printed once; its sessions end and API keys that it made are revoked."""
    _show([_ask(config, lambda accounts: accounts.reset_password(name))])


@user_app.command("disable")
def disable_user(name: NameArgument, config: ConfigOption) -> None:
    """Shut an account out; its sessions end and the API keys that it made are revoked."""
    user = _ask(config, lambda accounts: accounts.set_disabled(name, disabled=True))
    typer.echo(f"{user.name} is disabled")


@user_app.command("enable")
def enable_user(name: NameArgument, config: ConfigOption) -> None:
    """Let an account in again."""
    user = _ask(config, lambda accounts: accounts.set_disabled(name, disabled=False))
    typer.echo(f"{user.name} is enabled")


def _ask(config: Path, ask: "Callable[[Accounts], Awaitable[R]]") -> R:
    """What ``ask`` makes of the store's accounts; its errors become one line and an exit code."""
    from vpp.bootstrap.parts import accounts_of
    from vpp.config import read_serve_config

    async def run() -> R:
        with accounts_of(read_serve_config(config)) as accounts:
            return await ask(accounts)

    try:
        return asyncio.run(run())
    except VppError as error:
        _refuse(error)


def _tell(running: "Running") -> None:
    """Says where to go, and, on the very first start, how to get in; standard output is not the log."""
    if running.first:
        typer.echo("First start. These passwords are shown once; `vpp user reset` makes new ones.")
        _show(running.first)
    typer.echo(f"serving at {running.url}")


def _show(made: "Sequence[Credentials]") -> None:
    for each in made:
        typer.echo(f"  name: {each.name}  password: {each.password}  role: {each.role}")


def _refuse(error: VppError) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(BAD_INPUT if isinstance(error, InputError) else FAILED) from error
