"""A person on site who answers as the check wants it (``adapters.kit.confirmations.Confirmations``)."""

from dataclasses import dataclass, field
from datetime import datetime

from adapters.kit.confirmations import Answer
from vpp.domain.commands import Command


@dataclass(slots=True)
class ScriptedPerson:
    """Says nothing until an answer is set.

    Attributes:
        asked: Command and deadline of every question, in order.
        answers: By command id.
    """

    asked: list[tuple[str, datetime]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Notes the question."""
        del asked_at
        self.asked.append((command.command_id, deadline))

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """What was set, if anything."""
        del now
        return self.answers.get(command_id)
