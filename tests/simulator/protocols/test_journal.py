import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simulator.protocols.errors import StateError
from simulator.protocols.journal import Control, DeviceJournal

IDENTITY = {"scenario": "quick", "seed": 1}
FIRST = Control(minute=29_745_660, row=7, enabled=True, local=False, setpoint_w=-40_000)
SECOND = Control(minute=29_745_661, row=7, enabled=False, local=True, setpoint_w=0)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[DeviceJournal]:
    opened = DeviceJournal(tmp_path / "state", IDENTITY)
    yield opened
    opened.close()


def reopened(journal: DeviceJournal) -> DeviceJournal:
    journal.close()
    return DeviceJournal(journal._folder, IDENTITY)


async def test_remembered__gives_committed_changes_in_order(tmp_path: Path) -> None:
    journal = DeviceJournal(tmp_path, IDENTITY)
    journal.append([FIRST])
    await journal.commit()
    journal.append([SECOND])
    again = reopened(journal)

    found = again.remembered()
    again.close()

    assert found.day_number == 0
    assert found.state is None
    assert found.controls == (FIRST, SECOND)


async def test_commit__callers_that_wait_together_are_all_on_disk(journal: DeviceJournal, tmp_path: Path) -> None:
    async def one(row: int) -> None:
        journal.append([Control(1, row, enabled=True, local=False, setpoint_w=row)])
        await journal.commit()

    async with asyncio.TaskGroup() as group:
        for row in range(50):
            group.create_task(one(row))

    assert (tmp_path / "state" / "controls-0.bin").stat().st_size == 50 * 18


@pytest.mark.parametrize("torn", [b"\x01", b"\x00" * 18])
def test_remembered__a_torn_end_is_cut_off_and_written_over(tmp_path: Path, torn: bytes) -> None:
    journal = DeviceJournal(tmp_path, IDENTITY)
    journal.append([FIRST])
    journal.close()
    with (tmp_path / "controls-0.bin").open("ab") as file:
        file.write(torn)

    again = DeviceJournal(tmp_path, IDENTITY)
    assert again.remembered().controls == (FIRST,)
    again.append([SECOND])
    third = reopened(again)
    found = third.remembered()
    third.close()

    assert found.controls == (FIRST, SECOND)


def test_begin_day__replaces_all_that_was_before(tmp_path: Path) -> None:
    journal = DeviceJournal(tmp_path, IDENTITY)
    journal.append([FIRST])
    for number in (1, 2):
        journal.begin_day(number, {"limit_kw": np.array([1.0, np.inf]) * number})
    journal.append([SECOND])
    again = reopened(journal)

    found = again.remembered()
    again.close()

    assert found.day_number == 2
    assert found.state is not None
    np.testing.assert_array_equal(found.state["limit_kw"], [2.0, np.inf])
    assert found.controls == (SECOND,)
    assert {path.name for path in tmp_path.iterdir()} == {"identity.json", "day-2.npz", "controls-2.bin"}


def test_device_journal__a_second_process_is_refused(journal: DeviceJournal, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"state: another process serves these devices already"):
        DeviceJournal(tmp_path / "state", IDENTITY)
    assert journal.remembered().controls == ()


def test_device_journal__the_memory_of_other_devices_is_refused(tmp_path: Path) -> None:
    DeviceJournal(tmp_path, IDENTITY).close()

    with pytest.raises(StateError, match=r"devices with seed 1, not 2; name another folder, or remove it"):
        DeviceJournal(tmp_path, {"scenario": "quick", "seed": 2})


def test_device_journal__a_damaged_identity_is_refused(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{")

    with pytest.raises(StateError, match=r"identity\.json: damaged; remove the folder to begin anew"):
        DeviceJournal(tmp_path, IDENTITY)


def test_device_journal__a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match=r"file/state: the devices' memory cannot be kept there \(Not a directory\)"):
        DeviceJournal(tmp_path / "file" / "state", IDENTITY)


def test_remembered__a_damaged_day_is_refused(tmp_path: Path) -> None:
    (tmp_path / "day-3.npz").write_bytes(b"no archive")
    journal = DeviceJournal(tmp_path, IDENTITY)

    with pytest.raises(StateError, match=r"day-3\.npz: the devices' state cannot be read"):
        journal.remembered()
    journal.close()
