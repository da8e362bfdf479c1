"""The number formats of GGUF files: their blocks as numbers or as packed weights. Knows no models.

Q4_0, Q4_1, Q5_0 and Q8_0 have one scale for 32 weights and keep every bit as 4- or 8-bit weights
here; of Q4_K, the products of its two levels of scales are rounded to fp16. The other formats have
scales for 16 weights or tables of values and are rounded anew to 8 bits. Layouts: ggml-common.h of
llama.cpp; nibbles are the first and the second half of a group, not neighbours.
"""

from collections.abc import Callable

import numpy as np
import torch
from gguf import quants
from gguf.constants import GGMLQuantizationType as Kind
from numpy.typing import NDArray

from engine.errors import UnsupportedModel
from engine.gguf_reader import StoredTensor
from engine.matrix import Matrix, Width
from engine.native import GROUP, PANEL
from engine.packing import pack, panels8, quantize8

# q, scales and minima [rows, groups of 32]. q is int8 [rows, inputs] for 8 bits; for 4 bits it is
# int32 [rows, inputs / 8], each the four bytes that a panel holds of 8 inputs: input i low, i + 4
# high.
Groups = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
# Numbers handled at once: bounds the working memory to some ten times as many bytes.
_SLAB_NUMBERS = 1 << 22
_LOW = 0x0F0F0F0F
_PLAIN = {Kind.F32: torch.float32, Kind.F16: torch.float16, Kind.BF16: torch.bfloat16}


def numbers(kind: Kind, raw: NDArray[np.uint8]) -> torch.Tensor:
    """fp32 [rows, inputs] of blocks uint8 [rows, bytes]."""
    if kind in _PLAIN:
        return torch.from_numpy(raw).view(_PLAIN[kind]).float()
    if kind in _NATIVE:
        q, scales, minima = _NATIVE[kind](torch.from_numpy(raw))
        if kind in _FOUR_BITS:
            pairs = q.view(torch.uint8).view(q.shape[0], -1, 1, 4)
            q = torch.cat([pairs & 15, pairs >> 4], dim=2)
        grouped = q.view(q.shape[0], -1, GROUP).float()
        low = scales * -8 if minima is None and kind in _FOUR_BITS else minima
        grouped *= scales.unsqueeze(-1)
        return (grouped if low is None else grouped + low.unsqueeze(-1)).flatten(1)
    return torch.from_numpy(quants.dequantize(raw, kind)).float()


