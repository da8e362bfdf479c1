"""Made-up queries, keys and values for tests of layer caches, and reading them in chunks."""

from __future__ import annotations

import torch

from engine.cache import LayerCache
from engine.config import FULL, LayerConfig
from engine.widths import KVBits

HEADS, KV_HEADS, SIZE = 6, 2, 64
LAYER = LayerConfig(0, FULL, SIZE, KV_HEADS, 0, None, False, 0)
ALL_BITS = [KVBits(8, 8), KVBits(4, 4), KVBits(4, 3), KVBits(3, 3), KVBits(2, 2)]


def numbers(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values, channels of different sizes, keys away from zero."""
    generator = torch.Generator().manual_seed(0)
    width = KV_HEADS * SIZE
    scale = torch.rand(width, generator=generator) * 3
    keys = torch.randn(count, width, generator=generator) * scale + 2
    values = torch.randn(count, width, generator=generator)
    loud = torch.rand(SIZE, generator=generator).repeat(HEADS)
    return torch.randn(count, HEADS * SIZE, generator=generator) * loud, keys, values


def read(layer: LayerCache, count: int, chunks: list[int]) -> torch.Tensor:
    """What attention gives for every row, appended in these chunks."""
    q, keys, values = numbers(count)
    found, first = [], 0
    for size in [*chunks, count]:
        last = min(first + size, count)
        if first == last:
            break
        layer.append(keys[first:last], values[first:last], first)
        high = torch.arange(first, last) + 1
        found.append(layer.attend(q[first:last], HEADS, torch.zeros_like(high), high, 0.125))
        first = last
    return torch.cat(found)
