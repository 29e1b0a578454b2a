from pathlib import Path

import pytest

from simulator.files import FileModel, ScenarioFileError, read_model


class Sample(FileModel):
    size_kw: float
    name: str = ""


def written(folder: Path, text: str) -> Path:
    path = folder / "sample.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_read_model__reads(tmp_path: Path) -> None:
    assert read_model(written(tmp_path, "size_kw: 3\nname: 北辰\n"), Sample) == Sample(size_kw=3.0, name="北辰")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("size_kw: many\n", "size_kw", "valid number"),
        ("size_kw: .nan\n", "size_kw", "finite number"),
        ("name: x\n", "size_kw", "Field required"),
        ("size_kw: 1\ncolour: red\n", "colour", "Extra inputs are not permitted"),
        ("- 1\n", "", "expected a mapping of keys, found list"),
        ("a: [\n", "", "is not YAML"),
    ],
)
def test_read_model__names_file_key_and_expectation(tmp_path: Path, text: str, key: str, words: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ScenarioFileError) as caught:
        read_model(path, Sample)

    assert caught.value.file == str(path)
    assert caught.value.key == key
    assert words in caught.value.expected
    assert str(caught.value).startswith(f"{path}: ")


def test_read_model__lists_further_faults(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match="1 more: colour"):
        read_model(written(tmp_path, "size_kw: x\ncolour: red\n"), Sample)


def test_read_model__missing_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match=r"nothing\.yaml: cannot be read \(No such file or directory\)"):
        read_model(tmp_path / "nothing.yaml", Sample)


def test_read_model__not_text(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ScenarioFileError, match="is not UTF-8 text"):
        read_model(path, Sample)
