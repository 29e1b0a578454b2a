"""A programme's rules as lines of figures with their sources, for whoever wants to read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum

from vpp.domain.programs import Figure, Program


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure; ``value`` is text, ``None`` where nobody has found it."""

    key: str
    value: str | None
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class ProgramLine:
    """A programme and all of its figures."""

    id: str
    name: str
    name_zh: str
    valid_from: date | None
    valid_to: date | None
    directions: tuple[str, ...]
    figures: tuple[FigureLine, ...]


def program_line(program: Program) -> ProgramLine:
    """The programme as a line."""
    return ProgramLine(
        id=program.id,
        name=program.name,
        name_zh=program.name_zh,
        valid_from=program.valid_from,
        valid_to=program.valid_to,
        directions=tuple(sorted(direction.value for direction in program.directions)),
        figures=tuple(
            FigureLine(figure.key, _text(figure.value), figure.source, figure.confidence.value)
            for figure in _figures(program)
        ),
    )


def _figures(thing: object) -> Iterator["Figure[object]"]:
    """All figures below ``thing``, in the order of its fields."""
    if isinstance(thing, Figure):
        yield thing
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _figures(value)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _figures(getattr(thing, field.name))


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case Enum():
            return str(value.value)
        case frozenset():
            return ", ".join(sorted(_text(item) or "" for item in value))
        case _:
            return str(value)
