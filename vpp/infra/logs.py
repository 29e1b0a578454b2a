"""Structured logs: readable lines for people, or one JSON object per line for machines."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog
from structlog.typing import Processor

from vpp.domain.errors import VppError


def set_up_logs(*, json: bool = False, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Sends the program's logs, and warnings of the libraries, to one stream.

    Args:
        json: One JSON object per line with ``timestamp`` (ISO 8601, UTC), ``level``, ``event`` and the details;
            otherwise lines for people, coloured when the stream is a terminal.
        level: Lowest level of our own logs that is written.
        stream: Standard error when not given, so that standard output stays free for results.
    """
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False)]
        if json
        else [structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("vpp").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@contextmanager
def last_words(program: str) -> Iterator[None]:
    """Logs one line of an error that nobody expected before it ends the program; its traceback is left to Python.

    Errors of ours pass: whoever started the program tells them in one line.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, VppError):
            told = "; ".join(f"{type(each).__name__}: {each}" for each in _causes(error))
            structlog.get_logger("vpp").critical("ended by an unexpected error", program=program, error=told)
        raise


def _causes(error: Exception) -> Iterator[Exception]:
    """The error, or those that a task group has gathered."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _causes(each)
