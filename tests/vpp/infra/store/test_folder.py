"""The store folder on disk."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.vpp.domain.event_samples import EARLY
from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES, sample_fleet
from vpp.domain.errors import ConfigError
from vpp.domain.fleet import Fleet
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.domain.use_limits import UseTerms
from vpp.infra.store.folder import FlowForecast, StoreFolder

T0 = datetime(2026, 7, 19, 16, 0, tzinfo=UTC)


def test_create_new__keeps_the_earlier_store_under_the_next_number(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store")
    for content in ("first", "second"):
        folder.create_new()
        (folder.path / "ledger.sqlite").write_text(content)

    folder.create_new()

    assert (tmp_path / "store.1" / "ledger.sqlite").read_text() == "first"
    assert (tmp_path / "store.2" / "ledger.sqlite").read_text() == "second"
    assert not (folder.path / "ledger.sqlite").exists()


def test_require__names_the_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store: ledger.sqlite: expected a store folder with this file in it"):
        StoreFolder(tmp_path / "store").require()


def test_fleet__keeps_the_access_rounds(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store")
    folder.create()
    sites = [replace(site, access_round=number) for number, site in enumerate(SITES, start=1)]
    fleet = Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=sites, resources=RESOURCES)
    folder.save_setup(fleet, [], {}, EARLY)

    assert folder.fleet() == fleet


def test_fleet__keeps_a_contracts_limits_of_use_and_an_older_file_has_none(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store")
    folder.create()
    resources = [replace(RESOURCES[0], use=UseTerms(1, None, 20, 2.5)), *RESOURCES[1:]]
    fleet = Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=SITES, resources=resources)
    folder.save_setup(fleet, [], {}, EARLY)
    assert folder.fleet() == fleet

    file = folder.path / "fleet.json"
    parts = msgspec.json.decode(file.read_bytes())
    for resource in parts["resources"]:
        del resource["use"]
    file.write_bytes(msgspec.json.encode(parts))
    assert folder.fleet() == sample_fleet()


def test_fleet__an_older_file_knows_no_rounds_and_is_all_in_the_first(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store")
    folder.create()
    folder.save_setup(sample_fleet(), [], {}, EARLY)
    file = folder.path / "fleet.json"
    parts = msgspec.json.decode(file.read_bytes())
    for site in parts["sites"]:
        del site["access_round"]
    file.write_bytes(msgspec.json.encode(parts))

    assert folder.fleet() == sample_fleet()
    assert {site.access_round for site in folder.fleet().sites.values()} == {1}


@pytest.mark.parametrize(
    ("length", "offset", "expected"),
    [
        (96, 0, [0, 1]),
        (96, 95, [95, 0]),
        (96, 96 * 40 + 7, [7, 8]),
        (96, -1, [95, 0]),
        (192, 191, [191, 96]),
        (192, -96, [0, 1]),
        (120, 119, [119, 24]),
        (120, 120, [24, 25]),
        (120, 96 + 120, [24, 25]),
        (10, 96 + 9, [9, 9]),
    ],
)
def test_flow_forecast__repeats_by_time_of_day(length: int, offset: int, expected: list[int]) -> None:
    forecast = FlowForecast(T0, {"root": np.arange(float(length))})
    flows = asyncio.run(forecast.node_flow_kw(TimeGrid(T0 + offset * INTERVAL, 2)))
    assert flows["root"].tolist() == expected


def test_flow_forecast__tomorrow_at_this_time_is_as_today() -> None:
    forecast = FlowForecast(T0, {"root": np.random.default_rng(1).random(96)})
    today, later = (
        asyncio.run(forecast.node_flow_kw(TimeGrid(T0 + timedelta(days=days, hours=9), 96)))["root"] for days in (0, 3)
    )
    np.testing.assert_array_equal(today, later)
