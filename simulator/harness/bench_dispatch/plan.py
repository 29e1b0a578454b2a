"""Which rows make the table, for given sizes, repeats and peers."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure.

    Attributes:
        peers: Run HiGHS on the whole problem, Pyomo and FlexMeasures as well.
        peer_folder: Where FlexMeasures' environment is made or kept; ``None`` for a temporary one.
    """

    sizes: Sequence[int] = SIZES
    storages: Sequence[int] = STORAGES
    repeat: int = 3
    peers: bool = True
    peer_folder: Path | None = None


QUICK = Options(sizes=(300, 1_000), storages=(5,), repeat=1)


def ours(options: Options) -> list[Row]:
    """Plans of fleets of every size, plans again after the target has moved, and schedules of batteries."""
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
    rows += [
        Row(
            f"{count} storages, ours",
            "scheduled",
            {"storages": count, "seed": SEED},
            max(options.repeat, 3),
            ROW_TIMEOUT_S,
        )
        for count in options.storages
    ]
    return rows


def peers(options: Options, median_s: dict[tuple[int, bool], float]) -> list[Row]:
    """HiGHS alone: the whole problem, built directly and through Pyomo; with calls for as long as ours took; storages.

    Args:
        options: Sizes and repeats.
        median_s: What our plans took, by size and whether with calls.
    """
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
    rows += [
        Row(
            f"{count} storages, linear programme in HiGHS",
            "relaxed",
            {"storages": count, "seed": SEED},
            options.repeat,
            ROW_TIMEOUT_S,
        )
        for count in options.storages
    ]
    return rows


def _whole(name: str, said: dict[str, object], repeat: int) -> Row:
    return Row(name, "whole", {"solver": "ipm", **said}, repeat, ROW_TIMEOUT_S + PEER_TIME_LIMIT_S * repeat)


def _word(*, blocks: bool) -> str:
    return "with calls" if blocks else "divisible"
