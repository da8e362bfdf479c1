"""Keeps soft tokens of images and audio by their key, so that each is computed once.

In memory for as long as the model is open; on disk, beside the snapshots of the document they
belong to and encrypted as those are, until the document is deleted.
"""

import logging
from collections import OrderedDict
from typing import Protocol

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from engine.media_config import STORE_BYTES
from engine.snapshot_folder import DamagedSnapshot, SnapshotFolder

_log = logging.getLogger(__name__)
_RECORD = 1


class SoftStore(Protocol):
    """Rows by key. What is put may be forgotten at any time, and never comes back changed.

    ``owner`` names whose they are, as :class:`engine.options.Keep` does; without, they are not kept
    for longer than the model is open.
    """

    def get(self, key: str, owner: str = "") -> torch.Tensor | None:
        """fp32 [tokens, hidden], or None if it is not there."""

    def put(self, key: str, rows: torch.Tensor, owner: str = "") -> None:
        """Keeps the rows, if there is room."""


class MemoryStore:
    """The last used, up to ``most`` bytes."""

    def __init__(self, most: int = STORE_BYTES) -> None:
        self.most, self.nbytes = most, 0
        self._rows: OrderedDict[str, torch.Tensor] = OrderedDict()

    def get(self, key: str, owner: str = "") -> torch.Tensor | None:
        """See :class:`SoftStore`."""
        del owner
        if key in self._rows:
            self._rows.move_to_end(key)
        return self._rows.get(key)

    def put(self, key: str, rows: torch.Tensor, owner: str = "") -> None:
        """See :class:`SoftStore`."""
        del owner
        if rows.nbytes > self.most or key in self._rows:
            return
        self._rows[key] = rows
        self.nbytes += rows.nbytes
        while self.nbytes > self.most:
            _, oldest = self._rows.popitem(last=False)
            self.nbytes -= oldest.nbytes


class DiskStore:
    """In memory, and for owners in a folder too, whose budget it shares with the snapshots."""

    def __init__(self, folder: SnapshotFolder, memory: MemoryStore) -> None:
        self._folder, self._memory = folder, memory

    def get(self, key: str, owner: str = "") -> torch.Tensor | None:
        """See :class:`SoftStore`. A damaged file is deleted, and its rows computed again."""
        found = self._memory.get(key)
        path = self._folder.path(owner, key.encode())
        if found is not None or not owner or not path.exists():
            return found
        try:
            with self._folder.open(path, owner) as file:
                rows = load_tensors(file.read(0))["rows"]
        except (DamagedSnapshot, IndexError):
            path.unlink(missing_ok=True)
            return None
        except OSError as error:
            _log.warning("Soft tokens cannot be read: %s", error.strerror)
            return None
        self._folder.touch(path)
        self._memory.put(key, rows)
        return rows

    def put(self, key: str, rows: torch.Tensor, owner: str = "") -> None:
        """See :class:`SoftStore`."""
        self._memory.put(key, rows)
        path = self._folder.path(owner, key.encode())
        if not owner or path.exists():
            return
        content = save_tensors({"rows": rows.cpu().contiguous()})
        try:
            if not self._folder.make_room(len(content) + 4096, path):
                with self._folder.open(path, owner) as file:
                    file.append(_RECORD, content)
                    file.sync()
        except OSError as error:
            _log.warning("Soft tokens cannot be kept: %s", error.strerror)
