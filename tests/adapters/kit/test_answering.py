import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.kit.answering import AgreesAfter, AnswersByFile
from adapters.kit.confirmations import Confirmed, Declined
from tests.adapters.gateway_rig import command
from vpp.wire.convert import command_from_wire

NOW = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


def test_agrees_after__yes_once_its_time_is_over() -> None:
    people = AgreesAfter(60.0)
    people.ask(command_from_wire(command()), NOW, LATER)
    assert people.answer("c1", NOW + timedelta(seconds=59)) is None
    assert people.answer("c1", NOW + timedelta(seconds=60)) == Confirmed()


def test_agrees_after__a_question_from_before_a_restart_counts_from_the_first_look() -> None:
    people = AgreesAfter(60.0)
    assert people.answer("c1", NOW) is None
    assert people.answer("c1", NOW + timedelta(seconds=60)) == Confirmed()


def test_answers_by_file__question_and_answer(tmp_path: Path) -> None:
    people = AnswersByFile(tmp_path / "asked")
    people.ask(command_from_wire(command(command_id="../c/1")), NOW, LATER)
    question = json.loads((tmp_path / "asked" / ".._c_1.question.json").read_text())
    assert question["resource_id"] == "r1"
    assert question["setpoints_kw"] == [120.0] * 4
    assert question["answer_by"] == "2026-07-20T06:10:00Z"
    assert people.answer("../c/1", NOW) is None
    answer = tmp_path / "asked" / ".._c_1.answer"
    for words, expected in (
        ("", None),
        ("perhaps", None),
        ("yes\n", Confirmed()),
        ("no the oven is full", Declined("the oven is full")),
        ("No", Declined("no reason given")),
    ):
        answer.write_text(words)
        assert people.answer("../c/1", NOW) == expected
