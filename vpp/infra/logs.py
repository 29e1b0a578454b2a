"""Structured logs: readable lines for people, or one JSON object per line for machines."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor


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
