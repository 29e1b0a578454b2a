"""Answers to questions put to people on site, where no panel is connected: given at once, after a while, or by file."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

from adapters.kit.confirmations import Answer, Confirmed, Declined
from vpp.domain.commands import Command
from vpp.domain.timegrid import format_instant

_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


class AgreesAfter:
    """Everybody says yes after the same time: for simulated districts and for sites that agreed in advance."""

    def __init__(self, after_s: float) -> None:
        """``after_s`` is the time that a person takes, by the gateway's clock."""
        self._after = timedelta(seconds=after_s)
        self._asked: dict[str, datetime] = {}

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Notes the question once."""
        del deadline
        self._asked.setdefault(command.command_id, asked_at)

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """Yes, once the time is over; what was asked before a restart counts from the first look after it."""
        asked_at = self._asked.setdefault(command_id, now)
        return Confirmed() if now >= asked_at + self._after else None


class AnswersByFile:
    """Questions are files in a folder, and so are answers.

    ``<command id>.question.json`` says what is asked; whoever is responsible puts ``<command id>.answer`` beside it,
    whose first word is ``yes`` or ``no``; a reason may follow the no.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        """Writes the question."""
        question = {
            "command_id": command.command_id,
            "event_id": command.event_id,
            "resource_id": command.resource_id,
            "setpoints_kw": [float(power) for power in command.setpoints_kw],
            "expires_at": format_instant(command.expires_at),
            "asked_at": format_instant(asked_at),
            "answer_by": format_instant(deadline),
        }
        path = self._path(command.command_id, "question.json")
        path.write_text(json.dumps(question, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        """What the file says; an empty or unreadable one is no answer yet."""
        del now
        try:
            words = self._path(command_id, "answer").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        first, _, rest = words.partition(" ")
        match first.lower():
            case "yes":
                return Confirmed()
            case "no":
                return Declined(rest.strip() or "no reason given")
            case _:
                return None

    def _path(self, command_id: str, ending: str) -> Path:
        return self._folder / f"{_UNFIT.sub('_', command_id)}.{ending}"
