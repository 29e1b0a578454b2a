"""The store folder on disk."""

from pathlib import Path

import pytest

from vpp.domain.errors import ConfigError
from vpp.infra.store.folder import StoreFolder


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
