"""The caches that ``kv_quality`` compares. Ours is the one that ships; the others are simulated.

The others' keys and values of global layers are rounded as a codec would and kept in fp32. They
attend the first 1,024 positions exactly, as ours does, and round them then; all that follows is
rounded when it comes. llama.cpp rounds sliding layers too; here nobody does. Since April 2026 it
rotates what it rounds (ggml-org/llama.cpp#21038): ``q4_0_rotated`` is that, ``q4_0`` is the format
alone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Protocol

import torch

from engine import codec_torch
from engine.cache import ExactLayer, KVCache
from engine.config import LayerConfig, ModelConfig
from engine.kv_measure import CANDIDATES
from engine.widths import LEARN, Bits, KVBits


class Rounding(Protocol):
    """Rounds vectors [..., size], in few bits and back again."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...


def block_rounded(x: torch.Tensor, bits: int) -> torch.Tensor:
    """As llama.cpp's q8_0 and q4_0: blocks of 32 with an fp16 scale."""
    blocks = x.reshape(-1, 32)
    if bits == 8:
        scale = blocks.abs().amax(-1, keepdim=True) / 127
        low, high = -127, 127
    else:
        scale = blocks.gather(1, blocks.abs().argmax(-1, keepdim=True)) / -8
        low, high = -8, 7
    inverse = torch.where(scale == 0, 0, 1 / scale)
    codes = torch.floor(blocks * inverse + 0.5).clamp(low, high)
    return (codes * scale.half().float()).view(x.shape)


@cache
def hadamard(size: int) -> torch.Tensor:
    """fp32 [size, size], orthonormal and its own inverse."""
    return codec_torch.hadamard(torch.eye(size)) * size**-0.5


def rotated_rounded(x: torch.Tensor, bits: int, size: int) -> torch.Tensor:
    """The same after a Hadamard rotation of ``size`` numbers at a time."""
    turned = (x.reshape(-1, size) @ hadamard(size)).view(x.shape)
    return (block_rounded(turned, bits).view(-1, size) @ hadamard(size)).view(x.shape)


def turboquant(x: torch.Tensor, bits: Bits) -> torch.Tensor:
    """TurboQuant without its second stage: rotated, Lloyd-Max levels, the vector's own length."""
    rows, scales = codec_torch.encode(codec_torch.rotate(x), bits)
    turned = codec_torch.decode(rows, bits) * scales.float().unsqueeze(-1)
    return turned @ codec_torch.rotation(x.shape[-1], x.device).T


class RoundedLayer(ExactLayer):
    """Keys and values rounded on their way in; those of the first positions once all are there."""

    def __init__(
        self, layer: LayerConfig, capacity: int, rounded_keys: Rounding, rounded_values: Rounding
    ) -> None:
        super().__init__(layer, capacity, torch.float32)
        self._rounded_keys, self._rounded_values = rounded_keys, rounded_values
        self._first: list[tuple[torch.Tensor, torch.Tensor, int]] = []

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        if first < LEARN:
            self._first.append((keys.clone(), values.clone(), first))
            super().append(keys, values, first)
            return
        for earlier in self._first:
            self._round(*earlier)
        self._first.clear()
        self._round(keys, values, first)

    def _round(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        shape = (len(keys), self.kv_heads, self.size)
        keys = self._rounded_keys(keys.reshape(shape)).reshape(keys.shape)
        values = self._rounded_values(values.reshape(shape)).reshape(values.shape)
        super().append(keys, values, first)


NAMES = [
    *(bits.name for bits in CANDIDATES),
    "q8_0", "q4_0", "q4_0_rotated", "turboquant_k3v3", "turboquant_k4v4",
]  # fmt: skip


_ONE_LAYER = re.compile(r"(k[0-9]v[0-9])@([0-9]+)")


def codec(name: str) -> str:
    """A codec's name on a command line: of :data:`NAMES`, of other widths of ours as
    ``k3v3+k4v4@5``, or of widths that one layer has alone while the others stay exact, ``k3v3@5``.
    """
    if name not in NAMES:
        one = _ONE_LAYER.fullmatch(name)
        try:
            KVBits.parse(one[1] if one else name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}; others are {', '.join(NAMES)}") from None
    return name


def make_cache(config: ModelConfig, name: str, tokens: int, chunk: int) -> tuple[KVCache, float]:
    """A codec's cache and the bits it sets aside for each number that it codes."""
    cache, bits = KVCache(config, tokens, chunk, torch.float32), 0.0
    one = _ONE_LAYER.fullmatch(name)
    if one or name.startswith("k"):
        coded = KVCache(
            config, tokens, chunk, torch.float32, bits=KVBits.parse(one[1] if one else name)
        )
        if one and int(one[2]) not in config.growing_layers:
            raise SystemExit(f"{name}: the model has global layers {config.growing_layers}")
        for index in config.growing_layers:
            if one and index != int(one[2]):
                coded.layers[index] = cache.layers[index]
        return coded, coded.coded_bits
    for layer in config.layers:
        if layer.owns_kv and layer.window is None:
            keys, values, bits = _roundings(name, layer.head_size)
            cache.layers[layer.index] = RoundedLayer(layer, tokens, keys, values)
    return cache, bits


def _roundings(name: str, size: int) -> tuple[Rounding, Rounding, float]:
    """How a codec of others rounds keys and values, and its bits for each number."""
    if name.startswith("turboquant"):
        bits = int(name[-1])
        both: Callable[[torch.Tensor], torch.Tensor] = partial(turboquant, bits=bits)
        return both, both, bits + 16 / size
    if name == "q4_0_rotated":
        # llama.cpp turns a whole key, and 64 numbers of a value at a time.
        return (
            partial(rotated_rounded, bits=4, size=size),
            partial(rotated_rounded, bits=4, size=64),
            4.5,
        )
    bits = int(name[1])
    both = partial(block_rounded, bits=bits)
    return both, both, bits + 0.5
