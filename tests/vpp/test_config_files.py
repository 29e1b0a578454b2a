from pathlib import Path

import pytest

from vpp.config_files import config_root
from vpp.domain.errors import ConfigError


def test_config_root__checkout_holds_wire_schemas() -> None:
    assert (config_root() / "wire" / "v1" / "command.schema.json").is_file()


def test_config_root__wheel_prefers_its_own_copy(tmp_path: Path) -> None:
    package = tmp_path / "vpp"
    (package / "_configs").mkdir(parents=True)
    (tmp_path / "configs").mkdir()

    assert config_root(package) == package / "_configs"


def test_config_root__incomplete_installation_names_both_places(tmp_path: Path) -> None:
    package = tmp_path / "vpp"

    with pytest.raises(ConfigError) as caught:
        config_root(package)

    assert str(caught.value) == (
        f"{package}: neither {package}/_configs nor {tmp_path}/configs exists: the installation is incomplete"
    )
