"""What every layer cache keeps: keys and values from some position on. Knows no codes."""

import torch

from engine.config import SEGMENT, LayerConfig
from engine.native import TILE, Attention, Stored, kernels


def window_start(window: int | None, position: int) -> int:
    """The first position that a query at ``position`` sees."""
    return 0 if window is None else max(0, position - window + 1)


class Kept:
    """Keys and values [kv heads, positions, size] of positions ``base`` to ``length``."""

    def __init__(
        self, layer: LayerConfig, positions: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.kv_heads, self.size, self.window = layer.kv_heads, layer.head_size, layer.window
        shape = (self.kv_heads, -(-positions // SEGMENT) * SEGMENT, self.size)
        # Zeroed, since a position not yet written may be multiplied by a weight of zero.
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.base = self.length = 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return self.keys.nbytes + self.values.nbytes

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        return self.base <= window_start(self.window, position) and position <= self.length

    def clear(self) -> None:
        """Forgets everything."""
        self.base = self.length = 0

    def is_full(self, first: int, rows: int) -> bool:
        """Whether rows from position ``first`` on need room made for them."""
        return first + rows - self.base > self.keys.shape[1]

    def move(self, base: int, length: int) -> None:
        """Forgets what lies before ``base``; positions up to ``length`` move to the front.

        Raises RuntimeError where nothing can be forgotten.
        """
        shift = base - self.base
        if shift <= 0:
            raise RuntimeError("a layer was given more positions than it was made for")
        for part in (self.keys, self.values):
            part[:, : length - base] = part[:, shift : length - self.base].clone()
        self.base = base


class Tiles(Kept):
    """In tiles of 16 positions, as the kernels read them; ``base`` is a multiple of a segment."""

    def put(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        native = kernels()
        assert native is not None
        for head in range(self.kv_heads):
            columns = slice(head * self.size, (head + 1) * self.size)
            native.store_tiles(
                keys[:, columns], values[:, columns], first - self.base, self.keys[head],
                self.values[head],
            )  # fmt: skip
        self.length = first + keys.shape[0]

    def move(self, base: int, length: int) -> None:
        """See :meth:`Kept.move`; whole tiles move."""
        super().move(base, -(-length // TILE) * TILE)

    def job(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> Attention:
        """Attention over what is kept here; the caller keeps the tensors until it has run."""
        return Attention(
            q=q.data_ptr(),
            q_stride=q.stride(0),
            rows=q.shape[0],
            heads=heads,
            kv_heads=self.kv_heads,
            head_size=self.size,
            scale=scale,
            keys=self._stored(self.keys),
            values=self._stored(self.values),
            base=self.base,
            low=low.data_ptr(),
            high=high.data_ptr(),
        )

    def _stored(self, tiles: torch.Tensor) -> Stored:
        return Stored(kind=tiles.itemsize * 8, capacity=tiles.shape[1], rows=tiles.data_ptr())
