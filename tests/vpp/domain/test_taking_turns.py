import pytest

from vpp.domain.taking_turns import call_patterns


def shown(length: int, least: int, most: int, calls: int, rest: int) -> list[str]:
    patterns = call_patterns(length, least, most, calls, rest)
    return ["".join("#" if on else "." for on in pattern) for pattern in patterns]


@pytest.mark.parametrize(
    ("terms", "patterns"),
    [
        ((3, 1, 3, 1, 1), ["###", ".##", "..#"]),
        ((4, 2, 2, 1, 1), ["##..", ".##.", "..##"]),
        ((5, 2, 2, 2, 1), ["##.##", "##...", ".##..", "..##.", "...##"]),
        ((5, 1, 2, 2, 1), ["##.##", "##..#", "##...", ".##.#", ".##..", "..##.", "...##", "....#"]),
        ((2, 2, 9, 3, 1), ["##"]),
    ],
)
def test_call_patterns__all_that_runs_and_rests_allow(terms: tuple[int, ...], patterns: list[str]) -> None:
    assert shown(*terms) == patterns
