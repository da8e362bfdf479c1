"""Where the weights of what sees and hears lie: in the published files, or as `pack` copied them.

Loads nothing before it is asked. Names are those of :mod:`engine.tower_names`.
"""

from pathlib import Path

import torch

from engine.checkpoint import TYPES, StoredRows, read_bytes
from engine.errors import DamagedModel, UnsupportedModel
from engine.safetensors_file import Entry
from engine.tower_names import tower_entries


class TowerTensors:
    """The tensors of a model's towers by module name; empty if the model has none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = tower_entries(path)

    def has(self, tower: str) -> bool:
        """Whether there is any tensor of ``vision`` or ``audio``."""
        return any(name.startswith((f"{tower}_", f"embed_{tower}.")) for name in self.entries)

    def rows(self, name: str, shape: tuple[int, int]) -> StoredRows:
        """A matrix, still on disk."""
        return StoredRows(self._entry(name, shape), shape)

    def tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """fp32 of that shape."""
        entry = self._entry(name, shape)
        return read_bytes(entry, 0, entry.nbytes).view(TYPES[entry.kind]).float().view(shape)

    def _entry(self, name: str, shape: tuple[int, ...]) -> Entry:
        entry = self.entries.get(name)
        if entry is None:
            raise DamagedModel(
                str(self.path), f"The tensor {name} is missing.", "Copy the model again."
            )
        if entry.shape != shape:
            raise DamagedModel(
                str(entry.path),
                f"The tensor {name} has the shape {list(entry.shape)}, not {list(shape)}.",
                "The files do not belong to this config.json; copy the whole model again.",
            )
        if entry.kind not in TYPES:
            raise UnsupportedModel(
                str(entry.path),
                f"The tensor {name} holds {entry.kind}, which the engine does not read.",
                "Use the model in bf16.",
            )
        return entry
