"""Writes the packed form of a published checkpoint (:mod:`engine.packed`), matrix after matrix.

What has to be written is what :func:`engine.tensors.gather` asks for, so that both stay the same.
The folder appears under its name when it is whole and on the disk; until then it is a hidden one
beside it, which no failure leaves behind.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.checkpoint import Checkpoint, read_bytes
from engine.config import ModelConfig, read_config
from engine.errors import PackingFailed, UnsupportedModel
from engine.matrix import Joined, Matrix, Table, Width
from engine.native import GROUP
from engine.packed import TYPES
from engine.packed_notes import NOTES, TOWERS, WEIGHTS, PackedNotes, is_packed, notes_text
from engine.packing import pack_table, packed_shapes
from engine.safetensors_file import Entry, Writer
from engine.sizes import table_bits, table_bytes, weight_bytes
from engine.tensors import gather
from engine.widths import Widths

_KINDS = {dtype: name for name, dtype in TYPES.items()}
_COPIED = ("*.json", "*.jinja", "*.model", "LICENSE*", "NOTICE*")
_NOT_COPIED = ("model.safetensors.index.json", NOTES)
# Numbers of the table, and bytes of other tensors, handled at once.
_SLAB = 1 << 22
# Bytes a tensor takes in the header beside its name, with the padding after it.
_HEADER_BYTES = 256

Progress = Callable[[str, int, int], None]


def pack_folder(source: Path, destination: Path, widths: Widths, on_progress: Progress) -> None:
    """Packs the model in ``source`` into the new folder ``destination``.

    on_progress is given the name of what is written, and the numbers done and in all. Needs the
    memory of the largest matrix. Raises ModelError for a bad source and PackingFailed if the packed
    model cannot be written; neither these nor an interruption leave anything behind.
    """
    if source.is_file() or is_packed(source):
        raise UnsupportedModel(
            str(source),
            "It is packed already." if is_packed(source) else "It is no folder with a model.",
            "Use it as it is, or choose the folder of a published model.",
        )
    config = read_config(source)
    checkpoint = Checkpoint(source)
    wanted = _Wanted(checkpoint)
    gather(config, wanted, widths)
    _check_room(config, checkpoint, destination, widths)
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        # Left by a packing that was killed.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _write(source, checkpoint, wanted, widths, partial, on_progress)
        for path in [*partial.iterdir(), partial]:
            _sync(path)
        partial.rename(destination)
        _sync(destination.parent)
    except OSError as error:
        raise PackingFailed(
            str(destination),
            f"It cannot be written ({error.strerror or error}).",
            "Make room on the disk, or choose another place.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_room(
    config: ModelConfig, checkpoint: Checkpoint, destination: Path, widths: Widths
) -> None:
    if destination.exists() or not destination.parent.is_dir():
        raise PackingFailed(
            str(destination),
            "It is there already." if destination.exists() else "The folder above is missing.",
            "Choose another name." if destination.exists() else "Make it first.",
        )
    needed = sum(weight_bytes(config, widths).values()) + table_bytes(config, widths)
    needed += sum(entry.nbytes for entry in checkpoint.others())
    free = shutil.disk_usage(destination.parent).free
    if needed > free:
        raise PackingFailed(
            str(destination),
            f"It takes {needed / 1e9:,.1f} GB, and the disk has {free / 1e9:,.1f} GB left.",
            "Make room, choose another disk, or fewer bits.",
        )


def _write(
    source: Path,
    checkpoint: Checkpoint,
    wanted: "_Wanted",
    widths: Widths,
    folder: Path,
    on_progress: Progress,
) -> None:
    for pattern in _COPIED:
        for path in source.glob(pattern):
            if path.is_file() and path.name not in _NOT_COPIED:
                _copy(path, folder / path.name)
    notes = PackedNotes(widths, source.resolve().name)
    (folder / NOTES).write_text(notes_text(notes), encoding="utf-8")
    others = list(checkpoint.others())
    total = wanted.numbers + sum(entry.nbytes // 2 for entry in others)
    done = 0
    with Writer(folder / WEIGHTS, wanted.header_room, {"format": "pt"}) as writer:
        for name, vector in wanted.vectors.items():
            _add(writer, name, vector)
        for one in wanted.matrices:
            on_progress(one.name, done, total)
            for name, matrix in one.read():
                _add_matrix(writer, name, matrix)
            done += one.numbers
        for name, rows, columns in wanted.tables:
            on_progress(name, done, total)
            _add_table(writer, checkpoint, (name, rows, columns), widths)
            done += rows * columns
        writer.finish()
    if others:
        room = sum(len(entry.name) + _HEADER_BYTES for entry in others)
        with Writer(folder / TOWERS, room, {"format": "pt"}) as writer:
            for entry in others:
                on_progress(entry.name, done, total)
                writer.add(entry.name, entry.kind, entry.shape, _pieces(entry))
                done += entry.nbytes // 2
            writer.finish()
    on_progress("", total, total)


@dataclass(frozen=True)
class _Job:
    """A matrix to be written, or a stack of experts; ``read`` packs it."""

    name: str
    numbers: int
    read: Callable[[], Iterator[tuple[str, Matrix | Joined]]]


class _Wanted:
    """A Source that takes down what is asked for, hands vectors out and matrices' empty shapes."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.subject = checkpoint.subject
        self._checkpoint = checkpoint
        self.vectors: dict[str, torch.Tensor] = {}
        self.matrices: list[_Job] = []
        self.tables: list[tuple[str, int, int]] = []
        self.numbers = 0
        self.header_room = 1024

    def __contains__(self, name: str) -> bool:
        return name in self._checkpoint

    def vector(self, name: str, size: int) -> torch.Tensor:
        """The vector, kept to be written."""
        self.vectors[name] = self._checkpoint.vector(name, size)
        self.header_room += len(name) + _HEADER_BYTES
        return self.vectors[name]

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """Only the shape."""

        def read() -> Iterator[tuple[str, Matrix | Joined]]:
            yield name, self._checkpoint.matrix(name, parts, inputs, width)

        for part, rows in parts:
            self._checkpoint.check(part, (rows, inputs))
        outputs = sum(rows for _, rows in parts)
        self._note(_Job(name, outputs * inputs, read), len(parts))
        return _empty(outputs, inputs)

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """Only the shapes."""
        shape = (count, outputs, inputs)

        def read() -> Iterator[tuple[str, Matrix | Joined]]:
            for i in range(count):
                yield f"{name}.{i}", self._checkpoint.expert(name, i, shape, width)

        self._checkpoint.check(name, shape)
        self._note(_Job(name, count * outputs * inputs, read), count)
        return [_empty(outputs, inputs)] * count

    def table(self, name: str, rows: int, columns: int) -> Table:
        """The table itself, mapped."""
        self.tables.append((name, rows, columns))
        self.numbers += rows * columns
        return self._checkpoint.table(name, rows, columns)

    def _note(self, job: _Job, parts: int) -> None:
        self.matrices.append(job)
        self.numbers += job.numbers
        self.header_room += 3 * parts * (len(job.name) + _HEADER_BYTES)


