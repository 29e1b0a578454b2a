"""A person's yes or no to a command, where the site wants to be asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vpp.domain.commands import Command


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The person said yes."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The person said no."""

    reason: str


Answer = Confirmed | Declined


class Confirmations(Protocol):
    """Where people are asked: a panel on site, a telephone, or simulated people."""

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Shows the question; asking again about the same command, after a restart, changes nothing."""

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """The answer given so far; ``None`` while there is none."""


class NobodyAnswers:
    """No panel is installed: every question runs into its deadline."""

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Shows the question to nobody."""

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """Always ``None``."""
        del command_id, now
        return None
