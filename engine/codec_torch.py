"""The KV codec in plain torch, on any device. Knows vectors, nothing of layers or attention.

The same codes as the C kernels' ``codes.inc.h``, with the levels, signs and statistics of
``codec.py``. Eight codes fill as many bytes as a code has bits, the first code in the lowest bits.
"""

from functools import cache

import torch

from engine.codec import POSITIVE_LEVELS, levels, signs
from engine.widths import Bits

# Numbers whose codes are packed together: a vector's size is a multiple of it.
PACK = 8
_LARGEST = 127


def can_code(size: int) -> bool:
    """Whether vectors of this size can be turned and packed."""
    return size >= PACK and size & (size - 1) == 0


def hadamard(x: torch.Tensor) -> torch.Tensor:
    """H x for x [..., size], size a power of two, H of -1 and 1: the fast Walsh-Hadamard transform.

    In the order of additions of the C kernel, so that both give the same bits on a CPU.
    """
    shape, size, half = x.shape, x.shape[-1], 1
    while half < size:
        pairs = x.reshape(-1, size // (2 * half), 2, half)
        a, b = pairs[:, :, 0], pairs[:, :, 1]
        x = torch.stack([a + b, a - b], 2)
        half *= 2
    return x.reshape(shape)


def rotate(x: torch.Tensor) -> torch.Tensor:
    """H (signs * x) / sqrt(size) for fp32 x [..., size]: of the same length."""
    size = x.shape[-1]
    return hadamard(x * _signs(size, x.device)) * float(size**-0.5)


@cache
def rotation(size: int, device: torch.device) -> torch.Tensor:
    """fp32 [size, size]: x @ rotation is :func:`rotate` in one product, its transpose goes back."""
    return rotate(torch.eye(size, device=device))


def pack(codes: torch.Tensor, bits: Bits) -> torch.Tensor:
    """uint8 [..., size], each below 2^bits, in uint8 [..., size * bits / 8]."""
    if bits == 8:
        return codes
    eights = codes.reshape(*codes.shape[:-1], codes.shape[-1] // PACK, PACK).int()
    word = (eights << _shifts(bits, PACK, codes.device)).sum(-1, dtype=torch.int32)
    parts = (word.unsqueeze(-1) >> _shifts(8, bits, codes.device)) & 0xFF
    return parts.to(torch.uint8).flatten(-2)


def unpack(packed: torch.Tensor, bits: Bits) -> torch.Tensor:
    """The codes of :func:`pack`, int32 or, of 8 bits, uint8 [..., size]."""
    if bits == 8:
        return packed
    parts = packed.reshape(*packed.shape[:-1], packed.shape[-1] // bits, bits).int()
    word = (parts << _shifts(8, bits, packed.device)).sum(-1, dtype=torch.int32)
    codes = (word.unsqueeze(-1) >> _shifts(bits, PACK, packed.device)) & ((1 << bits) - 1)
    return codes.flatten(-2)


def encode(x: torch.Tensor, bits: Bits) -> tuple[torch.Tensor, torch.Tensor]:
    """fp32 [..., size], already rotated: packed codes [..., size * bits / 8], fp16 scales [...]."""
    if bits == 8:
        scales = (x.abs().amax(-1) / _LARGEST).half()
        step = scales.float().unsqueeze(-1)
        inverse = torch.where(step > 0, 1 / step, 0.0)
        codes = (x * inverse).round().clamp(-_LARGEST, _LARGEST).to(torch.int8)
        return codes.view(torch.uint8), scales
    size, count = x.shape[-1], 1 << (bits - 1)
    positive = _positive(bits, x.device)
    square = x.square().sum(-1)
    inverse = torch.where(square > 0, (size / square).sqrt(), 0.0)
    unit = x * inverse.unsqueeze(-1)
    level = torch.bucketize(unit.abs(), (positive[1:] + positive[:-1]) * 0.5, out_int32=True)
    scales = (square / positive[level].square().sum(-1)).sqrt().half()
    if bits == 4:
        codes = torch.where(unit < 0, level + count, level)
    else:
        codes = torch.where(unit < 0, count - 1 - level, count + level)
    return pack(codes.to(torch.uint8), bits), scales


def decode(packed: torch.Tensor, bits: Bits) -> torch.Tensor:
    """fp32 [..., size]: what the codes stand for; times their scale, the vector."""
    if bits == 8:
        return packed.view(torch.int8).float()
    return _levels(bits, packed.device)[unpack(packed, bits)]


@cache
def _signs(size: int, device: torch.device) -> torch.Tensor:
    return signs(size).to(device)


@cache
def _levels(bits: Bits, device: torch.device) -> torch.Tensor:
    return levels(bits).to(device)


@cache
def _positive(bits: Bits, device: torch.device) -> torch.Tensor:
    return torch.tensor(POSITIVE_LEVELS[bits], device=device)


@cache
def _shifts(step: int, count: int, device: torch.device) -> torch.Tensor:
    """int32 [count]: 0, step, 2 * step, ..."""
    return torch.arange(0, step * count, step, dtype=torch.int32, device=device)
