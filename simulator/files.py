"""Reads the YAML files that people write, and says precisely what is wrong with them."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

M = TypeVar("M", bound="FileModel")


class ScenarioFileError(Exception):
    """A district or scenario file is wrong.

    Attributes:
        file: Path as given.
        key: Dotted path of the key; empty when the file as a whole is unreadable.
        expected: What should have stood there.
    """

    def __init__(self, file: str, key: str, expected: str) -> None:
        self.file = file
        self.key = key
        self.expected = expected
        super().__init__(f"{file}: {key}: {expected}" if key else f"{file}: {expected}")


class FileModel(BaseModel):
    """Base of everything read from such a file: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def read_model(path: Path, model: type[M]) -> M:
    """The file's content as ``model``.

    Raises:
        ScenarioFileError: unreadable, not YAML, or not what the model expects; all faults are listed, the first names
            the key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioFileError(str(path), "", f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ScenarioFileError(str(path), "", "is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ScenarioFileError(str(path), "", f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ScenarioFileError(str(path), "", f"expected a mapping of keys, found {type(content).__name__}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        first = faults[0]
        expected = f"{first['msg']} (found {first['input']!r:.80})"
        if len(faults) > 1:
            more = ", ".join(".".join(map(str, fault["loc"])) for fault in faults[1:6])
            expected += f"; {len(faults) - 1} more: {more}"
        raise ScenarioFileError(str(path), ".".join(map(str, first["loc"])), expected) from error
