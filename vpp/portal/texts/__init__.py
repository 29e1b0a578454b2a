"""Every word that a page or a script of ours shows, in English and Chinese, under one key each.

One module per part of the pages; no key stands in two of them. Placeholders in braces are filled by the page, and both
languages take the same ones; ``{count:one|many}`` is a number with its noun. Keys that begin with ``js.`` are handed
to the browser.
"""

from collections.abc import Mapping
from string import Formatter

from vpp.portal.language import Language
from vpp.portal.texts import capability, event, fleet, operator, participant, scripts, shell, words

PARTS = (
    shell.TEXTS,
    words.TEXTS,
    operator.TEXTS,
    capability.TEXTS,
    event.TEXTS,
    fleet.TEXTS,
    participant.TEXTS,
    scripts.TEXTS,
)

CATALOGUE: Mapping[str, tuple[str, str]] = {key: texts for part in PARTS for key, texts in part.items()}

SCRIPT_PREFIX = "js."


class _Sentences(Formatter):
    """Takes ``{count:resource|resources}`` for a number with the word that goes with it."""

    def format_field(self, value: object, format_spec: str) -> str:
        one, several, many = format_spec.partition("|")
        if not several:
            return str(super().format_field(value, format_spec))
        return f"{value} {one if value == 1 else many}"


_SENTENCES = _Sentences()


def text(language: Language, key: str, **values: object) -> str:
    """The sentence under ``key``, placeholders filled; not escaped.

    Raises:
        KeyError: ``key`` is not in the catalogue, or a placeholder has no value.
    """
    english, chinese = CATALOGUE[key]
    sentence = chinese if language is Language.CHINESE else english
    return _SENTENCES.vformat(sentence, (), values) if values else sentence


def word(language: Language, prefix: str, name: object) -> str:
    """The catalogue's word for ``name`` under ``prefix``, or ``name`` itself where there is none."""
    key = f"{prefix}.{name}"
    return text(language, key) if key in CATALOGUE else str(name)


def script_texts(language: Language) -> dict[str, str]:
    """What the scripts say, by key without its prefix; placeholders are filled in the browser."""
    return {key.removeprefix(SCRIPT_PREFIX): text(language, key) for key in CATALOGUE if key.startswith(SCRIPT_PREFIX)}
