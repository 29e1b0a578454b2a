"""The controller's epoch: a number that rises at every start and lives outside the databases and their backups.

A restored database must not bring an old epoch back: gateways ignore commands of an epoch lower than the last they saw.
"""

import os
from pathlib import Path

from vpp.domain.errors import StoreError


def next_epoch(path: Path) -> int:
    """One more than the epoch in ``path`` (1 where there is no file yet), durable there before it is returned.

    Raises:
        StoreError: the file holds no whole number >= 0, or cannot be read or written.
    """
    try:
        text = path.read_text("ascii").strip() if path.exists() else "0"
        if not text.isdecimal():
            raise StoreError(f"epoch file {path} holds {text!r}, expected a whole number >= 0; restore it by hand")
        epoch = int(text) + 1
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, f"{epoch}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"epoch file {path}: {error}") from error
    return epoch


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
