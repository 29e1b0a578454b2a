"""How often each meter's energy register has rolled over, kept over a restart; one small file per gateway."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from vpp.domain.errors import StoreError

SAVE_EVERY_MIN = 15


class RolloverFile:
    """Written anew as a whole and put in place at once, so that a power cut leaves the old or the new one."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path

    def load(self) -> dict[str, tuple[int, float]]:
        """Turns and last raw value by meter; empty when there is no file.

        Raises:
            StoreError: the file is there and cannot be read.
        """
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(meter): (int(turns), float(raw)) for meter, (turns, raw) in content.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise StoreError(f"roll-over file {str(self._path)!r}: {error}") from error

    def save(self, known: Mapping[str, tuple[int, float]]) -> None:
        """Replaces the file.

        Raises:
            StoreError: it cannot be written.
        """
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump(known, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise StoreError(f"roll-over file {str(self._path)!r}: {error}") from error
