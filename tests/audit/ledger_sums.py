"""Recomputes an event's five figures and the district's net energy from a store, without any of the project's code.

Usage: python tests/audit/ledger_sums.py STORE EVENT

It reads ``ledger.sqlite`` and ``archive.sqlite`` with the standard library and numpy only, by its own reading of what
the figures mean, and prints JSON: per event interval the kW committed, commanded, acknowledged, metered and verified,
and ``net_kwh`` as exact text.
"""

import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

QUARTER_S = 900
MINUTE_S = 60
GOOD = 0
NOT_METERED = -(2**31)
LEAST_CALL_KW = 1e-6
CHINA = timezone(timedelta(hours=8))

Json = dict[str, Any]


@dataclass
class Called:
    """What was asked of one resource per interval: the kW, the command that asks for it, the kW at its start."""

    asked_kw: list[float]
    command_id: list[str | None]
    at_start_kw: list[float]


@dataclass
class EventFacts:
    """What the ledger says of one event that ran to its declared end."""

    declared: Json = field(default_factory=dict)
    first_plan: Json = field(default_factory=dict)
    baselines: Json = field(default_factory=dict)
    commands: list[Json] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)

    @property
    def starts_s(self) -> list[int]:
        return list(range(seconds(self.declared["start"]), seconds(self.declared["end"]), QUARTER_S))


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def read_event(store: Path, event_id: str) -> EventFacts:
    found = EventFacts()
    with closing(sqlite3.connect(store / "ledger.sqlite")) as connection:
        rows = connection.execute("SELECT kind, event_id, payload FROM fact ORDER BY position").fetchall()
    for kind, of_event, payload in rows:
        if of_event != event_id:
            continue
        fact = json.loads(payload)
        match kind:
            case "EventDeclared":
                found.declared = fact
            case "PlanIssued" if not found.first_plan:
                found.first_plan = fact
            case "BaselinesFrozen":
                found.baselines = fact
            case "CommandsIssued":
                found.commands += [command | {"issued_at": fact["at"]} for command in fact["commands"]]
            case "CommandsAcked":
                found.applied |= {ack["command_id"] for ack in fact["acks"] if ack["state"] == "applied"}
            case _:
                pass
    if not found.declared:
        raise SystemExit(f"{store}: the ledger has no event {event_id!r}")
    return found


def called_resources(facts: EventFacts) -> dict[str, Called]:
    """Of several commands for one interval the newest counts: what it assumed would be drawn less what it allows.

    Graded is the smaller of that and of what the newest command known at the interval's start asked.
    """
    count = len(facts.starts_s)
    called: dict[str, Called] = {}
    for command in facts.commands:
        row = called.setdefault(command["resource_id"], Called([0.0] * count, [None] * count, [0.0] * count))
        issued_at = datetime.fromisoformat(command["issued_at"]).timestamp()
        first_s = seconds(command["schedule_start"])
        for step, allowed_kw in enumerate(command["setpoints_kw"]):
            at = (first_s + step * QUARTER_S - facts.starts_s[0]) // QUARTER_S
            if 0 <= at < count:
                less_kw = command["assumed_forecast_kw"][step] - allowed_kw
                row.asked_kw[at] = max(0.0, -less_kw if command["mode"] == "at_least" else less_kw)
                row.command_id[at] = command["command_id"]
                if issued_at <= first_s + step * QUARTER_S:
                    row.at_start_kw[at] = row.asked_kw[at]
    return called


class Meters:
    """Registers and readings as they lie in the archive."""

    def __init__(self, store: Path) -> None:
        with closing(sqlite3.connect(store / "archive.sqlite")) as connection:
            self._keys = dict(connection.execute("SELECT id, key FROM meter"))
            self._readings = {
                (meter, at): (register_wh, quality)
                for meter, at, register_wh, quality in connection.execute(
                    "SELECT meter, at, register_wh, quality FROM reading"
                )
            }
            self._days = {
                (meter, day): np.frombuffer(energy, dtype="<i4")
                for meter, day, energy in connection.execute("SELECT meter, day, energy_wh FROM interval_day")
            }

    def energy_wh(self, meter_id: str, start_s: int) -> int | None:
        """Difference of the good registers at both ends; where there are none, what was imported for the day."""
        key = self._keys[meter_id]
        ends = [self._readings.get((key, at)) for at in (start_s, start_s + QUARTER_S)]
        registers = [end[0] for end in ends if end is not None and end[1] == GOOD]
        if len(registers) == len(ends):
            return int(registers[1] - registers[0])
        local = datetime.fromtimestamp(start_s, UTC).astimezone(CHINA)
        day = self._days.get((key, local.toordinal()))
        if day is None:
            return None
        imported = int(day[(local.hour * 60 + local.minute) // 15])
        return None if imported == NOT_METERED else imported

    def all_good(self, meter_id: str, start_s: int) -> bool:
        """Whether no minute that ends within the interval was read with less than good quality."""
        key = self._keys[meter_id]
        minutes = range(start_s + MINUTE_S, start_s + QUARTER_S + MINUTE_S, MINUTE_S)
        return all(self._readings.get((key, at), (0, GOOD))[1] == GOOD for at in minutes)


def sums(store: Path, event_id: str) -> Json:
    """The five figures in kW per interval, and the district's exact net kWh."""
    facts, meters = read_event(store, event_id), Meters(store)
    sign = 1 if facts.declared["direction"] == "curtail" else -1
    count = len(facts.starts_s)
    commanded, acknowledged, metered, verified = (np.zeros(count) for _ in range(4))
    quarter_wh = 0
    for resource_id, called in called_resources(facts).items():
        baseline_kw = facts.baselines["baseline_kw"].get(resource_id, [])
        begun = False
        for at, start_s in enumerate(facts.starts_s):
            asked_kw = called.asked_kw[at]
            commanded[at] += asked_kw
            acknowledged[at] += asked_kw if called.command_id[at] in facts.applied else 0.0
            begun = begun or asked_kw > LEAST_CALL_KW
            energy_wh = meters.energy_wh(resource_id, start_s)
            if not begun or energy_wh is None:
                continue
            response_kw = sign * (baseline_kw[at] - energy_wh / 250.0)
            metered[at] += response_kw
            if meters.all_good(resource_id, start_s):
                verified[at] += response_kw
                if min(asked_kw, called.at_start_kw[at]) > LEAST_CALL_KW:
                    quarter_wh += sign * (round(baseline_kw[at] * 1000.0) - 4 * energy_wh)
    return {
        "committed_kw": facts.first_plan.get("offered_kw", [0.0] * count),
        "commanded_kw": commanded.tolist(),
        "acknowledged_kw": acknowledged.tolist(),
        "metered_kw": metered.tolist(),
        "verified_kw": verified.tolist(),
        "net_kwh": f"{Decimal(quarter_wh) / 4000:f}",
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python tests/audit/ledger_sums.py STORE EVENT")
    json.dump(sums(Path(sys.argv[1]), sys.argv[2]), sys.stdout, indent=1)
    sys.stdout.write("\n")
