"""Reads a published checkpoint: one or many safetensors files. Knows no decoder.

Weights are packed while they stream from disk, a slab of rows at a time, and read rather than
mapped, so that what was read does not count as memory of the process. Pickle files are refused:
they can run code.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.errors import DamagedModel, UnsupportedModel
from engine.matrix import Joined, Matrix, Table, Width, join
from engine.packing import pack
from engine.safetensors_file import COPY_AGAIN, Entry, SafetensorsFolder, map_file

TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
_HEAD = "lm_head."
_EMBEDDING = "embed_tokens.weight"
_TOWERS = ("vision", "audio")


def mapped(entry: Entry) -> torch.Tensor:
    """All of a tensor, mapped from disk."""
    raw = torch.from_numpy(map_file(entry.path))[entry.first : entry.first + entry.nbytes]
    if entry.first % TYPES[entry.kind].itemsize:
        raw = raw.clone()
    return raw.view(TYPES[entry.kind]).view(entry.shape)


def read_bytes(entry: Entry, first: int, count: int) -> torch.Tensor:
    """uint8 [count]: some of a tensor's bytes. Raises DamagedModel if they cannot be read."""
    try:
        raw = np.fromfile(entry.path, dtype=np.uint8, count=count, offset=entry.first + first)
    except OSError as error:
        raise DamagedModel(
            str(entry.path), f"It cannot be read ({error.strerror}).", COPY_AGAIN
        ) from error
    if len(raw) != count:
        raise DamagedModel(str(entry.path), "It was cut short while it was read.", COPY_AGAIN)
    return torch.from_numpy(raw)


@dataclass(frozen=True)
class StoredRows:
    """A matrix on disk, from row ``first`` of a tensor on; reads the rows it is asked for."""

    entry: Entry
    shape: tuple[int, int]
    first: int = 0

    def __getitem__(self, rows: slice) -> torch.Tensor:
        start, stop, _ = rows.indices(self.shape[0])
        columns = self.shape[1]
        row_bytes = columns * TYPES[self.entry.kind].itemsize
        raw = read_bytes(self.entry, (self.first + start) * row_bytes, (stop - start) * row_bytes)
        return raw.view(TYPES[self.entry.kind]).view(-1, columns)


class Checkpoint:
    """A published model as a :class:`engine.tensors.Source`; packs what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.subject = str(folder)
        self.files = SafetensorsFolder(folder)
        self.prefix = self._find_prefix()

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.files

    def others(self) -> Iterator[Entry]:
        """The tensors that are not of the decoder: what sees and hears."""
        for name, entry in self.files.entries.items():
            if not name.startswith((self.prefix, _HEAD)):
                yield entry

    def vector(self, name: str, size: int) -> torch.Tensor:
        """fp32 [size]."""
        entry = self.check(name, (size,))
        return read_bytes(entry, 0, entry.nbytes).view(TYPES[entry.kind]).float()

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """Packed to ``width`` and joined."""
        del name
        found = [(self.check(n, (rows, inputs)), rows) for n, rows in parts]
        return join([pack(StoredRows(entry, (rows, inputs)), width) for entry, rows in found])

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """One packed matrix an expert."""
        return [self.expert(name, i, (count, outputs, inputs), width) for i in range(count)]

    def expert(self, name: str, i: int, shape: tuple[int, int, int], width: Width) -> Matrix:
        """One matrix of a stack (count, outputs, inputs), packed."""
        _, outputs, inputs = shape
        return pack(StoredRows(self.check(name, shape), (outputs, inputs), i * outputs), width)

    def table(self, name: str, rows: int, columns: int) -> Table:
        """Left on disk as it is."""
        return Table(mapped(self.check(f"{name}.weight", (rows, columns))))

    def table_rows(self, name: str, rows: int, columns: int) -> StoredRows:
        """The same table, read instead of mapped."""
        return StoredRows(self.check(f"{name}.weight", (rows, columns)), (rows, columns))

    def check(self, name: str, shape: tuple[int, ...]) -> Entry:
        """The tensor's place, if it is there, in this shape, and of a kind that can be read."""
        full = name if name.startswith(_HEAD) and name in self.files else self.prefix + name
        entry = self.files.entry(full)
        if entry.shape != shape and not (entry.shape == () and math.prod(shape) == 1):
            raise DamagedModel(
                str(entry.path),
                f"The tensor {full} has the shape {list(entry.shape)}, not {list(shape)}.",
                "The files do not belong to this config.json; copy the whole model again.",
            )
        if entry.kind not in TYPES:
            raise UnsupportedModel(
                str(entry.path),
                f"The tensor {full} holds {entry.kind}, an already rounded form that the engine "
                "does not read.",
                "Use the model in bf16, or a GGUF file.",
            )
        return entry

    def _find_prefix(self) -> str:
        for name in self.files.entries:
            if name.endswith(_EMBEDDING) and not any(tower in name for tower in _TOWERS):
                return name[: -len(_EMBEDDING)]
        raise DamagedModel(
            self.subject, f"No tensor is called {_EMBEDDING}.", "Choose a model the engine runs."
        )
