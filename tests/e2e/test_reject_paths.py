"""What people can get wrong before a run: each refusal is one line with file, key and what was expected; exit 2."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from vpp.cli.app import app

ScenarioFile = Callable[..., Path]
Change = Callable[[dict[str, Any]], object]


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    *progress, line = result.stderr.splitlines()
    assert not [text for text in progress if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  ", text)], result.stderr
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def simulate(file: Path, *options: str) -> str:
    return refused(CliRunner().invoke(app, ["simulate", str(file), *options]))


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (lambda c: c.pop("weather"), "weather", "Field required"),
        (lambda c: c["event"].pop("start"), "event.start", "Field required"),
        (lambda c: c.update(wether=1), "wether", "Extra inputs are not permitted (found 1)"),
        (lambda c: c["event"].update(prize=2), "event.prize", "Extra inputs are not permitted (found 2)"),
        (lambda c: c.update(history_days="many"), "history_days", "Input should be a valid integer"),
        (lambda c: c["event"].update(target_percent="five"), "event.target_percent", "Input should be a valid number"),
        (
            lambda c: c["event"].update(target_percent=float("nan")),
            "event.target_percent",
            "Input should be a finite number (found nan)",
        ),
        (lambda c: c["event"].update(target_percent=0), "event.target_percent", "Input should be greater than 0"),
        (
            lambda c: c["acceptance"].update(accept_probability=1.5),
            "acceptance.accept_probability",
            "Input should be less than or equal to 1 (found 1.5)",
        ),
        (lambda c: c["weather"]["tmax_c"].pop(), "", "weather.tmax_c: expected 46 values (history_days and the event"),
        (
            lambda c: c["event"].update(end="18:30"),
            "",
            "event: expected window.start <= declare_at < start < end <= window.end",
        ),
        (lambda c: c["event"].update(start="11:00"), "", "event: expected window.start <= declare_at < start"),
        (lambda c: c["enrolment"]["share"].update(nuclear=1.0), "enrolment.share.nuclear.[key]", "Input should be "),
    ],
)
def test_simulate__a_broken_scenario(scenario_file: ScenarioFile, change: Change, key: str, expected: str) -> None:
    file = scenario_file(change)

    line = simulate(file)

    assert line.startswith(f"{file}: {key}: " if key else f"{file}: ")
    assert expected in line


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (lambda d: d.pop("reference_peak"), "reference_peak", "Field required"),
        (lambda d: d["reference_peak"].update(kw="much"), "reference_peak.kw", "Input should be a valid number"),
        (lambda d: d.update(moons=1), "moons", "Extra inputs are not permitted"),
        (lambda d: d["nodes"][1].update(parent="moon"), "", "nodes: 'quick-snow' names "),
    ],
)
def test_simulate__a_broken_district(scenario_file: ScenarioFile, change: Change, key: str, expected: str) -> None:
    district = scenario_file().parent / "district.yaml"
    content = yaml.safe_load(district.read_text(encoding="utf-8"))
    change(content)
    district.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    line = simulate(district.parent / "changed.yaml")

    assert line.startswith(f"{district}: {key}")
    assert expected in line


def test_simulate__no_such_file(tmp_path: Path) -> None:
    assert (
        simulate(tmp_path / "nowhere.yaml")
        == f"{tmp_path / 'nowhere.yaml'}: cannot be read (No such file or directory)"
    )


def test_simulate__no_such_district(scenario_file: ScenarioFile) -> None:
    file = scenario_file(lambda content: content.update(district="elsewhere.yaml"))

    assert simulate(file) == f"{file.parent / 'elsewhere.yaml'}: cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: [quick", "is not YAML: "),
        (b"- a\n- b\n", "expected a mapping of keys, found list"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"", "expected a mapping of keys, found NoneType"),
    ],
)
def test_simulate__not_even_a_scenario(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)

    assert simulate(file).startswith(f"{file}: {expected}")


def test_simulate__an_unknown_programme(scenario_file: ScenarioFile) -> None:
    file = scenario_file(program="lottery")

    known = "beichen-demo, beichen-valley, tianjin-peak, tianjin-valley"
    assert simulate(file) == f"{file}: event.program: expected one of {known}, found 'lottery'"


@pytest.mark.parametrize("command", [("simulate",), ("demo", "--headless", "--scenario")])
def test_simulate__a_programme_with_unknown_figures_is_never_paid_0(
    scenario_file: ScenarioFile, command: tuple[str, ...]
) -> None:
    file = scenario_file(program="tianjin-peak")

    line = refused(CliRunner().invoke(app, [*command, str(file)]))

    assert line == (
        f"{file}: event.program: expected a programme that can be settled: programme 'tianjin-peak' has no value for "
        "'baseline.curtail.default.method'; supply it before it is used"
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"declare_at": "12:06", "start": "12:15"},
            "event 'event-1': 9 minutes of notice, programme 'beichen-demo' asks for 10",
        ),
        (
            {"declare_at": "12:02", "start": "13:00", "end": "17:15"},
            "event 'event-1' lasts 4.25 h, programme 'beichen-demo' allows 4 h",
        ),
    ],
)
def test_simulate__an_event_against_the_programme(
    scenario_file: ScenarioFile, event: dict[str, str], expected: str
) -> None:
    file = scenario_file(**event)

    assert simulate(file) == f"{file}: event: {expected}"


def test_simulate__a_folder_that_cannot_be_made(scenario_file: ScenarioFile, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")

    line = simulate(scenario_file(), "--out", str(tmp_path / "taken"))

    assert line == f"{tmp_path / 'taken' / 'store'}: the store folder cannot be made (Not a directory)"


@pytest.mark.parametrize("broker", ["localhost", "localhost:mqtt", ":1883"])
def test_demo__a_broken_broker_address(scenario_file: ScenarioFile, broker: str) -> None:
    result = CliRunner().invoke(app, ["demo", "--headless", "--scenario", str(scenario_file()), "--broker", broker])

    assert refused(result) == f"--broker: {broker}: expected host:port, such as 127.0.0.1:1883"


def test_demo__a_broken_scenario(scenario_file: ScenarioFile) -> None:
    file = scenario_file(lambda content: content.pop("event"))

    result = CliRunner().invoke(app, ["demo", "--headless", "--scenario", str(file)])

    assert refused(result) == f"{file}: event: Field required (found {file_input(file)})"


def file_input(file: Path) -> str:
    """How the refusal shows what it found: the whole mapping, cut."""
    return f"{yaml.safe_load(file.read_text(encoding='utf-8'))!r:.80}"
