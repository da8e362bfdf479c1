"""Made-up queries, keys and values for tests of layer caches, and reading them in chunks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from engine.cache import LayerCache
from engine.codec import KeysFromValues
from engine.config import FULL, LayerConfig
from engine.widths import KVBits

HEADS, KV_HEADS, SIZE = 6, 2, 64
LAYER = LayerConfig(0, FULL, SIZE, KV_HEADS, 0, None, False, 0)
TURNING = 16
NORM = torch.linspace(0.2, 2, SIZE)
TOLD = KeysFromValues.of(NORM, TURNING)
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


def told_numbers(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same where keys are told from values by ``TOLD``, and turn with their positions."""
    q, _, values = numbers(count)
    values = values + torch.linspace(-1, 1, KV_HEADS * SIZE)
    keys = (values.view(count, KV_HEADS, SIZE) * NORM).clone()
    each = TURNING // 2
    angle = torch.arange(count).view(-1, 1, 1) / 10 ** torch.arange(each)
    a, b = keys[..., :each].clone(), keys[..., SIZE // 2 : SIZE // 2 + each].clone()
    keys[..., :each] = a * angle.cos() - b * angle.sin()
    keys[..., SIZE // 2 : SIZE // 2 + each] = b * angle.cos() + a * angle.sin()
    return q, keys.view(count, -1), values


def read(
    layer: LayerCache,
    count: int,
    chunks: list[int],
    made: Callable[[int], tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = numbers,
) -> torch.Tensor:
    """What attention gives for every row, appended in these chunks."""
    q, keys, values = made(count)
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
