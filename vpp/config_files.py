"""Where the files of ``configs/`` are: in a checkout, or beside the code of an installed wheel."""

from pathlib import Path

from vpp.domain.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def config_root(package: Path = _PACKAGE) -> Path:
    """The folder that holds ``districts``, ``programs``, ``scenarios`` and ``wire``.

    Args:
        package: Folder of the ``vpp`` package.

    Raises:
        ConfigError: neither ``vpp/_configs`` (a wheel) nor ``configs`` next to ``vpp`` (a checkout) exists.
    """
    candidates = (package / "_configs", package.parent / "configs")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    places = " nor ".join(str(candidate) for candidate in candidates)
    raise ConfigError(str(package), "", f"neither {places} exists: the installation is incomplete")
