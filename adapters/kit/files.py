"""Reads the YAML files of the gateway process, and says precisely what is wrong with them."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from vpp.domain.errors import ConfigError

M = TypeVar("M", bound="FileModel")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML where it is there: a district's file has a hundred thousand numbers."""


class FileModel(BaseModel):
    """Base of everything read from such a file: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def read_yaml(path: Path, model: type[M]) -> M:
    """The file's content as ``model``.

    Raises:
        ConfigError: unreadable, not YAML, or not what the model expects; names file, dotted key, and what was found.
    """
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", "is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "", f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(str(path), "", f"expected a mapping of keys, got {type(content).__name__}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _config_error(path, error) from error


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    faults = error.errors(include_url=False)
    first = faults[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    match first["type"]:
        case "missing":
            expected = "is missing"
        case "extra_forbidden":
            expected = "is not a known key"
        case "value_error":
            expected = str(first["ctx"]["error"])
        case _:
            expected = f"{first['msg']}, got {first['input']!r:.80}"
    if len(faults) > 1:
        expected += f"; {len(faults) - 1} more faults"
    return ConfigError(str(path), key, expected)
