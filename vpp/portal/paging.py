"""Long lists, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of a list; ``number`` counts from 1."""

    rows: Sequence[T]
    number: int
    pages: int
    total: int
    first: int


def paged(rows: Sequence[T], query: Mapping[str, str], size: int) -> Paged[T]:
    """The page that ``query`` asks for; the nearest there is for a number out of range."""
    pages = max(1, -(-len(rows) // size))
    asked = query.get("page", "1")
    number = min(max(int(asked) if asked.isdecimal() and asked.isascii() and len(asked) < 10 else 1, 1), pages)  # noqa: PLR2004 - digits
    first = (number - 1) * size
    return Paged(rows[first : first + size], number, pages, len(rows), first)
