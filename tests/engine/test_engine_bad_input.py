"""Bad models and full disks: errors that name file, cause and remedy, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import write_tiny

from engine.checkpoint import Checkpoint
from engine.config import read_config
from engine.errors import DamagedModel, EngineError, ModelError, PackingFailed, UnsupportedModel
from engine.info import inspect_model
from engine.packed import PackedModel
from engine.packed_notes import NOTES, WEIGHTS
from engine.packer import pack_folder
from engine.planner import plan
from engine.safetensors_file import Writer, read_header
from engine.tensors import Widths, gather

QUIET: Callable[[str, int, int], None] = lambda *_: None  # noqa: E731


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A published model in shards, to be damaged."""
    write_tiny(tmp_path / "model", "e2b")
    return tmp_path / "model"


@pytest.fixture
def packed(model: Path) -> Path:
    """A packed model, to be damaged."""
    pack_folder(model, model.with_name("packed"), Widths(), QUIET)
    return model.with_name("packed")


def load(folder: Path) -> None:
    """Reads all of a published model."""
    gather(read_config(folder), Checkpoint(folder), Widths())


def open_packed(folder: Path) -> None:
    gather(read_config(folder), PackedModel(folder), Widths())


def shard(folder: Path, number: int = 1) -> Path:
    return sorted(folder.glob("model-*.safetensors"))[number]


def change_shard(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    path = shard(folder)
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return path


def change_json(path: Path, **settings: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, **settings}), encoding="utf-8")


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def no_config(folder: Path) -> Path:
    (folder / "config.json").unlink()
    return folder / "config.json"


def config_cut_short(folder: Path) -> Path:
    cut(folder / "config.json", 50)
    return folder / "config.json"


def config_without_a_setting(folder: Path) -> Path:
    path = folder / "config.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["hidden_size"]
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def shard_cut_short(folder: Path) -> Path:
    cut(shard(folder), shard(folder).stat().st_size - 1)
    return shard(folder)


def header_cut_short(folder: Path) -> Path:
    cut(shard(folder), 30)
    return shard(folder)


def shard_empty(folder: Path) -> Path:
    cut(shard(folder), 0)
    return shard(folder)


def shard_missing(folder: Path) -> Path:
    path = shard(folder)
    path.unlink()
    return path


def shard_is_something_else(folder: Path) -> Path:
    shard(folder).write_bytes(b"<!DOCTYPE html>" * 100)
    return shard(folder)


def header_lies(folder: Path) -> Path:
    """A shape that the bytes do not make up."""
    path = shard(folder)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    next(entry for name, entry in header.items() if name != "__metadata__")["shape"][0] += 1
    text = json.dumps(header).encode().ljust(length)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return path


def tensor_missing_in_its_shard(folder: Path) -> Path:
    return change_shard(folder, lambda tensors: tensors.popitem() and None)


def tensor_missing_everywhere(folder: Path) -> Path:
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text(encoding="utf-8"))
    del listed["weight_map"]["model.layers.4.mlp.up_proj.weight"]
    index.write_text(json.dumps(listed), encoding="utf-8")
    return folder


def wrong_shape(folder: Path) -> Path:
    def widen(tensors: dict[str, torch.Tensor]) -> None:
        for name, tensor in tensors.items():
            tensors[name] = torch.cat([tensor, tensor])

    return change_shard(folder, widen)


def index_is_no_index(folder: Path) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text("[]", encoding="utf-8")
    return path


DAMAGES = [
    no_config,
    config_cut_short,
    config_without_a_setting,
    shard_cut_short,
    header_cut_short,
    shard_empty,
    shard_missing,
    shard_is_something_else,
    header_lies,
    tensor_missing_in_its_shard,
    tensor_missing_everywhere,
    wrong_shape,
    index_is_no_index,
]


