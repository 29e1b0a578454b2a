"""The report against sums made from ledger and archive by a separate script, and the statements against their rule."""

import json
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RecordedRun

AUDITOR = Path(__file__).parents[1] / "audit" / "ledger_sums.py"
TOLERANCE_KW = 1e-6
FIGURES = ("committed_kw", "commanded_kw", "acknowledged_kw", "metered_kw", "verified_kw")
# Tianjin's form: 0.2 below 0.8 of what was declared, all up to 1.2 of it, 0.1 of what lies above.
LOW, LOW_FACTOR, HIGH, EXCESS_FACTOR = Decimal("0.8"), Decimal("0.2"), Decimal("1.2"), Decimal("0.1")


@cache
def audited(store: Path) -> dict[str, Any]:
    """What the script prints, run as anybody would."""
    done = subprocess.run(
        [sys.executable, "-I", str(AUDITOR), str(store), "event-1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def statements(run: RecordedRun) -> list[dict[str, Any]]:
    lines = (run.out / "statements.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_auditor__stands_alone() -> None:
    source = AUDITOR.read_text(encoding="utf-8")

    assert not any(f"{word} {name}" in source for word in ("import", "from") for name in ("vpp", "simulator", "tests"))


@pytest.mark.parametrize("figure", FIGURES)
def test_waterfall__agrees_with_the_ledger(quick_run: RecordedRun, figure: str) -> None:
    assert audited(quick_run.store)[figure] == pytest.approx(quick_run.report["waterfall"][figure], abs=TOLERANCE_KW)
    assert max(audited(quick_run.store)[figure]) > 0


def test_auditor__names_an_unknown_event(quick_run: RecordedRun) -> None:
    done = subprocess.run(
        [sys.executable, str(AUDITOR), str(quick_run.store), "event-9"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "the ledger has no event 'event-9'" in done.stderr


def test_statements__add_up_to_the_district_exactly(quick_run: RecordedRun) -> None:
    total = sum((Decimal(s["net_kwh"]) for s in statements(quick_run)), Decimal(0))

    assert total == Decimal(audited(quick_run.store)["net_kwh"])
    assert total == Decimal(quick_run.report["settlement"]["total_response_kwh"])


def test_statements__each_adds_up_over_its_intervals(quick_run: RecordedRun) -> None:
    for statement in statements(quick_run):
        counted = [i for i in statement["intervals"] if i["meters_counted"]]
        responses = [Decimal(i["response_kwh"]) for i in counted]
        assert responses == [Decimal(i["baseline_kwh"]) - Decimal(i["metered_kwh"]) for i in counted]
        assert sum(responses, Decimal(0)) == Decimal(statement["net_kwh"]), statement["participant_id"]


def test_statements__pay_by_the_rule(quick_run: RecordedRun) -> None:
    fleet = json.loads((quick_run.store / "fleet.json").read_text(encoding="utf-8"))
    exempt = {p["id"] for p in fleet["participants"] if p["customer_class"] == "residential_charging"}
    rules: set[str] = set()

    for statement in statements(quick_run):
        price = Decimal(statement["price_cny_per_kwh"])
        actual, committed = Decimal(statement["graded_kwh"]), Decimal(statement["committed_kwh"])
        if actual <= 0:
            owed = Decimal(0)
        elif statement["participant_id"] in exempt:
            owed = price * actual
        elif actual < LOW * committed:
            owed = LOW_FACTOR * price * actual
        else:
            beyond = max(Decimal(0), actual - HIGH * committed)
            owed = price * (actual - beyond + EXCESS_FACTOR * beyond)
        cents = owed.quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(statement["payment_cny"]) == cents, statement["participant_id"]
        rules |= set(statement["reasons"])

    assert len(rules) >= 2, f"the run is too smooth to try the rule: only {rules}"


def test_statements__payments_add_up_and_reach_the_participants(quick_run: RecordedRun) -> None:
    paid = {s["participant_id"]: Decimal(s["payment_cny"]) for s in statements(quick_run)}
    shown = {p["id"]: Decimal(p["payment_cny"]) for p in quick_run.report["participants"]}

    assert sum(paid.values()) == Decimal(quick_run.report["settlement"]["total_payment_cny"])
    assert {name: amount for name, amount in shown.items() if amount} == {k: v for k, v in paid.items() if v}
