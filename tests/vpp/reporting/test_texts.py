import string

import pytest

from vpp.reporting.texts import TEXTS, bilingual, text, word


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_texts__both_languages_are_there_with_the_same_placeholders() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert english, key
        assert chinese, key
        assert _placeholders(english) == _placeholders(chinese), key


def test_texts__are_safe_inside_a_style_sheet_string() -> None:
    for english, chinese in TEXTS.values():
        assert not set('"\\<>&\n') & set(english + chinese)


def test_text__values_are_escaped() -> None:
    assert "&lt;b&gt;" in text("show_all", count="<b>")


def test_text__unknown_key_is_refused() -> None:
    with pytest.raises(KeyError, match="no_such_text"):
        text("no_such_text")


def test_word__falls_back_to_the_escaped_name() -> None:
    assert "工厂产线" in word("kind", "factory_line")
    assert word("kind", "<i>") == "&lt;i&gt;"


def test_bilingual__marks_each_language_for_readers_and_screen_readers() -> None:
    assert (
        bilingual("a & b", "甲") == '<span class="en" lang="en">a &amp; b</span><span class="zh" lang="zh-CN">甲</span>'
    )
