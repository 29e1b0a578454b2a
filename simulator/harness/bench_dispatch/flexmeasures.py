"""FlexMeasures in an environment of its own, and its answer to a site with batteries.

Its runner, ``tests/benchmarks/peers/flexmeasures_peer.py``, belongs to a checkout and never to the wheel. Nothing is
ever installed into our own environment.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import simulator
from optimizer.storage_schedule import StorageSite
from simulator.harness.bench_dispatch.storage_cases import as_peer_case, energy_cost_cny, schedule_problems
from vpp.domain.errors import OutsideError

VERSION = "1.0.1"
BACK_ENDS = ("highspy", "appsi_highs")
"""The fast one, which is its default, and the one through Pyomo."""
INSTALL_TIMEOUT_S = 900.0


class PeerError(OutsideError):
    """FlexMeasures cannot be had or does not answer; the message says why."""


def runner_file() -> Path:
    """The peer's runner in this checkout.

    Raises:
        PeerError: there is no checkout.
    """
    path = Path(simulator.__file__).resolve().parents[1] / "tests" / "benchmarks" / "peers" / "flexmeasures_peer.py"
    if not path.is_file():
        raise PeerError(f"the runner {path.name} is part of a checkout, and there is none at {path.parent}")
    return path


def peer_python(folder: Path) -> Path:
    """The interpreter of FlexMeasures' own environment in ``folder``, made there when it is missing.

    Raises:
        PeerError: it cannot be made, for instance without a package registry.
    """
    python = folder / "bin" / "python"
    wanted = f"flexmeasures=={VERSION}"
    if not python.is_file():
        _run([sys.executable, "-m", "venv", str(folder)], f"no environment in {folder}")
    if not any(folder.glob(f"lib/python3*/site-packages/flexmeasures-{VERSION}.dist-info")):
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
        _run(install, f"{wanted} cannot be installed")
    return python


def peer_answers(python: Path, site: StorageSite, *, back_end: str, repeat: int, timeout_s: float) -> dict[str, Any]:
    """Seconds of each run and its last objective, with what our arithmetic makes of its schedule.

    Raises:
        PeerError: the peer fails or takes longer than ``timeout_s``.
    """
    with tempfile.TemporaryDirectory(prefix="flexmeasures-") as folder:
        case, answer = Path(folder) / "case.json", Path(folder) / "answer.json"
        case.write_text(json.dumps(as_peer_case(site)), encoding="utf-8")
        command = [str(python), str(runner_file()), str(case), str(answer), back_end, str(repeat)]
        _run(command, f"FlexMeasures ({back_end}) gives no answer", timeout_s=timeout_s)
        said = json.loads(answer.read_text(encoding="utf-8"))
    last = said["runs"][-1]
    power_kw = np.array(last["power_kw"], dtype=np.float64)
    return {
        "times_s": [run["wall_s"] for run in said["runs"]],
        "status": last["status"],
        "objective_cny": last["objective_cny"],
        "arithmetic_cny": energy_cost_cny(site, power_kw),
        "problems": schedule_problems(site, power_kw),
    }


def _run(command: list[str], failure: str, *, timeout_s: float = INSTALL_TIMEOUT_S) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise PeerError(f"{failure}: {problem}") from problem
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise PeerError(f"{failure}: {last[0]}")