def assert_told(error: EngineError, subject: Path) -> None:
    assert error.subject == str(subject)
    for sentence in (error.cause, error.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused(model: Path, damage: Callable[[Path], Path]) -> None:
    subject = damage(model)
    with pytest.raises(DamagedModel) as caught:
        load(model)
    assert_told(caught.value, subject)


@pytest.mark.parametrize("damage", DAMAGES)
def test_packing_a_damaged_model_leaves_nothing(
    model: Path, damage: Callable[[Path], Path]
) -> None:
    subject = damage(model)
    with pytest.raises(DamagedModel) as caught:
        pack_folder(model, model.with_name("packed"), Widths(), QUIET)
    assert_told(caught.value, subject)
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_the_missing_tensor_is_named(model: Path) -> None:
    tensor_missing_everywhere(model)
    with pytest.raises(DamagedModel, match=r"model\.layers\.4\.mlp\.up_proj\.weight is missing"):
        load(model)


def test_both_shapes_are_named(model: Path) -> None:
    wrong_shape(model)
    with pytest.raises(DamagedModel, match=r"has the shape \[\d+.*\], not \[\d+"):
        load(model)


def test_another_architecture_is_refused(model: Path) -> None:
    change_json(model / "config.json", model_type="llama")
    for use in (load, plan, inspect_model):
        with pytest.raises(UnsupportedModel, match="The architecture is llama") as caught:
            use(model)
        assert_told(caught.value, model / "config.json")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickle_files_are_refused(tmp_path: Path, model: Path, name: str) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_bytes((model / "config.json").read_bytes())
    (folder / name).write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(UnsupportedModel, match="can run code") as caught:
        load(folder)
    assert_told(caught.value, folder / name)


def test_a_folder_without_weights_is_refused(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "config.json").write_bytes((model / "config.json").read_bytes())
    with pytest.raises(DamagedModel, match="no safetensors files") as caught:
        load(folder)
    assert_told(caught.value, folder)


def test_rounded_tensors_of_another_kind_are_refused(model: Path) -> None:
    def rounded(tensors: dict[str, torch.Tensor]) -> None:
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(torch.float8_e4m3fn)

    path = change_shard(model, rounded)
    with pytest.raises(UnsupportedModel, match="F8_E4M3") as caught:
        load(model)
    assert_told(caught.value, path)


@pytest.mark.parametrize("size", [0, 5, 1000, -1])
def test_a_packed_file_cut_short_is_refused(packed: Path, size: int) -> None:
    path = packed / WEIGHTS
    cut(path, size if size >= 0 else path.stat().st_size + size)
    for use in (open_packed, plan, inspect_model):
        with pytest.raises(DamagedModel) as caught:
            use(packed)
        assert_told(caught.value, path)


def test_a_newer_packed_form_is_refused(packed: Path) -> None:
    change_json(packed / NOTES, format=2)
    for use in (open_packed, plan, inspect_model):
        with pytest.raises(UnsupportedModel, match="newer version") as caught:
            use(packed)
        assert_told(caught.value, packed / NOTES)


@pytest.mark.parametrize("notes", ["", "[]", '{"format": 1}', '{"format": 1, "layers": 5}'])
def test_unreadable_notes_are_refused(packed: Path, notes: str) -> None:
    (packed / NOTES).write_text(notes, encoding="utf-8")
    with pytest.raises(DamagedModel) as caught:
        open_packed(packed)
    assert_told(caught.value, packed / NOTES)


@pytest.mark.parametrize(
    "missing", ["norm.weight", "layers.2.down.data", "layers.2.down.scales", "embed_tokens.data"]
)
def test_a_tensor_missing_in_the_packed_file_is_named(packed: Path, missing: str) -> None:
    tensors = load_file(packed / WEIGHTS)
    del tensors[missing]
    save_file(tensors, packed / WEIGHTS)
    with pytest.raises(DamagedModel, match=f"{missing} is missing") as caught:
        open_packed(packed)
    assert_told(caught.value, packed / WEIGHTS)


def test_a_packed_file_of_another_model_is_refused(packed: Path) -> None:
    change_json(packed / "config.json", intermediate_size=128)
    with pytest.raises(DamagedModel, match=r"layers\.0\.gate_up\.data is \[12, 8, 64\]") as caught:
        open_packed(packed)
    assert_told(caught.value, packed / WEIGHTS)


def test_what_is_packed_already_is_not_packed_again(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="packed already"):
        pack_folder(packed, tmp_path / "again", Widths(), QUIET)
    assert not (tmp_path / "again").exists()


def test_nothing_is_written_over(model: Path, packed: Path) -> None:
    before = (packed / WEIGHTS).read_bytes()
    with pytest.raises(PackingFailed, match="there already"):
        pack_folder(model, packed, Widths(8, 8), QUIET)
    assert (packed / WEIGHTS).read_bytes() == before
    with pytest.raises(PackingFailed, match="folder above is missing"):
        pack_folder(model, packed / "no" / "folder", Widths(), QUIET)


def test_too_little_room_is_said_before_anything_is_written(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    heard: list[str] = []
    with pytest.raises(PackingFailed, match=r"takes 0\.0 GB, and the disk has 0\.0 GB") as caught:
        pack_folder(model, model.with_name("packed"), Widths(), lambda name, *_: heard.append(name))
    assert_told(caught.value, model.with_name("packed"))
    assert not heard
    assert [path.name for path in model.parent.iterdir()] == ["model"]


class _FullDisk:
    """A file that takes so many bytes and no more."""

    def __init__(self, file: IO[bytes], room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: memoryview) -> None:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(28, "No space left on device")
        self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 10_000, 300_000])
def test_a_disk_that_fills_up_leaves_nothing(
    model: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    begin = Writer.__init__

    def on_full_disk(self: Writer, *arguments: Any) -> None:
        begin(self, *arguments)
        self._file = _FullDisk(self._file, room)  # type: ignore[assignment]

    monkeypatch.setattr(Writer, "__init__", on_full_disk)
    with pytest.raises(PackingFailed, match="No space left on device") as caught:
        pack_folder(model, model.with_name("packed"), Widths(), QUIET)
    assert_told(caught.value, model.with_name("packed"))
    assert [path.name for path in model.parent.iterdir()] == ["model"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from engine.packer import pack_folder
from engine.widths import Widths
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
pack_folder(Path(sys.argv[1]), Path(sys.argv[2]), Widths(), lambda *_: None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_limit_of_the_system_leaves_nothing(model: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(model), str(model.with_name("packed"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert "PackingFailed" in result.stderr
    assert "File too large" in result.stderr
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_any_header_is_read_or_refused(tmp_path: Path) -> None:
    """Every byte of a small file changed, every length: no other error, no endless memory."""
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3), "b": torch.ones(2, 2)}, path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                entries, _ = read_header(path)
            except ModelError:
                continue
            assert all(e.first + e.nbytes <= len(damaged) for e in entries.values())
