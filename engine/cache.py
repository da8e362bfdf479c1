"""Keys and values of what has been read. Knows positions, nothing of tokens or weights.

The decoder sees two operations a layer, whatever the storage: ``append`` the newest rows' keys and
values, and ``attend`` from query rows over ranges of positions. :class:`KVCache` holds one layer
cache for every layer that has keys of its own and keeps their lengths together.

A global layer remembers everything; a sliding one the window and what was appended last. Positions
are absolute everywhere.
"""

from typing import Protocol

import torch

from engine.coded_cache import CodedLayer
from engine.config import SEGMENT, LayerConfig, ModelConfig, layer_capacity
from engine.native import TILE, Attention, Stored, kernels
from engine.placement import CPU, Placement
from engine.widths import KVBits


class LayerCache(Protocol):
    """One layer's keys and values."""

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """softmax(scale * q K) V for q [rows, heads * size]; low[i] <= position < high[i]."""

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""

    def clear(self) -> None:
        """Forgets everything."""

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""


class ExactLayer:
    """Keys and values as they are, in tiles of 16 positions for the C kernel, fp32 or bf16."""

    def __init__(self, layer: LayerConfig, capacity: int, dtype: torch.dtype) -> None:
        self.kv_heads, self.size, self.window = layer.kv_heads, layer.head_size, layer.window
        shape = (self.kv_heads, -(-capacity // SEGMENT) * SEGMENT, self.size)
        # Zeroed, since a position not yet written may be multiplied by a weight of zero.
        self.keys = torch.zeros(shape, dtype=dtype)
        self.values = torch.zeros(shape, dtype=dtype)
        self.base = 0
        self.length = 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return self.keys.nbytes + self.values.nbytes

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        first = 0 if self.window is None else max(0, position - self.window + 1)
        return self.base <= first and position <= self.length

    def clear(self) -> None:
        """Forgets everything."""
        self.base = self.length = 0

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        native = kernels()
        assert native is not None
        rows = keys.shape[0]
        if first + rows - self.base > self.keys.shape[1]:
            self._forget(first)
        for head in range(self.kv_heads):
            columns = slice(head * self.size, (head + 1) * self.size)
            native.store_tiles(
                keys[:, columns], values[:, columns], first - self.base, self.keys[head],
                self.values[head],
            )  # fmt: skip
        self.length = first + rows

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`LayerCache`."""
        native = kernels()
        assert native is not None
        job = Attention(
            q=q.data_ptr(),
            q_stride=q.stride(0),
            rows=q.shape[0],
            heads=heads,
            kv_heads=self.kv_heads,
            head_size=self.size,
            scale=scale,
            keys=stored(self.keys),
            values=stored(self.values),
            base=self.base,
            low=low.data_ptr(),
            high=high.data_ptr(),
        )
        return native.attend(job)

    def _forget(self, first: int) -> None:
        """Moves what a query at ``first`` still sees to the front."""
        if self.window is None:
            raise RuntimeError("a global layer was given more positions than it was made for")
        base = max(0, first - self.window + 1) // SEGMENT * SEGMENT
        shift, keep = base - self.base, -(-first // TILE) * TILE - base
        for part in (self.keys, self.values):
            part[:, :keep] = part[:, shift : shift + keep].clone()
        self.base = base


def stored(tiles: torch.Tensor) -> Stored:
    """How the kernels find exact tiles [kv heads, capacity, size]."""
    return Stored(kind=tiles.itemsize * 8, capacity=tiles.shape[1], rows=tiles.data_ptr())


class TorchLayer:
    """Keys and values in torch tensors on any device, for where the C kernels do not run."""

    def __init__(
        self, layer: LayerConfig, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.kv_heads, self.size, self.window = layer.kv_heads, layer.head_size, layer.window
        shape = (self.kv_heads, -(-capacity // SEGMENT) * SEGMENT, self.size)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.base = 0
        self.length = 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return self.keys.nbytes + self.values.nbytes

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        first = 0 if self.window is None else max(0, position - self.window + 1)
        return self.base <= first and position <= self.length

    def clear(self) -> None:
        """Forgets everything."""
        self.base = self.length = 0

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        rows = keys.shape[0]
        if first + rows - self.base > self.keys.shape[1]:
            if self.window is None:
                raise RuntimeError("a global layer was given more positions than it was made for")
            base = max(0, first - self.window + 1)
            for part in (self.keys, self.values):
                part[:, : first - base] = part[:, base - self.base : first - self.base].clone()
            self.base = base
        where = slice(first - self.base, first - self.base + rows)
        self.keys[:, where] = keys.view(rows, self.kv_heads, self.size).transpose(0, 1)
        self.values[:, where] = values.view(rows, self.kv_heads, self.size).transpose(0, 1)
        self.length = first + rows

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`LayerCache`."""
        rows, group = q.shape[0], heads // self.kv_heads
        first, last = int(low.min()) - self.base, int(high.max()) - self.base
        keys, values = self.keys[:, first:last].float(), self.values[:, first:last].float()
        split = q.view(rows, self.kv_heads, group, self.size).permute(1, 2, 0, 3).float()
        scores = split @ keys.unsqueeze(1).transpose(-1, -2) * scale  # [kv, group, rows, positions]
        positions = torch.arange(first, last, device=q.device) + self.base
        seen = (positions >= low.unsqueeze(-1)) & (positions < high.unsqueeze(-1))
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        return (weights @ values.unsqueeze(1)).permute(2, 0, 1, 3).reshape(rows, -1).to(q.dtype)


class KVCache:
    """The caches of all layers with keys of their own.

    ``context`` is the longest it can hold, ``chunk`` the most rows appended at once. ``bits`` codes
    the global layers; without, they are kept as they are.
    """

    def __init__(
        self,
        config: ModelConfig,
        context: int,
        chunk: int,
        dtype: torch.dtype = torch.bfloat16,
        placement: Placement | None = None,
        bits: KVBits | None = None,
    ) -> None:
        self.context, self.chunk = context, chunk
        self.length = 0
        self.layers: dict[int, LayerCache] = {}
        for layer in config.layers:
            if not layer.owns_kv:
                continue
            capacity = layer_capacity(layer, context, chunk)
            device = placement.layers[layer.index] if placement else CPU
            native = kernels() if device.type == "cpu" and layer.head_size % TILE == 0 else None
            turnable = layer.head_size & (layer.head_size - 1) == 0
            if native and bits and layer.window is None and turnable:
                self.layers[layer.index] = CodedLayer(layer, context, chunk, bits)
            elif native:
                self.layers[layer.index] = ExactLayer(layer, capacity, dtype)
            else:
                self.layers[layer.index] = TorchLayer(layer, capacity, dtype, device)

    @property
    def nbytes(self) -> int:
        """Bytes set aside for all layers."""
        return sum(layer.nbytes for layer in self.layers.values())

    def can_return_to(self, length: int) -> bool:
        """Whether everything a next token at ``length`` would see is still remembered."""
        return length <= self.length and all(
            layer.remembers(length) for layer in self.layers.values()
        )

    def clear(self) -> None:
        """Forgets everything."""
        self.length = 0
        for layer in self.layers.values():
            layer.clear()

    def truncate(self, length: int) -> None:
        """Forgets positions from ``length`` on; the next append goes there."""
        if not self.can_return_to(length):
            raise ValueError(f"the sliding window has moved on: {length} cannot be returned to")
        self.length = length
