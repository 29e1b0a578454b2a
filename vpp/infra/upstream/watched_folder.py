"""A folder shared with a higher-level platform: calls come in as files, answers go out as files.

inbox/      where the platform puts calls, each written under a name ending in ``.part`` and then renamed
reading/    files claimed from the inbox, until what became of their calls is on disk
taken/      files whose calls were taken
rejected/   files that could not be read, each with a ``.reason`` beside it
outbox/     confirmations and response curves, complete from the moment they appear

Every step is one rename, so that a stop at any point loses nothing: what lies in ``reading/`` is read again, and the
ledger knows which of its calls were taken.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import ParamSpec, TypeVar

from vpp.domain.errors import InputError, UpstreamError
from vpp.domain.upstream import Confirmation, Delivery, ResponseCurve
from vpp.infra.upstream.call_files import LARGEST_FILE_BYTES, read_calls
from vpp.infra.upstream.outbox_files import confirmation_files, curve_files
from vpp.ports import Metrics, Workers

P = ParamSpec("P")
R = TypeVar("R")
LONGEST_NAME_BYTES = 200
UNFINISHED = (".part", ".tmp")


class WatchedFolder:
    """Implements ``Upstream`` over a folder; one controller per folder."""

    def __init__(self, path: Path, name: str, workers: Workers, metrics: Metrics) -> None:
        """Uses ``path``, which is made at the first call; files are read and written by ``workers``."""
        self._path = path
        self._name = name
        self._workers = workers
        self._metrics = metrics

    @property
    def name(self) -> str:
        """What this connection is called in facts."""
        return self._name

    async def receive(self) -> Sequence[Delivery]:
        """Claims what lies in the inbox and reads all that is claimed; unreadable files are put aside with a reason."""
        return await self._do(self._receive)

    async def take(self, delivery: Delivery) -> None:
        """Moves the delivery's file to ``taken/``."""
        await self._do(self._put_aside, self._path / "reading" / delivery.ref, "taken")

    async def confirm(self, confirmation: Confirmation) -> None:
        """Writes the confirmation, in place of an equal one."""
        await self._do(self._write_out, confirmation_files(confirmation))

    async def report(self, curve: ResponseCurve) -> None:
        """Writes the curve, in place of one of that name."""
        await self._do(self._write_out, curve_files(curve))

    async def _do(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await self._workers.run(function, *args, **kwargs)
        except OSError as error:
            raise UpstreamError(f"upstream folder {self._path}: {error.strerror} ({error.filename})") from error

    def _receive(self) -> list[Delivery]:
        self._make()
        for file in self._waiting():
            self._move(file, _free(self._path / "reading" / _kept_name(file.name)))
        deliveries: list[Delivery] = []
        for file in sorted((self._path / "reading").iterdir()):
            try:
                deliveries.append(Delivery(ref=file.name, calls=read_calls(file.name, _content(file))))
            except InputError as error:
                self._reject(file, str(error))
            except Exception as error:  # noqa: BLE001 - whatever a file does to its reader, the others are read
                told = (error.strerror if isinstance(error, OSError) else "") or str(error)
                self._reject(file, f"cannot be read: {type(error).__name__}: {told}")
        return deliveries

    def _make(self) -> None:
        for part in ("inbox", "reading", "taken", "rejected", "outbox"):
            (self._path / part).mkdir(parents=True, exist_ok=True)

    def _waiting(self) -> Iterator[Path]:
        """Finished files of the inbox, by name."""
        for file in sorted((self._path / "inbox").iterdir()):
            if not file.name.startswith(".") and not file.name.lower().endswith(UNFINISHED):
                yield file

    def _reject(self, file: Path, reason: str) -> None:
        """The reason is there before the file is, so that neither is ever without the other for long."""
        target = _free(self._path / "rejected" / file.name)
        self._write(target.with_name(target.name + ".reason"), f"{reason}\n".encode(errors="backslashreplace"))
        self._move(file, target)
        self._metrics.count("upstream_files_rejected")
        self._metrics.note("upstream: file rejected", upstream=self._name, file=str(target), reason=reason)

    def _put_aside(self, file: Path, folder: str) -> None:
        if file.exists():
            self._move(file, _free(self._path / folder / file.name))

    def _write_out(self, files: dict[str, bytes]) -> None:
        self._make()
        for name, content in files.items():
            self._write(self._path / "outbox" / name, content)

    def _write(self, target: Path, content: bytes) -> None:
        """Whole or not at all: written under another name, synced, then renamed."""
        part = target.with_name(f".{target.name}.part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._move(part, target)

    @staticmethod
    def _move(source: Path, target: Path) -> None:
        source.replace(target)
        for folder in {source.parent, target.parent}:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _content(file: Path) -> bytes:
    """The bytes of a regular file that is not too large; a link could point anywhere."""
    about = file.lstat()
    if not stat.S_ISREG(about.st_mode):
        raise InputError("not a regular file")
    if about.st_size > LARGEST_FILE_BYTES:
        raise InputError(f"has {about.st_size} bytes; {LARGEST_FILE_BYTES} are allowed")
    return file.read_bytes()


def _kept_name(name: str) -> str:
    """``name``, or a shorter one for a name that would leave no room for an ending."""
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()[:32] + Path(name).suffix[:8]


def _free(path: Path) -> Path:
    """``path``, or the same with the first number that is free, so that no file is ever written over."""
    if not _taken(path):
        return path
    return next(p for number in count(1) if not _taken(p := path.with_name(f"{path.stem}.{number}{path.suffix}")))


def _taken(path: Path) -> bool:
    return os.path.lexists(path)
