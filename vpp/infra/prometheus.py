"""Metrics for Prometheus, in a registry of their own; notes go to the log."""

import math
import re
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from vpp.domain.errors import InvariantError

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PREFIX = "vpp_"

Kind = TypeVar("Kind", Counter, Gauge)


class PrometheusMetrics:
    """Implements ``Metrics``: ``count("commands_sent")`` is exposed as ``vpp_commands_sent_total``.

    A name that begins with ``vpp_`` already is not prefixed again, and a counter's ``_total`` is not doubled. The
    labels of a name are fixed by its first use.
    """

    def __init__(self) -> None:
        """An empty registry."""
        self.registry = CollectorRegistry()
        self._known: dict[str, tuple[Counter | Gauge, frozenset[str]]] = {}
        self._log = structlog.get_logger("vpp")

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Adds to a counter.

        Raises:
            InvariantError: the amount is negative or not finite, or name or labels do not fit earlier use.
        """
        if not (math.isfinite(amount) and amount >= 0.0):
            raise InvariantError(f"counter {name!r} cannot go up by {amount}")
        counter = self._metric(Counter, name.removesuffix("_total"), frozenset(labels))
        (counter.labels(**labels) if labels else counter).inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge.

        Raises:
            InvariantError: name or labels do not fit earlier use.
        """
        gauge = self._metric(Gauge, name, frozenset(labels))
        (gauge.labels(**labels) if labels else gauge).set(value)

    def note(self, message: str, **details: object) -> None:
        """Logs what an operator should be able to find later; ``event`` is logged as ``event_id``."""
        # structlog calls the message itself "event".
        named = {"event_id" if name == "event" else name: value for name, value in details.items()}
        self._log.info(message, **named)

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def _metric(self, kind: type[Kind], name: str, labels: frozenset[str]) -> Kind:
        name = name.removeprefix(_PREFIX)
        if name not in self._known:
            if not _NAME.fullmatch(name):
                raise InvariantError(f"{name!r} is not a name for a metric: lower case words joined by '_'")
            words = name.replace("_", " ")
            metric = kind(_PREFIX + name, f"{words[0].upper()}{words[1:]}.", sorted(labels), registry=self.registry)
            self._known[name] = (metric, labels)
        known, known_labels = self._known[name]
        if not isinstance(known, kind) or known_labels != labels:
            raise InvariantError(
                f"metric {name!r} is a {type(known).__name__.lower()} with labels {sorted(known_labels)}, "
                f"not a {kind.__name__.lower()} with labels {sorted(labels)}"
            )
        return known
