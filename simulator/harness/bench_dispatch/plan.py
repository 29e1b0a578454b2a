"""Which rows make the table, for given sizes, repeats and peers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from simulator.harness.bench_dispatch.measured import Row

SIZES = (1_000, 10_000, 100_000, 1_000_000)
STORAGES = (20, 100)
WHOLE_UP_TO = 10_000
"""Resources up to which the whole problem is given to HiGHS at once: beyond, it does not come back."""
REPLAN_UP_TO = 10_000
ROW_TIMEOUT_S = 1800.0
PEER_TIME_LIMIT_S = 600.0
MIXED_INTEGER_LIMIT_S = 60.0
EXACT_UP_TO = 1_000
SEED = 0
CALLS = 1_000
CALL_TIMEOUT_S = 3.0
"""For each call with a budget: the longest budget and what nobody should be late by."""
UNCERTAIN_RESOURCES = 1_000
DRAWS = 10_000


class Group(StrEnum):
    """A part of the table that can be measured alone."""

    DISPATCH = "dispatch"
    STORAGES = "storages"
    DEADLINE = "deadline"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure.

    Attributes:
        calls: With budgets of 100 ms to 2 s.
        uncertain: Resources of the fleet whose delivery is uncertain.
        groups: Only these parts of the table.
        peers: Run HiGHS on the whole problem, Pyomo and FlexMeasures as well.
        peer_folder: Where FlexMeasures' environment is made or kept; ``None`` for a temporary one.
    """

    sizes: Sequence[int] = SIZES
    storages: Sequence[int] = STORAGES
    calls: int = CALLS
    uncertain: int = UNCERTAIN_RESOURCES
    groups: Sequence[Group] = tuple(Group)
    repeat: int = 3
    peers: bool = True
    peer_folder: Path | None = None


QUICK = Options(sizes=(300, 1_000), storages=(5,), calls=5, uncertain=300, repeat=1)


def ours(options: Options) -> list[Row]:
    """All rows of our own, of the parts of the table that ``options`` ask for."""
    made = {
        Group.DISPATCH: _fleets,
        Group.STORAGES: _storages,
        Group.DEADLINE: _deadline,
        Group.DELIVERY: _delivery,
    }
    return [row for group in Group if group in options.groups for row in made[group](options)]


def _fleets(options: Options) -> list[Row]:
    """Plans of fleets of every size, and plans again after the target has moved."""
    rows = [
        Row(
            f"{size} resources, {_word(blocks=blocks)}, coordinated",
            "planned",
            {"resources": size, "blocks": blocks, "method": "coordinated"},
            options.repeat,
            ROW_TIMEOUT_S,
        )
        for size in options.sizes
        for blocks in (False, True)
    ]
    rows += [
        Row(
            f"{size} resources, {_word(blocks=True)}, planned again",
            "replanned",
            {"resources": size, "blocks": True},
            options.repeat,
            ROW_TIMEOUT_S,
        )
        for size in options.sizes
        if size <= REPLAN_UP_TO
    ]
    return rows


def _storages(options: Options) -> list[Row]:
    return [
        Row(
            f"{count} storages, ours",
            "scheduled",
            {"storages": count, "seed": SEED},
            max(options.repeat, 3),
            ROW_TIMEOUT_S,
        )
        for count in options.storages
    ]


def _deadline(options: Options) -> list[Row]:
    said = {"calls": options.calls, "seed": SEED}
    timeout_s = ROW_TIMEOUT_S + CALL_TIMEOUT_S * options.calls
    return [Row(f"{options.calls} calls with a deadline", "deadline", said, 1, timeout_s)]


def _delivery(options: Options) -> list[Row]:
    return [
        Row(
            f"{options.uncertain} resources, {_word(blocks=blocks)}, delivery uncertain",
            "delivered",
            {"resources": options.uncertain, "blocks": blocks, "draws": DRAWS, "seed": SEED},
            1,
            ROW_TIMEOUT_S,
        )
        for blocks in (False, True)
    ]


def peers(options: Options, median_s: dict[tuple[int, bool], float]) -> list[Row]:
    """HiGHS alone: the whole problem, built directly and through Pyomo; with calls for as long as ours took; storages.

    Args:
        options: Sizes and repeats.
        median_s: What our plans took, by size and whether with calls.
    """
    rows: list[Row] = []
    if Group.DISPATCH in options.groups:
        rows += _whole_fleets(options, median_s)
    if Group.STORAGES in options.groups:
        rows += _relaxed_storages(options)
    return rows


def _whole_fleets(options: Options, median_s: dict[tuple[int, bool], float]) -> list[Row]:
    rows = []
    for size in options.sizes:
        if size > WHOLE_UP_TO:
            continue
        for builder, name in (("direct", "HiGHS interior point"), ("pyomo", "HiGHS interior point through Pyomo")):
            said = {"resources": size, "blocks": False, "builder": builder, "time_limit_s": PEER_TIME_LIMIT_S}
            rows.append(_whole(f"{size} resources, {_word(blocks=False)}, {name}", said, options.repeat))
        equal = size <= EXACT_UP_TO and (size, True) in median_s
        limit_s = median_s[size, True] if equal else MIXED_INTEGER_LIMIT_S
        name = "HiGHS for as long as ours" if equal else f"HiGHS for {limit_s:g} s"
        said = {"resources": size, "blocks": True, "builder": "direct", "time_limit_s": limit_s}
        rows.append(_whole(f"{size} resources, {_word(blocks=True)}, {name}", said, 1))
    return rows


def _relaxed_storages(options: Options) -> list[Row]:
    return [
        Row(
            f"{count} storages, linear programme in HiGHS",
            "relaxed",
            {"storages": count, "seed": SEED},
            options.repeat,
            ROW_TIMEOUT_S,
        )
        for count in options.storages
    ]


def _whole(name: str, said: dict[str, object], repeat: int) -> Row:
    return Row(name, "whole", {"solver": "ipm", **said}, repeat, ROW_TIMEOUT_S + PEER_TIME_LIMIT_S * repeat)


def _word(*, blocks: bool) -> str:
    return "with calls" if blocks else "divisible"