def packed(tensor: StoredTensor, first: int, rows: int, width: Width) -> Matrix:
    """Rows first to first + rows as a matrix.

    A width of 16 or 32 is kept to. Else weights stay as they were rounded for the file, in 4 or 8
    bits, and only unrounded ones are rounded to ``width``. Read a slab at a time.
    """
    check(tensor)
    inputs, kind = tensor.shape[-1], tensor.kind
    if width >= 16 or kind in _PLAIN:
        bits: Width = width
    else:
        bits = 4 if kind in _FOUR_BITS else 8
    slab = max(PANEL, _SLAB_NUMBERS // inputs // PANEL * PANEL)
    parts = []
    for start in range(0, rows, slab):
        raw = tensor.read(first + start, min(slab, rows - start))
        if bits >= 16 or kind in _PLAIN:
            parts.append(pack(numbers(kind, raw), bits))
            continue
        groups = _NATIVE[kind](torch.from_numpy(raw)) if kind in _NATIVE else _rounded(kind, raw)
        parts.append(_panels(bits, groups))
    return _stacked(parts, rows)


def check(tensor: StoredTensor) -> None:
    """Raises UnsupportedModel for a format without a way to its numbers."""
    if tensor.kind not in _PLAIN and tensor.kind not in _NATIVE and tensor.kind not in _OTHERS:
        raise UnsupportedModel(
            str(tensor.path),
            f"The tensor {tensor.name} is in the number format {tensor.kind.name}, which the "
            "engine does not read.",
            "Choose a file in Q4_0, Q4_K_M, Q8_0 or bf16.",
        )


def _rounded(kind: Kind, raw: NDArray[np.uint8]) -> Groups:
    q, scales = quantize8(numbers(kind, raw))
    return q, scales, None


def _panels(width: Width, groups: Groups) -> Matrix:
    q, scales, minima = groups
    rows, inputs = q.shape[0], q.shape[1] * (8 if width == 4 else 1)
    missing = -rows % PANEL

    def in_panels(part: torch.Tensor) -> torch.Tensor:
        part = torch.nn.functional.pad(part.half(), (0, 0, 0, missing))
        return part.view(-1, PANEL, inputs // GROUP).transpose(1, 2).contiguous()

    q = torch.nn.functional.pad(q, (0, 0, 0, missing))
    return Matrix(
        width,
        rows,
        inputs,
        _panels4(q) if width == 4 else panels8(q),
        in_panels(scales),
        None if minima is None else in_panels(minima),
    )


def _panels4(pairs: torch.Tensor) -> torch.Tensor:
    """uint8 [panels, inputs / 8, 64] of int32 [rows, inputs / 8]."""
    words = pairs.view(-1, PANEL, pairs.shape[1]).transpose(1, 2).contiguous()
    return words.view(torch.uint8)


def _stacked(parts: list[Matrix], rows: int) -> Matrix:
    """One matrix of slabs that all but the last fill their panels; frees the slabs as it goes."""
    first = parts[0]
    if len(parts) == 1:
        return first
    panels = -(-rows // PANEL)

    def empty(like: torch.Tensor | None) -> torch.Tensor | None:
        return None if like is None else like.new_empty(panels, *like.shape[1:])

    data, scales, minima = empty(first.data), empty(first.scales), empty(first.minima)
    assert data is not None
    at = 0
    while parts:
        part = parts.pop(0)
        where = slice(at, at + part.data.shape[0])
        for to, given in ((data, part.data), (scales, part.scales), (minima, part.minima)):
            if to is not None and given is not None:
                to[where] = given
        at = where.stop
    return Matrix(first.width, rows, first.inputs, data, scales, minima)


def _halves(blocks: torch.Tensor, first: int) -> torch.Tensor:
    """fp32 [rows, blocks] of the fp16 at byte ``first`` of each block."""
    return blocks[..., first : first + 2].contiguous().view(torch.float16).squeeze(-1).float()


def _nibbles(packed: torch.Tensor) -> torch.Tensor:
    """uint8 [..., 16] to [..., 32]: low halves, then high halves."""
    return torch.cat([packed & 15, packed >> 4], dim=-1)


def _pairs(packed: torch.Tensor) -> torch.Tensor:
    """The same as int32 [..., 4], two inputs a byte: see Groups. Four bytes are handled as one."""
    words = packed.contiguous().view(torch.int32)
    first, second = words[..., 0::2], words[..., 1::2]
    low = (first & _LOW) | (second & _LOW) << 4
    return torch.cat([low, (first >> 4 & _LOW) | (second & ~_LOW)], dim=-1)


def _q4_0(raw: torch.Tensor) -> Groups:
    blocks = raw.view(raw.shape[0], -1, 18)
    return _pairs(blocks[..., 2:]).view(raw.shape[0], -1), _halves(blocks, 0), None


def _q4_1(raw: torch.Tensor) -> Groups:
    blocks = raw.view(raw.shape[0], -1, 20)
    q = _pairs(blocks[..., 4:]).view(raw.shape[0], -1)
    return q, _halves(blocks, 0), _halves(blocks, 2)


def _q5_0(raw: torch.Tensor) -> Groups:
    blocks = raw.view(raw.shape[0], -1, 22)
    bits = torch.arange(8, dtype=torch.uint8)
    fifth = (blocks[..., 2:6].unsqueeze(-1) >> bits & 1).flatten(-2)  # [rows, blocks, 32]
    q = (_nibbles(blocks[..., 6:]) | fifth << 4).to(torch.int8) - 16
    return q.view(raw.shape[0], -1), _halves(blocks, 0), None


def _q8_0(raw: torch.Tensor) -> Groups:
    blocks = raw.view(raw.shape[0], -1, 34)
    q = blocks[..., 2:].contiguous().view(torch.int8)
    return q.view(raw.shape[0], -1), _halves(blocks, 0), None


def _q4_k(raw: torch.Tensor) -> Groups:
    """Eight groups a block of 144 bytes: weight = (d * scale) * q - (least * minimum)."""
    rows = raw.shape[0]
    blocks = raw.view(rows, -1, 144)
    d, least = _halves(blocks, 0).unsqueeze(-1), _halves(blocks, 2).unsqueeze(-1)
    # Six bits each: the first four of either lie whole, the others are split over two bytes.
    low, middle, high = blocks[..., 4:8], blocks[..., 8:12], blocks[..., 12:16]
    scale = torch.cat([low & 63, (high & 15) | (low >> 6 << 4)], dim=-1)
    minimum = torch.cat([middle & 63, (high >> 4) | (middle >> 6 << 4)], dim=-1)
    q = _pairs(blocks[..., 16:].reshape(rows, -1, 4, 32)).view(rows, -1)  # 32 bytes, two groups
    return q, (d * scale).view(rows, -1), (least * -minimum.float()).view(rows, -1)


_FOUR_BITS = {Kind.Q4_0, Kind.Q4_1, Kind.Q4_K}
_NATIVE: dict[Kind, Callable[[torch.Tensor], Groups]] = {
    Kind.Q4_0: _q4_0,
    Kind.Q4_1: _q4_1,
    Kind.Q4_K: _q4_k,
    Kind.Q5_0: _q5_0,
    Kind.Q8_0: _q8_0,
}
_OTHERS = {
    Kind.Q2_K, Kind.Q3_K, Kind.Q5_1, Kind.Q5_K, Kind.Q6_K, Kind.IQ1_S, Kind.IQ1_M, Kind.IQ2_XXS,
    Kind.IQ2_XS, Kind.IQ2_S, Kind.IQ3_XXS, Kind.IQ3_S, Kind.IQ4_NL, Kind.IQ4_XS, Kind.MXFP4,
}  # fmt: skip
