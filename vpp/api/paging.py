"""Pages of lists: a cursor names the last line of the page before, so that new lines never shift the next one."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from vpp.api.problems import ProblemError

T = TypeVar("T")
PAGE_DEFAULT = 50
PAGE_MOST = 500
CURSOR_LONGEST = 400


@dataclass(frozen=True, slots=True)
class PageAsked:
    """How much of a list is asked for, from where."""

    limit: int
    cursor: str | None


def page_asked(
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST, description="Lines per page.")] = PAGE_DEFAULT,
    cursor: Annotated[
        str | None,
        Query(min_length=1, max_length=CURSOR_LONGEST, description="`next_cursor` of the page before."),
    ] = None,
) -> PageAsked:
    """Dependency: the paging of a request."""
    return PageAsked(limit, cursor)


PageDep = Annotated[PageAsked, Depends(page_asked)]


def cut(
    lines: Sequence[T], asked: PageAsked, *, key: Callable[[T], str], keep: Callable[[T], bool] = lambda _: True
) -> tuple[list[T], str | None]:
    """The page, and the cursor of the next one if anything is left.

    Args:
        lines: The whole list in its own order, before any filter: a line that no longer passes still marks its place.
        asked: What is asked for.
        key: What tells lines apart.
        keep: The filter.

    Raises:
        ProblemError: 422 for a cursor that this list never gave.
    """
    first = 0
    if asked.cursor is not None:
        last = _decoded(asked.cursor)
        first = next((i + 1 for i, line in enumerate(lines) if key(line) == last), -1)
        if first < 0:
            raise _unknown(asked.cursor)
    kept = [line for line in lines[first:] if keep(line)]
    page = kept[: asked.limit]
    return page, _encoded(key(page[-1])) if len(kept) > len(page) else None


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise _unknown(cursor) from error


def _unknown(cursor: str) -> ProblemError:
    return ProblemError(422, f"query.cursor: {cursor[:60]!r} is not a cursor that this list gave", type_suffix="cursor")
