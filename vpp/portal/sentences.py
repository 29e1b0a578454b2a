"""Sentences that planning and tracking write in English, said in the page's language; one that is unknown stays."""

import re
from collections.abc import Mapping, Sequence

from vpp.portal.language import Language
from vpp.portal.texts import text

_PATTERNS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (key, re.compile(pattern))
    for key, pattern in (
        ("sentence.first_plan", r"first plan"),
        ("sentence.shortfall", r"expected (?P<before>[\d.]+) MW of (?P<aim>[\d.]+) MW aimed at"),
        ("sentence.surplus", r"expected (?P<before>[\d.]+) MW, more than (?P<share>\d+%) of (?P<aim>[\d.]+) MW"),
        (
            "sentence.capability",
            (
                r"capability: all resources together reach at most (?P<most>-?\d+) kW of "
                r"(?P<target>\d+) kW at (?P<at>[\d:]+)"
            ),
        ),
        ("sentence.import", r"node (?P<node>.+): import limit (?P<bound>-?\d+) kW binds at (?P<at>[\d:]+)"),
        ("sentence.export", r"node (?P<node>.+): export limit (?P<bound>-?\d+) kW binds at (?P<at>[\d:]+)"),
        *(
            (f"sentence.own_{kind}", rf"{kind}: .+ keep (?P<kept>-?\d+) kW from being used at (?P<at>[\d:]+)")
            for kind in ("curtailable", "block", "charging", "cooling", "storage")
        ),
    )
)


def say(language: Language, sentence: str) -> str:
    """``sentence`` in ``language``, its figures unchanged."""
    for key, pattern in _PATTERNS:
        if (found := pattern.fullmatch(sentence)) is not None:
            values: Mapping[str, str] = found.groupdict()
            return text(language, key, **values)
    return sentence


KEYS = tuple(key for key, _ in _PATTERNS)
