"""The packed form of a model on disk: opened by mapping it, in the layout the kernels read.

A folder with ``config.json`` and the tokenizer's files as published, ``muniment.json``
(:mod:`engine.packed_notes`), ``model.safetensors`` with every matrix under the name
:mod:`engine.tensors` gives it (parts ``data``, ``scales``, ``minima``; of matrices that could not
be joined ``part0.data`` and so on; of experts ``0.data`` and so on) and every vector in fp32. What
sees and hears is not the decoder's and lies in ``towers.safetensors`` as published.
"""

from pathlib import Path

import torch

from engine.errors import DamagedModel
from engine.matrix import Joined, Matrix, Table, Width
from engine.native import GROUP
from engine.packed_notes import WEIGHTS, read_notes
from engine.packed_notes import is_packed as is_packed
from engine.packing import packed_shapes
from engine.safetensors_file import map_file, read_header

_PACK_AGAIN = "Pack the model again with `muniment models pack`."
TYPES = {
    "U8": torch.uint8,
    "I8": torch.int8,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
}
_WIDTHS: dict[torch.dtype, Width] = {
    torch.uint8: 4,
    torch.int8: 8,
    torch.bfloat16: 16,
    torch.float32: 32,
}


class PackedModel:
    """A packed folder as a :class:`engine.tensors.Source`: views on the mapped file, no copies.

    The widths that are asked for do not matter: the folder has its own.
    Raises DamagedModel and UnsupportedModel as :func:`read_notes` and :func:`read_header` do.
    """

    def __init__(self, folder: Path) -> None:
        self.subject = str(folder)
        self.widths = read_notes(folder).widths
        self.path = folder / WEIGHTS
        self._entries, _ = read_header(self.path)
        self._bytes = torch.from_numpy(map_file(self.path))

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def vector(self, name: str, size: int) -> torch.Tensor:
        """fp32 [size]."""
        return self._checked(name, (size,), torch.float32)

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """As packed."""
        del width
        return self._matrix(name, [rows for _, rows in parts], inputs)

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """As packed."""
        del width
        half = outputs // 2
        halves = f"{name}.0.part0.data" in self
        rows = [half, outputs - half] if halves else [outputs]
        return [self._matrix(f"{name}.{i}", rows, inputs) for i in range(count)]

    def table(self, name: str, rows: int, columns: int) -> Table:
        """As packed."""
        if f"{name}.scales" not in self:
            return Table(self._checked(f"{name}.data", (rows, columns), torch.bfloat16))
        return Table(
            self._checked(f"{name}.data", (rows, columns), torch.int8),
            self._checked(f"{name}.scales", (rows, columns // GROUP), torch.float16),
        )

    def _matrix(self, name: str, rows: list[int], inputs: int) -> Matrix | Joined:
        if f"{name}.part0.data" in self:
            return Joined(
                tuple(self._whole(f"{name}.part{i}", n, inputs) for i, n in enumerate(rows))
            )
        return self._whole(name, sum(rows), inputs)

    def _whole(self, name: str, outputs: int, inputs: int) -> Matrix:
        data = self._tensor(f"{name}.data")
        width = _WIDTHS.get(data.dtype)
        if width is None:
            raise self._damaged(f"{name}.data", f"holds {data.dtype}")
        parts = packed_shapes(outputs, inputs, width)
        self._checked(f"{name}.data", *parts["data"])
        if "scales" not in parts:
            return Matrix(width, outputs, inputs, data)
        scales = self._checked(f"{name}.scales", *parts["scales"])
        minima = None
        if f"{name}.minima" in self:
            minima = self._checked(f"{name}.minima", *parts["scales"])
        return Matrix(width, outputs, inputs, data, scales, minima)

    def _checked(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        tensor = self._tensor(name)
        if tensor.shape != shape or tensor.dtype != dtype:
            raise self._damaged(
                name,
                f"is {list(tensor.shape)} of {tensor.dtype}, not {list(shape)} of {dtype}",
            )
        return tensor

    def _tensor(self, name: str) -> torch.Tensor:
        entry = self._entries.get(name)
        if entry is None:
            raise self._damaged(name, "is missing")
        if entry.kind not in TYPES or entry.first % TYPES[entry.kind].itemsize:
            raise self._damaged(name, f"holds {entry.kind} at byte {entry.first}")
        raw = self._bytes[entry.first : entry.first + entry.nbytes]
        return raw.view(TYPES[entry.kind]).view(entry.shape)

    def _damaged(self, name: str, what: str) -> DamagedModel:
        return DamagedModel(str(self.path), f"The tensor {name} {what}.", _PACK_AGAIN)
