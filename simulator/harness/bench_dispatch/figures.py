"""Medians, growth, and what the machine is: plain arithmetic of the benchmark."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

PACKAGES = ("highspy", "numba", "numpy", "pyomo", "scipy")
KIB = 1024


def growth_exponent(times_s: Mapping[int, Sequence[float]]) -> float:
    """Slope of log time against log size by least squares over the medians; ``nan`` for fewer than two sizes."""
    sizes = sorted(times_s)
    if len(sizes) < 2:  # noqa: PLR2004 - a line needs two points
        return float("nan")
    slope, _ = np.polyfit(np.log(sizes), np.log([median(times_s[size]) for size in sizes]), 1)
    return float(slope)


def machine_facts() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / KIB**3, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
