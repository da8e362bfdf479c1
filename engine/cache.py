"""Keys and values of what has been read. Knows positions, nothing of tokens or weights.

The decoder sees two operations a layer, whatever the storage: ``append`` the newest rows' keys and
values, and ``attend`` from query rows over ranges of positions. :class:`KVCache` holds one layer
cache for every layer that has keys of its own and keeps their lengths together.

A global layer remembers everything; a sliding one the window and what was appended last. Positions
are absolute everywhere.
"""

from collections.abc import Mapping
from typing import Protocol

import torch

from engine.codec import KeysFromValues
from engine.codec_torch import can_code
from engine.coded_cache import CodedLayer
from engine.coded_torch import CodedTorchLayer
from engine.coding import Coding
from engine.config import SEGMENT, LayerConfig, ModelConfig, layer_capacity
from engine.native import TILE, kernels
from engine.placement import CPU, Placement
from engine.tiles import Kept, Tiles, window_start
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

    @property
    def layout(self) -> str:
        """How it is stored; layers of another layout do not understand its bytes."""

    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """What is stored for good; this and the rest for snapshots: :class:`engine.tiles.Kept`."""

    def tail(self, position: int) -> dict[str, torch.Tensor]:
        """The rest that is needed to go on from a position."""

    def settled(self, position: int) -> int:
        """Where the history up to a position ends."""

    def stand(self, position: int) -> None:
        """Forgets everything and is ready to be filled up to a position."""

    def snapshot_nbytes(self) -> tuple[float, float]:
        """Bytes of a tail, about, and of a position's history."""


class ExactLayer(Tiles):
    """Keys and values as they are, in tiles of 16 positions for the C kernel, fp32 or bf16."""

    def __init__(self, layer: LayerConfig, capacity: int, dtype: torch.dtype) -> None:
        super().__init__(layer, capacity, dtype, CPU)

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        self.make_way(first, keys.shape[0], window_start(self.window, first))
        self.put(keys, values, first)

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`LayerCache`."""
        native = kernels()
        assert native is not None
        return native.attend(self.job(q, heads, low, high, scale))


class TorchLayer(Kept):
    """Keys and values in torch tensors on any device, for where the C kernels do not run."""

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        rows = keys.shape[0]
        self.make_way(first, rows, window_start(self.window, first))
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
    the global layers; without, they are kept as they are. ``key_norms`` are norms' weights [head
    size] of layers by index, which coding needs where a key is told from its value. ValueError if
    ``bits`` names other layers, or norms are missing.
    """

    def __init__(
        self,
        config: ModelConfig,
        context: int,
        chunk: int,
        dtype: torch.dtype = torch.bfloat16,
        placement: Placement | None = None,
        bits: KVBits | None = None,
        key_norms: Mapping[int, torch.Tensor] | None = None,
    ) -> None:
        self.context, self.chunk = context, chunk
        self.length = 0
        self.layers: dict[int, LayerCache] = {}
        if bits:
            bits.check(config.growing_layers)
        for layer in config.layers:
            if not layer.owns_kv:
                continue
            capacity = layer_capacity(layer, context, chunk)
            device = placement.layers[layer.index] if placement else CPU
            native = kernels() if device.type == "cpu" and layer.head_size % TILE == 0 else None
            if bits and layer.window is None and can_code(layer.head_size):
                own, channels, form = bits.at(layer.index), config.key_channels(layer), None
                if channels < layer.head_size:
                    if key_norms is None:
                        raise ValueError("keys told from values need their norms")
                    form = KeysFromValues.of(key_norms[layer.index].to(device), channels)
                self.layers[layer.index] = (
                    CodedLayer(layer, context, chunk, own, form)
                    if native
                    else CodedTorchLayer(layer, context, chunk, own, device, form)
                )
            elif native:
                self.layers[layer.index] = ExactLayer(layer, capacity, dtype)
            else:
                self.layers[layer.index] = TorchLayer(layer, capacity, dtype, device)

    @property
    def nbytes(self) -> int:
        """Bytes set aside for all layers."""
        return sum(layer.nbytes for layer in self.layers.values())

    @property
    def coded(self) -> list[Coding]:
        """The layers whose keys and values are coded."""
        return [layer for layer in self.layers.values() if isinstance(layer, Coding)]

    @property
    def coded_bits(self) -> float:
        """Bits set aside for a number in the coded layers, of which there are some."""
        positions = -(-self.context // SEGMENT) * SEGMENT
        numbers = sum(2 * layer.kv_heads * layer.size * positions for layer in self.coded)
        return 8 * sum(layer.coded_nbytes for layer in self.coded) / numbers

    @property
    def layout(self) -> list[str]:
        """How each layer is stored: only a cache of the same layout understands its bytes."""
        return [f"{index} {layer.layout}" for index, layer in self.layers.items()]

    def history(self, before: int, position: int) -> dict[str, torch.Tensor]:
        """Views of what is stored for good up to ``position`` and was not yet at ``before``."""
        ends = {
            index: (layer.settled(before), layer.settled(position))
            for index, layer in self.layers.items()
        }
        return {
            f"{index}.{name}": part
            for index, (first, last) in ends.items()
            if first < last
            for name, part in self.layers[index].history(first, last).items()
        }

    def tail(self, position: int) -> dict[str, torch.Tensor]:
        """Views of the rest that is needed to go on from ``position``."""
        return {
            f"{index}.{name}": part
            for index, layer in self.layers.items()
            for name, part in layer.tail(position).items()
        }

    def stand(self, position: int) -> None:
        """Forgets everything; up to ``position`` the caller fills the views."""
        for layer in self.layers.values():
            layer.stand(position)
        self.length = position

    def snapshot_nbytes(self) -> tuple[float, float]:
        """Bytes of a tail, about, and of a position's history."""
        each = [layer.snapshot_nbytes() for layer in self.layers.values()]
        return sum(tail for tail, _ in each), sum(history for _, history in each)

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