def _empty(outputs: int, inputs: int) -> Matrix:
    """A matrix of zeros that takes no memory."""
    ((shape, dtype),) = packed_shapes(outputs, inputs, 32).values()
    return Matrix(32, outputs, inputs, torch.zeros(1, dtype=dtype).expand(shape))


def _add_matrix(writer: Writer, name: str, matrix: Matrix | Joined) -> None:
    if isinstance(matrix, Joined):
        for i, part in enumerate(matrix.parts):
            _add_matrix(writer, f"{name}.part{i}", part)
        return
    for part_name in ("data", "scales", "minima"):
        part = getattr(matrix, part_name)
        if part is not None:
            _add(writer, f"{name}.{part_name}", part)


def _add_table(
    writer: Writer, checkpoint: Checkpoint, table: tuple[str, int, int], widths: Widths
) -> None:
    """In 8 bits, or in bf16 where nothing is packed; the scales wait until all rows are written."""
    name, rows, columns = table
    stored = checkpoint.table_rows(name, rows, columns)
    slab = max(1, _SLAB // columns)
    small = table_bits(columns, widths) == 8
    # In one piece: many small ones between large passing ones would leave memory in shreds.
    scales = torch.empty(rows if small else 0, columns // GROUP, dtype=torch.float16)

    def pieces() -> Iterator[memoryview]:
        for first in range(0, rows, slab):
            part = stored[first : first + slab]
            if not small:
                yield _bytes(part.bfloat16())
                continue
            packed = pack_table(part)
            assert packed.scales is not None
            scales[first : first + slab] = packed.scales
            yield _bytes(packed.data)

    writer.add(f"{name}.data", "I8" if small else "BF16", (rows, columns), pieces())
    if small:
        _add(writer, f"{name}.scales", scales)


def _add(writer: Writer, name: str, tensor: torch.Tensor) -> None:
    writer.add(name, _KINDS[tensor.dtype], tensor.shape, iter([_bytes(tensor)]))


def _pieces(entry: Entry) -> Iterator[memoryview]:
    for first in range(0, entry.nbytes, _SLAB):
        yield _bytes(read_bytes(entry, first, min(_SLAB, entry.nbytes - first)))


def _bytes(tensor: torch.Tensor) -> memoryview:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().data


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's list of files, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy(path: Path, to: Path) -> None:
    """Copies a file; a tokenizer without its blanks, which makes it open a quarter sooner."""
    if path.name == "tokenizer.json":
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            pass  # copied as it is, and refused with its name when it is opened
        else:
            text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
            to.write_text(text, encoding="utf-8")
            return
    shutil.copyfile(path, to)
