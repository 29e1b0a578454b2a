"""A store folder as it is before the first start."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.config_files import config_root
from vpp.infra.store.folder import StoreFolder


def set_up_store(path: Path) -> Path:
    """Writes the sample fleet, the shipped programmes and a flow forecast; gives the folder."""
    folder = StoreFolder(path)
    folder.create()
    programs = sorted((config_root() / "programs").glob("*.yaml"))
    flow = {"root": np.full(96, 500.0), "line": np.full(96, 100.0)}
    folder.save_setup(sample_fleet(), programs, flow, datetime(2026, 7, 19, 16, tzinfo=UTC))
    return path
