"""The devices' memory on disk: what was written to them, and what they carried over the last midnight.

``day-N.npz``        state at the start of day N (none for day 0)
``controls-N.bin``   every change of a setpoint, release or local switch since then, with its minute
``identity.json``    whose memory this is; locked while a process uses it

A change is on disk before it is acknowledged. A start reads the latest day and lives through it again, so that
killing the process makes no difference to the devices. At midnight the new day's state replaces everything older.
"""

import asyncio
import fcntl
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from simulator.protocols.errors import StateError

_RECORD = struct.Struct("<IIBBi")
_CHECK = struct.Struct("<I")
_LENGTH = _RECORD.size + _CHECK.size


@dataclass(frozen=True, slots=True)
class Control:
    """What a device was told, as a whole, in effect after ``minute``.

    Attributes:
        minute: Minutes since 1970 that the devices had lived.
        row: In the district's device table.
    """

    minute: int
    row: int
    enabled: bool
    local: bool
    setpoint_w: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a start finds: the latest day, what was carried into it (``None`` on day 0), and the changes since."""

    day_number: int
    state: Mapping[str, NDArray[Any]] | None
    controls: tuple[Control, ...]


class DeviceJournal:
    """One process's hold on the devices' memory."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Takes the folder, making it when it is not there.

        Raises:
            StateError: it cannot be made, another process uses it, or it belongs to other devices.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = (folder / "identity.json").open("a+", encoding="utf-8")
        except OSError as error:
            raise StateError(f"{folder}: the devices' memory cannot be kept there ({error.strerror})") from error
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise StateError(f"{folder}: another process serves these devices already") from error
        try:
            self._check_identity(identity)
            self._number = max((int(path.stem[4:]) for path in folder.glob("day-*.npz")), default=0)
            self._file = self._open(self._number)
        except BaseException:
            self._lock_file.close()
            raise
        self._retired: list[IO[bytes]] = []
        self._written = self._synced = 0
        self._syncing = asyncio.Lock()

    def _check_identity(self, identity: Mapping[str, Any]) -> None:
        self._lock_file.seek(0)
        found = self._lock_file.read()
        wanted = json.dumps(identity, sort_keys=True)
        if not found:
            self._lock_file.write(wanted)
            self._lock_file.flush()
            os.fsync(self._lock_file.fileno())
            return
        try:
            known = json.loads(found)
        except ValueError as error:
            raise StateError(f"{self._folder / 'identity.json'}: damaged; remove the folder to begin anew") from error
        for key, value in identity.items():
            if known.get(key) != value:
                raise StateError(
                    f"{self._folder}: holds the memory of devices with {key} {known.get(key)!r}, not {value!r}; "
                    "name another folder, or remove it to begin anew"
                )

    def remembered(self) -> Remembered:
        """What was on disk when the folder was taken.

        Raises:
            StateError: the day's state cannot be read.
        """
        path = self._day_path(self._number)
        state = None
        if self._number > 0:
            try:
                with np.load(path, allow_pickle=False) as archive:
                    state = {name: archive[name] for name in archive.files}
            except (OSError, ValueError) as error:
                raise StateError(f"{path}: the devices' state cannot be read ({error})") from error
        return Remembered(self._number, state, tuple(self._read_controls()))

    def _read_controls(self) -> list[Control]:
        """Whole records from the file's start; a torn one ends the file, and is cut off."""
        content = self._controls_path(self._number).read_bytes()
        found: list[Control] = []
        good = 0
        while good + _LENGTH <= len(content):
            record = content[good : good + _RECORD.size]
            (check,) = _CHECK.unpack_from(content, good + _RECORD.size)
            if check != zlib.crc32(record):
                break
            minute, row, enabled, local, setpoint_w = _RECORD.unpack(record)
            found.append(Control(minute, row, bool(enabled), bool(local), setpoint_w))
            good += _LENGTH
        if good < len(content):
            self._file.truncate(good)
        return found

    def append(self, controls: Sequence[Control]) -> None:
        """Notes changes in order; they are safe once ``commit`` has returned."""
        for control in controls:
            record = _RECORD.pack(control.minute, control.row, control.enabled, control.local, control.setpoint_w)
            self._file.write(record + _CHECK.pack(zlib.crc32(record)))
            self._written += 1

    async def commit(self) -> None:
        """Returns once all that has been appended so far is on disk; callers that wait together share one sync."""
        wanted = self._written
        async with self._syncing:
            if self._synced >= wanted:
                return
            upto, file = self._written, self._file
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
            self._synced = max(self._synced, upto)
            self._close_retired()

    def begin_day(self, number: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Puts the state at a midnight on disk and forgets what was before it."""
        self._sync_now()
        path = self._day_path(number)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **state)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        self._sync_folder()
        # A sync of the old file may be under way in another thread: it is closed when nobody can be using it.
        self._retired.append(self._file)
        old, self._number = self._number, number
        self._file = self._open(number)
        self._controls_path(old).unlink(missing_ok=True)
        self._day_path(old).unlink(missing_ok=True)
        if not self._syncing.locked():
            self._close_retired()

    def close(self) -> None:
        """Syncs and lets go of the folder."""
        self._sync_now()
        self._close_retired()
        self._file.close()
        self._lock_file.close()

    def _sync_now(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = self._written

    def _close_retired(self) -> None:
        for file in self._retired:
            file.close()
        self._retired.clear()

    def _open(self, number: int) -> IO[bytes]:
        path = self._controls_path(number)
        try:
            file = path.open("ab")
        except OSError as error:
            raise StateError(f"{path}: the devices' memory cannot be kept there ({error.strerror})") from error
        self._sync_folder()
        return file

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _day_path(self, number: int) -> Path:
        return self._folder / f"day-{number}.npz"

    def _controls_path(self, number: int) -> Path:
        return self._folder / f"controls-{number}.bin"
