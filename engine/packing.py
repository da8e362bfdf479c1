"""Rounds weights to 4 or 8 bits and lays them out in panels. Knows no files and no models.

The C kernels do it where they are (``native/src/quantize.inc.h``), torch's operators elsewhere.

4 bits: groups of 32 inputs, weight = scale * (q - 8), q in 0..15. The scale is the best of a few,
by squared error: from the group's largest weight at -8 (as llama.cpp's Q4_0), or slightly smaller
ones. 8 bits: groups of 32, weight = scale * q, q in -127..127.
"""

from typing import Protocol

import torch

from engine.matrix import Matrix, Table, Width
from engine.native import GROUP, PANEL, kernels

# Tried around largest / -8: cutting the largest a little often costs less than a coarser step.
_FACTORS = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 1.06)
# Numbers handled at once: bounds the working memory to a few times as many fp32.
_SLAB_NUMBERS = 1 << 21


class Rows(Protocol):
    """Weights of any float type handed out some rows at a time: a tensor, or one still on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns)."""

    def __getitem__(self, rows: slice, /) -> torch.Tensor:
        """[some rows, columns]."""


def pack(weight: Rows, width: Width) -> Matrix:
    """weight [outputs, inputs] as a :class:`Matrix` of that width, a slab of rows at a time.

    Inputs that are no multiple of 32 cannot be packed to 4 or 8 bits and stay in bf16.
    """
    outputs, inputs = weight.shape
    if width < 16 and inputs % GROUP:
        width = 16
    rows = max(PANEL, _SLAB_NUMBERS // inputs // PANEL * PANEL)
    panels = -(-outputs // PANEL)
    data = _empty(panels, inputs, width)
    scales = (
        torch.empty(panels, inputs // GROUP, PANEL, dtype=torch.float16) if width < 16 else None
    )
    for first in range(0, outputs, rows):
        slab = weight[first : first + rows]
        if scales is not None and (native := kernels()):
            where = slice(first // PANEL, first // PANEL + -(-slab.shape[0] // PANEL))
            native.quantize(_plain(slab), width, data[where], scales[where])
            continue
        slab = slab.float()
        if slab.shape[0] % PANEL:
            slab = torch.nn.functional.pad(slab, (0, 0, 0, -slab.shape[0] % PANEL))
        where = slice(first // PANEL, first // PANEL + slab.shape[0] // PANEL)
        if scales is None:
            data[where] = slab.view(-1, PANEL, inputs).transpose(1, 2).to(data.dtype)
            continue
        q, scale = quantize4(slab) if width == 4 else quantize8(slab)
        scales[where] = scale.view(-1, PANEL, inputs // GROUP).transpose(1, 2)
        data[where] = panels4(q) if width == 4 else panels8(q)
    return Matrix(width, outputs, inputs, data, scales)


def pack_table(weight: torch.Tensor) -> Table:
    """weight [rows, columns] as an 8-bit :class:`Table`; columns must be a multiple of 32."""
    if native := kernels():
        rows, columns = weight.shape
        data = torch.empty(rows, columns, dtype=torch.int8)
        scales = torch.empty(rows, columns // GROUP, dtype=torch.float16)
        native.quantize(_plain(weight), 8, data, scales, panels=False)
        return Table(data, scales)
    q, scale = quantize8(weight.float())
    return Table(q, scale)


def quantize4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """q uint8 [rows, inputs] and scales fp16 [rows, inputs / 32] of fp32 weights [rows, inputs]."""
    groups = weight.reshape(-1, GROUP)
    largest = groups.gather(1, groups.abs().argmax(1, keepdim=True))
    best_scale = torch.zeros_like(largest)
    best_error = torch.full_like(largest, float("inf"))
    for factor in _FACTORS:
        scale = (largest / -8 * factor).half().float()
        q = _divide(groups, scale).round_().clamp_(-8, 7)
        error = q.mul_(scale).sub_(groups).square_().sum(1, keepdim=True)
        better = error < best_error
        best_scale = torch.where(better, scale, best_scale)
        best_error = torch.minimum(error, best_error)
    q = _divide(groups, best_scale).round_().clamp_(-8, 7).add_(8)
    return q.to(torch.uint8).view(weight.shape), best_scale.half().view(weight.shape[0], -1)


def quantize8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """q int8 [rows, inputs] and scales fp16 [rows, inputs / 32] of fp32 weights [rows, inputs]."""
    groups = weight.reshape(-1, GROUP)
    scale = (groups.abs().amax(1, keepdim=True) / 127).half().float()
    q = _divide(groups, scale).round_().clamp_(-127, 127)
    return q.to(torch.int8).view(weight.shape), scale.half().view(weight.shape[0], -1)


def panels4(q: torch.Tensor) -> torch.Tensor:
    """q uint8 [rows, inputs] in 0..15, rows a multiple of 16: [rows / 16, inputs / 8, 64]."""
    quads = q.view(-1, PANEL, q.shape[1] // 8, 2, 4)
    pairs = quads[:, :, :, 0] | (quads[:, :, :, 1] << 4)
    return pairs.transpose(1, 2).reshape(-1, q.shape[1] // 8, 64)


def panels8(q: torch.Tensor) -> torch.Tensor:
    """q int8 [rows, inputs], rows a multiple of 16: [rows / 16, inputs / 4, 16, 4]."""
    return q.view(-1, PANEL, q.shape[1] // 4, 4).transpose(1, 2).contiguous()


def packed_shapes(
    outputs: int, inputs: int, width: Width
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each part of a packed matrix, by the part's name."""
    if width < 16 and inputs % GROUP:
        width = 16
    panels = -(-outputs // PANEL)
    parts = {"data": (tuple(_empty(0, inputs, width).shape[1:]), _empty(0, inputs, width).dtype)}
    if width < 16:
        parts["scales"] = ((inputs // GROUP, PANEL), torch.float16)
    return {name: ((panels, *shape), dtype) for name, (shape, dtype) in parts.items()}


def _empty(panels: int, inputs: int, width: Width) -> torch.Tensor:
    if width == 4:
        return torch.empty(panels, inputs // 8, 64, dtype=torch.uint8)
    if width == 8:
        return torch.empty(panels, inputs // 4, PANEL, 4, dtype=torch.int8)
    return torch.empty(
        panels, inputs, PANEL, dtype=torch.bfloat16 if width == 16 else torch.float32
    )


def _plain(weight: torch.Tensor) -> torch.Tensor:
    """In a type and an order that the kernels read."""
    if weight.dtype != torch.bfloat16:
        weight = weight.float()
    return weight.contiguous()


def _divide(groups: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """groups / scale, zero where the scale is zero."""
    return groups * torch.where(scale == 0, 0.0, 1.0 / scale)
