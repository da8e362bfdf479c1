"""What every layer cache keeps: keys and values from some position on. Knows no codes."""

import torch

from engine.config import SEGMENT, LayerConfig
from engine.native import TILE, Attention, Stored, kernels


def window_start(window: int | None, position: int) -> int:
    """The first position that a query at ``position`` sees."""
    return 0 if window is None else max(0, position - window + 1)


class Kept:
    """Keys and values [kv heads, positions, size] of positions ``base`` to ``length``.

    What has been read up to a position is two things for a snapshot. Its *history* is stored for
    good: more positions only add to it. Its *tail* is the exact rest that a next query sees, whose
    storage moves on. Both are given as views, to copy from or, after :meth:`stand`, to fill.
    """

    # A tail begins and ends at multiples of these.
    first_grain = last_grain = 1

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

    @property
    def layout(self) -> str:
        """How it is stored; layers of another layout do not understand its bytes."""
        shape = f"{self.kv_heads} x {self.size}, window {self.window}"
        return f"{type(self).__name__} {shape}, {self.keys.dtype}"

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        return self.base <= window_start(self.window, position) and position <= self.length

    def clear(self) -> None:
        """Forgets everything."""
        self.base = self.length = 0

    def settled(self, position: int) -> int:
        """Where the history of what has been read up to ``position`` ends."""
        return 0 if self.window is not None else position // SEGMENT * SEGMENT

    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """Views of what is stored for good of some positions, both ends multiples of a segment."""
        return {"keys": self.keys[:, first:last], "values": self.values[:, first:last]}

    def tail(self, position: int) -> dict[str, torch.Tensor]:
        """Views of the rest that is needed to go on from ``position``."""
        first = self._tail_start(position) - self.base
        last = -(-(position - self.base) // self.last_grain) * self.last_grain
        return {"keys": self.keys[:, first:last], "values": self.values[:, first:last]}

    def stand(self, position: int) -> None:
        """Forgets everything; up to ``position`` the views are then filled by the caller."""
        self.clear()
        self.base = 0 if self.window is None else self._tail_start(position)
        self.length = position

    def snapshot_nbytes(self) -> tuple[float, float]:
        """Bytes of a tail, about, and of a position's history."""
        if self.window is not None:
            return self.nbytes, 0.0
        return 0.0, self.nbytes / self.keys.shape[1]

    def _tail_start(self, position: int) -> int:
        if self.window is None:
            return self.settled(position)
        return window_start(self.window, position) // self.first_grain * self.first_grain

    def make_way(self, first: int, rows: int, unseen: int) -> None:
        """Makes room for rows from position ``first`` on. What lies before ``unseen`` may go.

        Of that, what there is room for stays: a text that goes on otherwise a little before its
        end, as a conversation does, is then read on from there. Raises RuntimeError where rows
        are more than the layer was made for.
        """
        over = first + rows - self.keys.shape[1]
        if over > self.base:
            base = -(-over // SEGMENT) * SEGMENT
            self.move(base if base <= unseen else -1, first)

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

    first_grain, last_grain = SEGMENT, TILE

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
        return Stored(
            kind=tiles.itemsize * 8,
            capacity=tiles.shape[1],
            size=self.size,
            rows=tiles.data_ptr(),
        )
