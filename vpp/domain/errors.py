"""The one error tree of the project.

    VppError
    ├── InputError                something from outside is wrong; the message names thing, value and limit
    │   ├── ConfigError           a configuration, scenario or programme file: names file, key and what was expected
    │   ├── UnknownThingError     an id that is not registered
    │   ├── ConflictError         a name or id that is taken, or something changed or answered already
    │   ├── MessageError          a malformed or unauthorised wire message
    │   └── MissingFigureError    a programme figure that is unknown (null) and would be needed
    ├── IllegalTransitionError    an event or command asked to change state against its state table
    ├── AccessError               whoever asks may not
    │   ├── CredentialsError      nobody we know: wrong name, password or key
    │   ├── ForbiddenError        somebody we know, who may not do this
    │   └── TooManyAttemptsError  too many failed attempts; says when to try again
    ├── InvariantError            a promise of our own code is broken; never to be ignored
    └── OutsideError              I/O failed
        ├── BusError              broker
        ├── StoreError            ledger or meter archive
        └── UpstreamError         the higher-level platform

Expected outcomes (an infeasible plan, an insufficient baseline) are values, not exceptions.
"""


class VppError(Exception):
    """Base of every error that this project raises on purpose."""


class InputError(VppError):
    """Something that came from outside is wrong."""


class ConfigError(InputError):
    """A file that a person wrote is wrong.

    Attributes:
        file: Path as given.
        key: Dotted path of the key inside the file; empty when the file as a whole is unreadable.
    """

    def __init__(self, file: str, key: str, expected: str) -> None:
        self.file = file
        self.key = key
        super().__init__(f"{file}: {key}: {expected}" if key else f"{file}: {expected}")


class UnknownThingError(InputError):
    """An id names nothing that is registered."""

    def __init__(self, what: str, thing_id: str) -> None:
        super().__init__(f"unknown {what} {thing_id!r}")


class ConflictError(InputError):
    """What is asked for clashes with what is there already: a name or id that is taken, an answer that was given."""


class MessageError(InputError):
    """A wire message is malformed or comes from somebody who may not send it."""


class MissingFigureError(InputError):
    """A programme lacks a figure that this step needs; unknown figures are never guessed."""

    def __init__(self, program: str, key: str) -> None:
        self.program = program
        self.key = key
        super().__init__(f"programme {program!r} has no value for {key!r}; supply it before it is used")


class IllegalTransitionError(VppError):
    """A state machine was asked for a step that its table does not have."""

    def __init__(self, thing: str, state: str, transition: str, allowed: tuple[str, ...]) -> None:
        options = ", ".join(allowed) or "nothing"
        super().__init__(f"{thing} is {str(state)!r}: {str(transition)!r} is not allowed (allowed: {options})")


class AccessError(VppError):
    """Whoever asks may not."""


class CredentialsError(AccessError):
    """Name, password, session or key are not those of anybody we know; never says which of them."""


class ForbiddenError(AccessError):
    """Somebody we know asks for what is not theirs."""


class TooManyAttemptsError(AccessError):
    """Too many failed attempts to log in.

    Attributes:
        retry_after_s: When the next one will be looked at.
    """

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"too many failed attempts to log in; try again in {retry_after_s:.0f} s")


class InvariantError(VppError):
    """A promise of our own code is broken."""


class OutsideError(VppError):
    """I/O with the outside failed."""


class BusError(OutsideError):
    """The MQTT broker could not be reached or refused us."""


class StoreError(OutsideError):
    """The ledger or the meter archive failed."""


class UpstreamError(OutsideError):
    """The way to the higher-level platform failed."""
