"""Every setting is in the operating manual, with its meaning."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from tests.architecture.settings_doc import BEGIN, DOCUMENT, END, MODELS, Row, main, render, rows, updated


class Inner(BaseModel):
    """A section.

    Attributes:
        wait_s: How long it waits,
            told in two lines.
        mode: What it does.
    """

    wait_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    mode: Literal["slow", "fast"] = "slow"


class Outer(BaseModel):
    one: Inner = Field(default=Inner(), description="The only one.")
    many: tuple[Inner, ...] = Field(description="Several.")
    switch: bool = Field(default=True, description="On | off.")
    limit_kw: int | None = Field(default=None, ge=1, description="None for no limit.")


def test_rows__a_setting_each_with_unit_default_and_meaning() -> None:
    wait, mode = "How long it waits, told in two lines.", "What it does."
    assert rows(Outer) == [
        Row("one", "section", "", "its own", "The only one."),
        Row("one.wait_s", "number > 0, <= 60", "s", "`2.0`", wait),
        Row("one.mode", "`slow`, `fast`", "", "`slow`", mode),
        Row("many", "list of section", "", "required", "Several."),
        Row("many[].wait_s", "number > 0, <= 60", "s", "`2.0`", wait),
        Row("many[].mode", "`slow`, `fast`", "", "`slow`", mode),
        Row("switch", "true or false", "", "`true`", "On | off."),
        Row("limit_kw", "whole number >= 1", "kW", "none", "None for no limit."),
    ]


def test_updated__refuses_a_document_without_its_marks() -> None:
    assert updated(f"a {BEGIN} old {END} b") == f"a {render()} b"
    with pytest.raises(ValueError, match="settings: begin"):
        updated("no marks")


def test_document__has_every_setting_as_the_code_has_it() -> None:
    assert main([]) == 0, "run: make schemas"
    assert "`broker.host`" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("title", MODELS)
def test_settings__none_is_without_a_meaning(title: str) -> None:
    assert [row.key for row in rows(MODELS[title]) if not row.meaning.strip()] == []
