"""Schedules storages with FlexMeasures' ``device_scheduler``; run by FlexMeasures' own interpreter, not by ours.

Usage: ``python flexmeasures_peer.py CASE.json ANSWER.json BACK_END REPEAT``. The case is what
``simulator/harness/bench_dispatch/storage_cases.py`` writes; nothing of ours is imported here. ``device_scheduler``
reads its settings from the current Flask application and needs no database. It knows no length of an interval: flows
are given in kW and stocks in kW-intervals (kWh divided by the interval's hours). The site's own load is the quantity of
its one energy commitment, with a price of buying above it and one of selling below.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Flask
from flexmeasures.data.models.planning import FlowCommitment
from flexmeasures.data.models.planning.linear_optimization import device_scheduler

COLUMNS = (
    "equals",
    "max",
    "min",
    "efficiency",
    "derivative equals",
    "derivative max",
    "derivative min",
    "derivative down efficiency",
    "derivative up efficiency",
    "stock delta",
)


def arguments_of(case: dict[str, Any]) -> dict[str, Any]:
    """What ``device_scheduler`` takes for ``case``; made anew for each run, since it writes into its arguments."""
    step_h = case["interval_h"]
    index = pd.date_range("2026-07-20", periods=len(case["load_kw"]), freq=pd.Timedelta(hours=step_h), tz="UTC")
    load = pd.Series(case["load_kw"], index=index, dtype=float)
    devices = []
    for one in case["storages"]:
        frame = pd.DataFrame(float("nan"), index=index, columns=list(COLUMNS))
        frame["max"] = (one["capacity_kwh"] - one["soc_kwh"]) / step_h
        frame["min"] = (one["soc_min_kwh"] - one["soc_kwh"]) / step_h
        frame.loc[index[-1], "min"] = (one["soc_end_kwh"] - one["soc_kwh"]) / step_h
        frame["derivative max"] = one["power_max_kw"]
        frame["derivative min"] = -one["power_max_kw"]
        frame["derivative up efficiency"] = one["efficiency"]
        frame["derivative down efficiency"] = one["efficiency"]
        devices.append(frame)
    site = pd.DataFrame(index=index)
    site["derivative max"] = case["import_limit_kw"] - load
    site["derivative min"] = -case["export_limit_kw"] - load
    energy = FlowCommitment(
        name="energy",
        index=index,
        quantity=-load,
        upwards_deviation_price=pd.Series(case["buy_cny_per_kwh"], index=index) * step_h,
        downwards_deviation_price=pd.Series(case["sell_cny_per_kwh"], index=index) * step_h,
    )
    return {"device_constraints": devices, "ems_constraints": site, "commitments": [energy]}


def scheduled(case: dict[str, Any]) -> dict[str, Any]:
    """One run: seconds of the call, objective in CNY, and power per storage and interval in kW."""
    arguments = arguments_of(case)
    begun = time.perf_counter()
    powers, _, results, model = device_scheduler(**arguments)
    wall_s = time.perf_counter() - begun
    cost = model.costs if isinstance(model.costs, float) else model.costs()
    return {
        "status": str(results.solver.termination_condition),
        "wall_s": wall_s,
        "objective_cny": float(cost),
        "power_kw": [[float(kw) for kw in series] for series in powers[: len(case["storages"])]],
    }


def main(case_file: str, answer_file: str, back_end: str, repeat: str) -> None:
    """Reads the case, runs it ``repeat`` times, writes the answers."""
    case = json.loads(Path(case_file).read_text(encoding="utf-8"))
    app = Flask("flexmeasures-peer")
    app.config.update(FLEXMEASURES_LP_SOLVER=back_end, FLEXMEASURES_LP_SOLVER_OPTIONS={}, LOGGING_LEVEL="INFO")
    with app.app_context():
        runs = [scheduled(case) for _ in range(int(repeat))]
    Path(answer_file).write_text(json.dumps({"back_end": back_end, "runs": runs}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
