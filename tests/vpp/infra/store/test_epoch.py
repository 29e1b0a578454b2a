"""The epoch file: rises, survives, and is never guessed."""

from pathlib import Path

import pytest

from vpp.domain.errors import StoreError
from vpp.infra.store.epoch import next_epoch


def test_next_epoch__rises_from_one(tmp_path: Path) -> None:
    path = tmp_path / "state" / "epoch"
    assert [next_epoch(path) for _ in range(3)] == [1, 2, 3]
    assert path.read_text() == "3\n"
    assert [file.name for file in path.parent.iterdir()] == ["epoch"]


@pytest.mark.parametrize("text", ["", "-1", "two", "1.5"])
def test_next_epoch__damaged_file_is_not_guessed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "epoch"
    path.write_text(text)
    with pytest.raises(StoreError, match=rf"epoch file .*epoch holds '{text}', expected a whole number >= 0"):
        next_epoch(path)
    assert path.read_text() == text


def test_next_epoch__unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    with pytest.raises(StoreError, match=r"epoch file .*file/epoch"):
        next_epoch(tmp_path / "file" / "epoch")
