"""What keeps a scenario from being run, told as one error of ours that names file and key."""

from collections.abc import Iterator
from contextlib import contextmanager

from simulator.harness.assembly import shipped_programs
from simulator.scenario import Scenario
from vpp.domain.errors import ConfigError, InputError, MissingFigureError, VppError
from vpp.domain.events import Direction


def require_program(scenario: Scenario) -> None:
    """Nothing, or a refusal before anything is run.

    Raises:
        ConfigError: the scenario's programme does not come with the project, or lacks a figure that settling needs.
    """
    programs, name = shipped_programs(), scenario.event.program
    file, key = str(scenario.path), "event.program"
    if name not in programs:
        raise ConfigError(file, key, f"expected one of {', '.join(sorted(programs))}, found {name!r}")
    try:
        programs[name].require_baselines(Direction(scenario.event.direction))
        programs[name].payment.require_known()
    except MissingFigureError as error:
        raise ConfigError(file, key, f"expected a programme that can be settled: {error}") from error
    except InputError as error:
        raise ConfigError(file, "event.direction", str(error)) from error


@contextmanager
def one_error() -> Iterator[None]:
    """Lets an error of ours out of a task group as itself, so that it can be told in one line.

    Several at once, or one of somebody else's among them, stay a group.
    """
    try:
        yield
    except ExceptionGroup as group:
        only = _only(group)
        if isinstance(only, VppError):
            raise only from group
        raise


def _only(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
