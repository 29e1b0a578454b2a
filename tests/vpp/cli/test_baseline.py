"""`vpp baseline` from file to file."""

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.testing import CliRunner, Result

from vpp.cli.baseline import baseline_command

app = typer.Typer()
app.command()(baseline_command)

Run = Callable[..., Result]


def meters_file(path: Path, *, zone: str = "Asia/Shanghai", hours: int = 1, last: str = "2025-10-15") -> Path:
    """Site ``a`` draws the day of the month in kW; ``b`` has only three days. 44 days up to ``last``, noon included."""
    end = datetime.fromisoformat(last).replace(tzinfo=ZoneInfo(zone))
    rows = ["site_id,timestamp,power_kw"]
    for days_back in range(44, -1, -1):
        day = end - timedelta(days=days_back)
        for slot in range(24 // hours if days_back else 12):
            at = (day + timedelta(hours=slot * hours)).isoformat()
            rows.append(f"a,{at},{day.day}")
            if days_back < 3:
                rows.append(f"b,{at},{day.day}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    meters = meters_file(tmp_path / "meters.csv")

    def command(**changed: str | None) -> Result:
        options: dict[str, str | None] = {
            "meters": str(meters),
            "method": "last5_normal_days",
            "event-start": "2025-10-15T14:00:00+08:00",
            "event-end": "2025-10-15T16:00:00+08:00",
            "timezone": "Asia/Shanghai",
            "out": str(tmp_path / "out.csv"),
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        flags: list[str] = []
        for name, value in options.items():
            flags += [f"--{name}"] if value is None else [f"--{name}", value]
        return CliRunner().invoke(app, flags)

    return command


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_baseline_command__golden_with_the_chinese_calendar(run: Run, tmp_path: Path) -> None:
    # Working days before Wed 15 October 2025: Tue 14, Mon 13, Sat 11 (make-up), Fri 10, Thu 9; 1-8 October is holiday.
    # (14 + 13 + 11 + 10 + 9) / 5 = 11.4 kW.
    result = run()

    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "out.csv") == [
        {"site_id": "a", "interval_start": "2025-10-15T14:00:00+08:00", "baseline_kw": "11.4", "sufficient": "true"},
        {"site_id": "a", "interval_start": "2025-10-15T15:00:00+08:00", "baseline_kw": "11.4", "sufficient": "true"},
        {"site_id": "b", "interval_start": "2025-10-15T14:00:00+08:00", "baseline_kw": "", "sufficient": "false"},
        {"site_id": "b", "interval_start": "2025-10-15T15:00:00+08:00", "baseline_kw": "", "sufficient": "false"},
    ]


def test_baseline_command__other_zones_know_weekends_only(run: Run, tmp_path: Path) -> None:
    # Tokyo: Tue 14, Mon 13, Fri 10, Thu 9, Wed 8 -> 54 / 5 = 10.8 kW, and says that holidays are not known.
    meters = meters_file(tmp_path / "tokyo.csv", zone="Asia/Tokyo")

    result = run(
        meters=str(meters),
        timezone="Asia/Tokyo",
        event_start="2025-10-15T14:00:00+09:00",
        event_end="2025-10-15T16:00:00+09:00",
    )

    assert "weekends only, public holidays are not known" in result.output
    assert rows_of(tmp_path / "out.csv")[0]["baseline_kw"] == "10.8"


def test_baseline_command__holidays_and_excluded_days_from_files(run: Run, tmp_path: Path) -> None:
    # 13 October is a listed holiday, 14 October an earlier event: Fri 10, Thu 9, Wed 8, Tue 7, Mon 6 -> 8 kW.
    holidays, excluded = tmp_path / "holidays.txt", tmp_path / "events.txt"
    holidays.write_text("2025-10-13  # sports day\n\n", encoding="utf-8")
    excluded.write_text("2025-10-14\n", encoding="utf-8")

    result = run(holidays=str(holidays), exclude_days=str(excluded))

    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "out.csv")[0]["baseline_kw"] == "8.0"


@pytest.mark.parametrize(
    ("adjustment", "cap", "expected_kw"),
    [
        ("none", None, "11.4"),
        ("additive", None, "15.0"),  # 15 kW in the window on the day, 11.4 usual: + 3.6
        ("multiplicative", "0.1", "12.54"),  # 15 / 11.4 held at 1.1
    ],
)
def test_baseline_command__adjustment(
    run: Run, tmp_path: Path, adjustment: str, cap: str | None, expected_kw: str
) -> None:
    result = run(adjustment=adjustment, **({"cap": cap} if cap else {}), event_start="2025-10-15T13:00:00+08:00")

    assert result.exit_code == 0, result.output
    assert float(rows_of(tmp_path / "out.csv")[0]["baseline_kw"]) == pytest.approx(float(expected_kw))


def test_baseline_command__json_summary(run: Run) -> None:
    result = run(json=None, method="top5_of_10")

    summary = json.loads(result.output)
    assert summary["method"] == "top5_of_10"
    assert (summary["sites"], summary["sufficient"], summary["step_minutes"]) == (2, 1, 60)
    assert summary["insufficient"]["b"].startswith("1 usable working days in the 45 days before 2025-10-15")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mean"}, "--method 'mean' is not known, expected one of: last5_normal_days, top5_of_10"),
        ({"adjustment": "some"}, "--adjustment 'some' is not known, expected one of: none, additive, multiplicative"),
        ({"timezone": "Mars/Base"}, "--timezone 'Mars/Base' is not known, expected an IANA name such as Asia/Shanghai"),
        ({"event_start": "2025-10-15T14:00:00"}, "instant '2025-10-15T14:00:00' is not ISO 8601 with a UTC offset"),
        (
            {"event_end": "2025-10-15T14:00:00+08:00"},
            "--event-end 2025-10-15T06:00:00+00:00 is not after --event-start",
        ),
        ({"event_end": "2025-10-15T15:30:00+08:00"}, "is not made of whole 60-minute intervals, the step of"),
        ({"event_end": "2025-10-16T01:00:00+08:00"}, "event passes midnight in Asia/Shanghai"),
        ({"cap": "-0.2"}, "adjustment cap -0.2 is not a share >= 0"),
        ({"meters": "none.csv"}, "none.csv: cannot be read"),
        ({"holidays": "none.txt"}, "none.txt: cannot be read"),
    ],
)
def test_baseline_command__bad_input_exits_2_with_the_reason(run: Run, options: dict[str, str], message: str) -> None:
    result = run(**options)

    assert result.exit_code == 2
    assert message in result.output


def test_baseline_command__bad_date_names_file_line_and_value(run: Run, tmp_path: Path) -> None:
    holidays = tmp_path / "holidays.txt"
    holidays.write_text("2025-10-01\n1 May\n", encoding="utf-8")

    result = run(holidays=str(holidays))

    assert result.exit_code == 2
    assert f"{holidays}: line 2: '1 May' is not a date, expected YYYY-MM-DD" in result.output
