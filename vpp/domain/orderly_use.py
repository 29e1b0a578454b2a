"""The orderly-use warning level (有序用电预警等级): shown to operators, never acted on.

Orderly use is ordered by the authorities, pays nothing and is no demand response. Nothing that plans or commands may
import this module; a test holds that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from vpp.domain.errors import InputError
from vpp.domain.programs import Confidence, Figure


class WarningLevel(StrEnum):
    """From the mildest to the gravest."""

    IV_BLUE = "IV"
    III_YELLOW = "III"
    II_ORANGE = "II"
    I_RED = "I"


@dataclass(frozen=True, slots=True)
class WarningRule:
    """From which share of the period's largest demand a gap is of each level.

    Attributes:
        above_percent: Per level, the share that the gap exceeds (blue: any gap at all) or, for orange and red, reaches.
    """

    name: str
    name_zh: str
    above_percent: Mapping[WarningLevel, Figure[Decimal]]

    def __post_init__(self) -> None:
        if set(self.above_percent) != set(WarningLevel):
            raise InputError(f"warning rule {self.name!r} must have a threshold, known or not, for each of four levels")
        known = [f.value for level in WarningLevel if (f := self.above_percent[level]).value is not None]
        if known != sorted(set(known)):
            raise InputError(f"warning rule {self.name!r}: thresholds {', '.join(map(str, known))} % do not rise")


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What a gap is measured against.

    Attributes:
        largest_kw: The period's largest demand, > 0.
        source: Where that figure comes from, in words.
    """

    rule: WarningRule
    largest_kw: float
    source: str


REACHED = frozenset({WarningLevel.II_ORANGE, WarningLevel.I_RED})
"""Levels that begin at their threshold; the others begin above it."""


def _drafted(level: WarningLevel, percent: int, reading: str = "") -> Figure[Decimal]:
    source = (
        "Tianjin demand-side management rules, draft for comment of 2024-05 (天津市电力需求侧管理实施细则(征求意见稿))"
    )
    return Figure(
        "tianjin-draft-2024", f"above_percent.{level}", Decimal(percent), source + reading, Confidence.OFFICIAL
    )


TIANJIN_DRAFT_2024 = WarningRule(
    "Tianjin demand-side management rules, draft of 2024",
    "天津市电力需求侧管理实施细则(征求意见稿,2024年)",
    {
        WarningLevel.IV_BLUE: _drafted(WarningLevel.IV_BLUE, 0),
        WarningLevel.III_YELLOW: _drafted(WarningLevel.III_YELLOW, 5, "; exactly 5 % is blue by its text"),
        WarningLevel.II_ORANGE: _drafted(
            WarningLevel.II_ORANGE, 10, "; exactly 10 % is left open and read as the graver level"
        ),
        WarningLevel.I_RED: _drafted(WarningLevel.I_RED, 20),
    },
)
"""A draft: the final text was not found. What it calls the largest demand of the period is for the caller to say."""


@dataclass(frozen=True, slots=True)
class GapWarning:
    """How grave a gap is.

    Attributes:
        gap_kw: What supply lacks, >= 0.
        percent: The same as a share of ``largest_kw``.
        level: ``None`` without a gap, or where ``unknown`` says which threshold would be needed.
        unknown: Keys of unknown thresholds that could change the level.
    """

    gap_kw: float
    largest_kw: float
    percent: float
    level: WarningLevel | None
    unknown: tuple[str, ...] = ()


def warning_level(gap_kw: float, largest_kw: float, rule: WarningRule) -> GapWarning:
    """The level of a gap of ``gap_kw`` against the period's largest demand ``largest_kw`` (> 0).

    A negative gap is none. Where a threshold that could decide is unknown, there is no level: it is never guessed.

    Raises:
        InputError: ``largest_kw`` is not positive; names it.
    """
    if not largest_kw > 0:
        raise InputError(f"largest demand {largest_kw:g} kW is not > 0: a gap has no share of it")
    gap = max(gap_kw, 0.0)
    percent = 100.0 * gap / largest_kw
    if gap <= 0:
        return GapWarning(gap, largest_kw, percent, None)
    found: WarningLevel | None = None
    unknown: list[str] = []
    for level in WarningLevel:
        figure = rule.above_percent[level]
        if figure.value is None:
            unknown.append(figure.key)
        elif percent > figure.value or (level in REACHED and percent == figure.value):
            # Thresholds rise: a graver level that is reached makes unknown milder ones irrelevant.
            found, unknown = level, []
        else:
            break
    return GapWarning(gap, largest_kw, percent, None if unknown else found, tuple(unknown))
