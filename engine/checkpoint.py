"""Reads a published checkpoint: one or many safetensors files, memory-mapped. Knows no decoder.

Tensors are packed while they stream from disk, one slab at a time. Pickle files are refused: they can
run code.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import DamagedModel, UnsupportedModel
from engine.matrix import Joined, Matrix, Table, Width, join
from engine.packing import pack, pack_table

_COPY_AGAIN = "Copy the file again from where the model came from."
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class SafetensorsFiles:
    """All tensors of a folder's safetensors files by their full names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[Path, Any] = {}
        self._where = self._locate()

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def names(self) -> list[str]:
        """All names."""
        return list(self._where)

    def file(self, name: str) -> Path:
        """Which file holds a tensor."""
        return self._where[name]

    def tensor(self, name: str) -> torch.Tensor:
        """The tensor, mapped from disk. Raises DamagedModel if it is missing or cut short."""
        if name not in self._where:
            raise DamagedModel(str(self.folder), f"The tensor {name} is missing.", _COPY_AGAIN)
        path = self._where[name]
        try:
            return self._file(path).get_tensor(name)
        except (SafetensorError, OSError, ValueError) as error:
            raise DamagedModel(str(path), f"It cannot be read ({error}).", _COPY_AGAIN) from error

    def shape(self, name: str) -> tuple[int, ...]:
        """The tensor's shape without reading it."""
        return tuple(self._file(self._where[name]).get_slice(name).get_shape())

    def metadata(self, path: Path) -> dict[str, str]:
        """A file's own notes."""
        return self._file(path).metadata() or {}

    def _locate(self) -> dict[str, Path]:
        index = self.folder / "model.safetensors.index.json"
        if index.exists():
            try:
                listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
                where = {str(name): self.folder / str(file) for name, file in listed.items()}
            except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
                raise DamagedModel(
                    str(index), f"The list of tensors cannot be read ({error}).", _COPY_AGAIN
                ) from error
            for path in sorted(set(where.values())):
                held = set(self._file(path).keys())
                absent = sorted(n for n, p in where.items() if p == path and n not in held)
                if absent:
                    raise DamagedModel(
                        str(path), f"The tensor {absent[0]} is missing.", _COPY_AGAIN
                    )
            return where
        files = sorted(self.folder.glob("*.safetensors"))
        if files:
            return {name: path for path in files for name in self._file(path).keys()}  # noqa: SIM118
        pickles = sorted(p.name for pattern in _PICKLES for p in self.folder.glob(pattern))
        if pickles:
            raise UnsupportedModel(
                str(self.folder / pickles[0]),
                "It is a pickle file, which can run code when it is opened.",
                "Use the model's safetensors files.",
            )
        raise DamagedModel(
            str(self.folder), "There are no safetensors files in it.", "Choose the model's folder."
        )

    def _file(self, path: Path) -> Any:
        if path not in self._open:
            if not path.exists():
                raise DamagedModel(
                    str(path), "The file is missing.", "Copy all files of the model."
                )
            if path.stat().st_size == 0:
                raise DamagedModel(str(path), "The file is empty.", _COPY_AGAIN)
            try:
                self._open[path] = safe_open(path, framework="pt")
            except (SafetensorError, OSError) as error:
                raise DamagedModel(
                    str(path), f"It is cut short or damaged ({error}).", _COPY_AGAIN
                ) from error
        return self._open[path]


class Checkpoint:
    """A published model as a :class:`engine.tensors.Source`; packs what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.subject = str(folder)
        self.files = SafetensorsFiles(folder)
        self.prefix = self._find_prefix()

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.files

    def vector(self, name: str, size: int) -> torch.Tensor:
        """fp32 [size]."""
        return self._checked(name, (size,)).float().clone()

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """Packed to ``width`` and joined."""
        del name
        return join([pack(self._checked(n, (rows, inputs)), width) for n, rows in parts])

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """One packed matrix an expert."""
        stack = self._checked(name, (count, outputs, inputs))
        return [pack(stack[i], width) for i in range(count)]

    def table(self, name: str, rows: int, columns: int) -> Table:
        """Left on disk as it is."""
        return Table(self._checked(f"{name}.weight", (rows, columns)))

    def packed_table(self, name: str, rows: int, columns: int, first: int, last: int) -> Table:
        """Rows first to last of a table, rounded to 8 bits."""
        return pack_table(self._checked(f"{name}.weight", (rows, columns))[first:last])

    def _checked(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        full = name if name.startswith("lm_head") and name in self.files else self.prefix + name
        tensor = self.files.tensor(full)
        if tuple(tensor.shape) != shape and not (tensor.ndim == 0 and shape == (1,)):
            raise DamagedModel(
                str(self.files.file(full)),
                f"The tensor {full} has the shape {list(tensor.shape)}, not {list(shape)}.",
                "The files do not belong to this config.json; copy the whole model again.",
            )
        if not tensor.is_floating_point():
            raise UnsupportedModel(
                str(self.files.file(full)),
                f"The tensor {full} holds {tensor.dtype}, an already rounded form that the engine "
                "does not read.",
                "Use the model in bf16, or a GGUF file.",
            )
        return tensor.reshape(shape)

    def _find_prefix(self) -> str:
        ending = "embed_tokens.weight"
        for name in self.files.names():
            if name.endswith(ending) and "vision" not in name and "audio" not in name:
                return name[: -len(ending)]
        raise DamagedModel(
            self.subject, f"No tensor is called {ending}.", "Choose a model the engine runs."
        )
