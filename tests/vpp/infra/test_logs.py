"""What appears in the log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from vpp.domain.errors import InputError
from vpp.infra.logs import last_words, set_up_logs
from vpp.infra.prometheus import PrometheusMetrics


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.getLogger("vpp").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_set_up_logs__json_lines_of_ours_and_of_libraries() -> None:
    stream = io.StringIO()
    set_up_logs(json=True, stream=stream)
    PrometheusMetrics().note("plan issued", revision=2, participant="北辰")
    logging.getLogger("some.library").warning("slow %s", "disk")
    logging.getLogger("some.library").info("chatter")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["revision"], ours["participant"]) == ("plan issued", 2, "北辰")
    assert (ours["level"], ours["logger"]) == ("info", "vpp")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"]) == ("slow disk", "warning")


def test_set_up_logs__lines_for_people() -> None:
    stream = io.StringIO()
    set_up_logs(stream=stream)
    structlog.get_logger("vpp.services").info("plan issued", revision=2)
    structlog.get_logger("vpp.services").debug("not of interest")
    (line,) = stream.getvalue().splitlines()
    assert "plan issued" in line
    assert "revision=2" in line
    assert "\x1b" not in line


def test_last_words__one_line_of_what_nobody_expected() -> None:
    stream = io.StringIO()
    set_up_logs(json=True, stream=stream)
    with pytest.raises(ExceptionGroup), last_words("vpp serve"):
        raise ExceptionGroup("tasks", [OSError("disk is gone"), ExceptionGroup("more", [KeyError("x")])])
    (line,) = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert (line["level"], line["program"]) == ("critical", "vpp serve")
    assert line["error"] == "OSError: disk is gone; KeyError: 'x'"


def test_last_words__errors_of_ours_are_told_by_others() -> None:
    stream = io.StringIO()
    set_up_logs(json=True, stream=stream)
    with pytest.raises(InputError), last_words("vpp serve"):
        raise InputError("wrong")
    assert stream.getvalue() == ""
