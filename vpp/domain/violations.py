"""What a dispatch plan can break, and how a broken limit of one resource among many is put into words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid

TOLERANCE_KW = 1e-3
TOLERANCE_KWH = 1e-3
TOLERANCE_K = 1e-4
MOST_REPORTED = 100

Measure = tuple[str, float]
KW: Measure = ("kW", TOLERANCE_KW)
KWH: Measure = ("kWh", TOLERANCE_KWH)
KELVIN: Measure = ("K", TOLERANCE_K)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit.

    Attributes:
        subject: ``resource:<id>``, ``node:<id>`` or ``plan``.
        limit: Short name of the limit, such as ``available``, ``min_run`` or ``import``.
        interval: Index into the grid; ``None`` for a limit over the whole horizon.
        text: One sentence with figures and units.
    """

    subject: str
    limit: str
    interval: int | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Collects the violations of resources, ``MOST_REPORTED`` at most: a broken method breaks a whole fleet.

    Attributes:
        ids: Of all resources, by position.
    """

    ids: Sequence[str]
    grid: TimeGrid
    violations: list[Violation] = field(default_factory=list)

    @property
    def room(self) -> int:
        """How many more are taken."""
        return MOST_REPORTED - len(self.violations)

    def above(  # noqa: PLR0913 - one sentence's parts
        self, index: Index, limit: str, value: Series, most: Series | float, what: str, *, measure: Measure = KW
    ) -> None:
        """Per row, the first interval in which ``value`` exceeds ``most``.

        Args:
            index: Position of each row's resource, shape (n,).
            limit: Name of the limit.
            value: Shape (n, W), the first column being the grid's first interval.
            most: Broadcasts to ``value``.
            what: Subject of the sentence.
            measure: Unit and tolerance.
        """
        unit, slack = measure
        text = f"{what} {{0:.3f}} {unit} above {{1:.3f}} {unit}"
        self._first(index, limit, value - most > slack, (value, most), text)

    def below(  # noqa: PLR0913 - as above
        self, index: Index, limit: str, value: Series, least: Series | float, what: str, *, measure: Measure = KW
    ) -> None:
        """Per row, the first interval in which ``value`` falls below ``least``; arguments as ``above``."""
        unit, slack = measure
        text = f"{what} {{0:.3f}} {unit} below {{1:.3f}} {unit}"
        self._first(index, limit, least - value > slack, (value, least), text)

    def add(self, position: int, limit: str, interval: int | None, text: str) -> None:
        """A violation of the resource at ``position``."""
        if self.room > 0:
            name = self.ids[position]
            at = "" if interval is None else f" at {self.grid.clock(interval)}"
            self.violations.append(Violation(f"resource:{name}", limit, interval, f"resource {name!r}: {text}{at}"))

    def _first(
        self, index: Index, limit: str, broken: Flags, figures: tuple[Series, Series | float], text: str
    ) -> None:
        if not broken.any():
            return
        value, bound = figures[0], np.broadcast_to(np.asarray(figures[1], dtype=np.float64), broken.shape)
        for row in np.flatnonzero(broken.any(axis=1))[: self.room].tolist():
            at = int(np.argmax(broken[row]))
            self.add(int(index[row]), limit, at, text.format(float(value[row, at]), float(bound[row, at]) + 0.0))
