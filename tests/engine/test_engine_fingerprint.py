"""The fingerprint of a model: what changes it, what does not, and what it says of missing files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import write_tiny

from engine.errors import DamagedModel, UnsupportedModel
from engine.fingerprint import fingerprint

MIB = 1 << 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fingerprint") / "model"
    write_tiny(folder, "gemma3")
    return folder


def _weights(folder: Path) -> Path:
    return sorted(folder.glob("*.safetensors"))[-1]


def _other_settings(folder: Path) -> None:
    with (folder / "config.json").open("a") as file:
        file.write(" ")


def _other_weights(folder: Path) -> None:
    path = _weights(folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _longer_weights(folder: Path) -> None:
    with _weights(folder).open("ab") as file:
        file.write(b"\0")


def _one_file_less(folder: Path) -> None:
    _weights(folder).unlink()


def _swapped_files(folder: Path) -> None:
    one, *_, other = sorted(folder.glob("*.safetensors"))
    one.rename(folder / "aside")
    other.rename(one)
    (folder / "aside").rename(other)


def _packed(folder: Path) -> None:
    (folder / "muniment.json").write_text("{}")


def test_a_copy_is_the_same_model(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "under another name"
    shutil.copytree(model, copy)
    (copy / "muniment-kv.json").write_text("{}")
    (copy / "README.md").write_text("Read me.")
    assert fingerprint(copy) == fingerprint(model)
    assert len(bytes.fromhex(fingerprint(model))) == 32


@pytest.mark.parametrize(
    "change",
    [_other_settings, _other_weights, _longer_weights, _one_file_less, _swapped_files, _packed],
)
def test_another_model_is_told_apart(
    model: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    change(copy)
    assert fingerprint(copy) != fingerprint(model)


def test_a_large_file_is_sampled_from_its_first_to_its_last_byte(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(64 * MIB)
    first = fingerprint(path)
    # A hundredth of the file, wherever it lies, and the last bytes.
    for place, size in ((MIB, 1), (40 * MIB, 64 * MIB // 100), (64 * MIB - 1, 1)):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"\1" * size)
        second = fingerprint(path)
        assert second != first
        first = second
    path.rename(tmp_path / "renamed.gguf")
    assert fingerprint(tmp_path / "renamed.gguf") == first


def test_a_split_file_counts_with_all_of_its_parts(tmp_path: Path) -> None:
    for part in (1, 2):
        (tmp_path / f"model-{part:05}-of-00002.gguf").write_bytes(b"GGUF" + bytes([part]) * 99)
    first = fingerprint(tmp_path / "model-00001-of-00002.gguf")
    (tmp_path / "model-00002-of-00002.gguf").write_bytes(b"GGUF" + bytes(99))
    assert fingerprint(tmp_path / "model-00001-of-00002.gguf") != first
    (tmp_path / "model-00002-of-00002.gguf").unlink()
    with pytest.raises(DamagedModel, match=r"00002-of-00002\.gguf: The file is missing"):
        fingerprint(tmp_path / "model-00001-of-00002.gguf")


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(DamagedModel, match="no such model"):
        fingerprint(tmp_path / "none")
    with pytest.raises(DamagedModel, match=r"config\.json: The file is missing"):
        fingerprint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DamagedModel, match="no safetensors files"):
        fingerprint(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(UnsupportedModel, match="pickle"):
        fingerprint(tmp_path)
    (tmp_path / "tiny.gguf").write_bytes(b"GG")
    assert fingerprint(tmp_path / "tiny.gguf")


def test_it_loads_no_torch() -> None:
    code = "import sys, engine.fingerprint, engine.kv_table; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
