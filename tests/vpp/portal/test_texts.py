import re
from collections.abc import Iterable
from pathlib import Path
from string import Formatter

import pytest

import vpp.portal
from vpp.domain.commands import AckState
from vpp.domain.events import Direction, EventKind, EventState
from vpp.domain.fleet import CustomerClass, ResourceKind
from vpp.domain.orderly_use import WarningLevel
from vpp.portal import sentences
from vpp.portal.language import Language
from vpp.portal.texts import CATALOGUE, PARTS, script_texts, text, word

ROOT = Path(vpp.portal.__file__).parent
TEMPLATES = sorted((ROOT / "templates").glob("*.j2"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
MODULES = sorted(path for path in ROOT.glob("*.py"))
ENUMERATIONS = {
    "state": EventState,
    "state_text": EventState,
    "kind_of_event": EventKind,
    "direction": Direction,
    "kind": ResourceKind,
    "class": CustomerClass,
    "ack": AckState,
    "warning": WarningLevel,
}


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_catalogue__no_key_stands_in_two_parts() -> None:
    assert len(CATALOGUE) == sum(len(part) for part in PARTS)


def test_catalogue__both_languages_are_there_and_take_the_same_placeholders() -> None:
    for key, (english, chinese) in CATALOGUE.items():
        assert english.strip(), key
        assert chinese.strip(), key
        assert _placeholders(english) == _placeholders(chinese), key
        assert not re.search(r"[\u4e00-\u9fff]", english) or key == "shell.other_language", key


def test_catalogue__every_value_of_an_enumeration_has_its_word() -> None:
    missing = [
        f"{prefix}.{value.value}"
        for prefix, values in ENUMERATIONS.items()
        for value in values
        if f"{prefix}.{value.value}" not in CATALOGUE
    ]
    assert missing == []


def _named_keys() -> set[str]:
    """Keys that templates and modules name as a whole."""
    named: set[str] = set()
    for path in [*TEMPLATES, *MODULES]:
        named |= set(re.findall(r'"([a-z_]+(?:\.[A-Za-z0-9_-]+)+)"', path.read_text(encoding="utf-8")))
    return named


def _prefixes() -> set[str]:
    """Prefixes under which templates look words up."""
    pattern = r'(?:word\("|(?:t|known)\(")([a-z_.]+?)\.?"(?:,| ~)'
    return {p for path in TEMPLATES for p in re.findall(pattern, path.read_text(encoding="utf-8"))} - set(CATALOGUE)


def _script_keys() -> set[str]:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    return {f"js.{key}" for key in re.findall(r'\bt\("(\w+)"', source)}


def test_catalogue__no_key_is_missing() -> None:
    called = {
        key for path in TEMPLATES for key in re.findall(r'\bt\("([^"]+)"(?!\s*~)', path.read_text(encoding="utf-8"))
    }
    assert sorted((called | _script_keys()) - set(CATALOGUE)) == []


def test_catalogue__no_key_is_unused() -> None:
    used = _named_keys() | _script_keys() | set(sentences.KEYS)
    prefixes = _prefixes()
    unused = [
        key
        for key in CATALOGUE
        if key not in used
        and not any(key.startswith(f"{prefix}.") for prefix in prefixes)
        and not key.startswith("js.refused_")
    ]
    assert unused == []


def _literal_words(source: str) -> Iterable[str]:
    """What would be shown as it stands in the template: text between tags and words in attributes that are read out."""
    source = re.sub(r"\{#.*?#\}", " ", source, flags=re.DOTALL)
    source = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.DOTALL)
    for name, value in re.findall(r'\b(title|alt|aria-label|placeholder|data-name)="([^"]*)"', source):
        yield from (f"{name}={found}" for found in re.findall(r"\w+", value))
    yield from re.findall(r"[^\W\d_]+", re.sub(r"<[^>]*>", " ", source, flags=re.DOTALL))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates__contain_no_literal_words(path: Path) -> None:
    assert list(_literal_words(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates__have_no_inline_handler_style_or_script(path: Path) -> None:
    source = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert not re.search(r"\son\w+=", source)
    assert not re.search(r"\sstyle=", source)
    for script in re.findall(r"<script[^>]*>", source):
        assert "nonce=" in script or 'type="application/json"' in script


def test_text__an_unknown_key_or_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        text(Language.ENGLISH, "no.such.key")
    with pytest.raises(KeyError):
        text(Language.ENGLISH, "pager.shown", first=1)


def test_text__a_number_has_the_noun_that_goes_with_it() -> None:
    assert text(Language.ENGLISH, "statement.total", count=1, money="x") == "1 final statement, x in all"
    assert text(Language.ENGLISH, "statement.total", count=0, money="x") == "0 final statements, x in all"
    assert text(Language.CHINESE, "statement.total", count=1, money="x") == "最终结算单 1 份，合计 x"


def test_catalogue__chinese_sentences_have_chinese_punctuation() -> None:
    ascii_marks = re.compile(r"[\u4e00-\u9fff）][,;:?!]|[。，；：、] ")
    assert [key for key, (_, chinese) in CATALOGUE.items() if ascii_marks.search(chinese)] == []


def test_word__an_unknown_name_stands_for_itself() -> None:
    assert word(Language.CHINESE, "state", "settled") == "已结算"
    assert word(Language.CHINESE, "state", "brand-new") == "brand-new"


def test_script_texts__only_those_of_the_scripts() -> None:
    assert set(script_texts(Language.ENGLISH)) == {key[3:] for key in CATALOGUE if key.startswith("js.")}
