"""Keeps soft tokens of images and audio by their key, so that each is computed once."""

from collections import OrderedDict
from typing import Protocol

import torch

from engine.media_config import STORE_BYTES


class SoftStore(Protocol):
    """Rows by key. What is put may be forgotten at any time, and never comes back changed."""

    def get(self, key: str) -> torch.Tensor | None:
        """fp32 [tokens, hidden], or None if it is not there."""

    def put(self, key: str, rows: torch.Tensor) -> None:
        """Keeps the rows, if there is room."""


class MemoryStore:
    """The last used, up to ``most`` bytes."""

    def __init__(self, most: int = STORE_BYTES) -> None:
        self.most, self.nbytes = most, 0
        self._rows: OrderedDict[str, torch.Tensor] = OrderedDict()

    def get(self, key: str) -> torch.Tensor | None:
        """See :class:`SoftStore`."""
        if key in self._rows:
            self._rows.move_to_end(key)
        return self._rows.get(key)

    def put(self, key: str, rows: torch.Tensor) -> None:
        """See :class:`SoftStore`."""
        if rows.nbytes > self.most or key in self._rows:
            return
        self._rows[key] = rows
        self.nbytes += rows.nbytes
        while self.nbytes > self.most:
            _, oldest = self._rows.popitem(last=False)
            self.nbytes -= oldest.nbytes
