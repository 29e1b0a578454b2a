"""From a gap to its warning level; what the rule does not say is never guessed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from vpp.domain.errors import InputError
from vpp.domain.orderly_use import TIANJIN_DRAFT_2024, GapWarning, WarningLevel, WarningRule, warning_level
from vpp.domain.programs import Confidence


def rule_with(**percent: str | None) -> WarningRule:
    figures = dict(TIANJIN_DRAFT_2024.above_percent)
    for name, value in percent.items():
        level = WarningLevel[name]
        figures[level] = replace(figures[level], value=None if value is None else Decimal(value))
    return WarningRule("a test", "测试", figures)


@pytest.mark.parametrize(
    ("gap_kw", "level"),
    [
        (-5.0, None),
        (0.0, None),
        (0.001, WarningLevel.IV_BLUE),
        (50.0, WarningLevel.IV_BLUE),
        (50.001, WarningLevel.III_YELLOW),
        (99.999, WarningLevel.III_YELLOW),
        (100.0, WarningLevel.II_ORANGE),
        (199.999, WarningLevel.II_ORANGE),
        (200.0, WarningLevel.I_RED),
        (5000.0, WarningLevel.I_RED),
    ],
)
def test_warning_level__by_the_draft_of_2024(gap_kw: float, level: WarningLevel | None) -> None:
    warning = warning_level(gap_kw, 1000.0, TIANJIN_DRAFT_2024)

    assert (warning.level, warning.unknown) == (level, ())
    assert warning.percent == pytest.approx(max(gap_kw, 0.0) / 10.0)


@pytest.mark.parametrize(
    ("gap_kw", "level", "unknown"),
    [
        (30.0, WarningLevel.IV_BLUE, ()),
        (70.0, None, ("above_percent.II",)),
        (150.0, None, ("above_percent.II",)),
        (250.0, WarningLevel.I_RED, ()),
        (0.0, None, ()),
    ],
)
def test_warning_level__an_unknown_threshold_that_could_decide(
    gap_kw: float, level: WarningLevel | None, unknown: tuple[str, ...]
) -> None:
    warning = warning_level(gap_kw, 1000.0, rule_with(II_ORANGE=None))

    assert (warning.level, warning.unknown) == (level, unknown)


def test_warning_level__no_largest_demand() -> None:
    with pytest.raises(InputError, match="largest demand 0 kW is not > 0: a gap has no share of it"):
        warning_level(10.0, 0.0, TIANJIN_DRAFT_2024)


def test_warning_rule__refuses_thresholds_that_do_not_rise_or_are_missing() -> None:
    with pytest.raises(InputError, match="warning rule 'a test': thresholds 0, 5, 25, 20 % do not rise"):
        rule_with(II_ORANGE="25")
    with pytest.raises(InputError, match="warning rule 'x' must have a threshold, known or not, for each of four"):
        WarningRule("x", "x", {})


def test_tianjin_draft__says_where_every_figure_comes_from() -> None:
    for figure in TIANJIN_DRAFT_2024.above_percent.values():
        assert "draft" in figure.source
        assert figure.confidence is Confidence.OFFICIAL
    assert GapWarning(0.0, 1.0, 0.0, None).unknown == ()
