"""The decoder's small parts: norm, rotary positions, gated activation. Knows no weights' files.

Each runs as a C kernel on fp32 CPU tensors where the kernels are there, and as torch operators
elsewhere; both compute in fp32.
"""

import torch
from torch.nn import functional

from engine.config import Rope
from engine.native import kernels


def rms_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    epsilon: float,
    residual: torch.Tensor | None = None,
    factor: float = 1.0,
) -> torch.Tensor:
    """(x / rms(x) * weight + residual) * factor over the last dimension."""
    native = kernels() if x.device.type == "cpu" and x.dtype == torch.float32 else None
    if native and x.is_contiguous():
        return native.rms_norm(x, weight, epsilon, residual, factor)
    full = x.float()
    out = full * torch.rsqrt(full.square().mean(-1, keepdim=True) + epsilon)
    if weight is not None:
        out = out * weight
    out = out.to(x.dtype)
    if residual is not None:
        out = out + residual
    return out if factor == 1.0 else out * factor


def gelu_multiply(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """gelu (tanh form) of gate, times up; both [rows, width]."""
    native = kernels() if gate.device.type == "cpu" and gate.dtype == torch.float32 else None
    if native and gate.stride(-1) == 1 and up.stride(-1) == 1:
        return native.gelu_multiply(gate, up)
    return functional.gelu(gate, approximate="tanh") * up


def norm_rope(
    x: torch.Tensor,
    heads: int,
    weight: torch.Tensor | None,
    epsilon: float,
    turn: tuple[torch.Tensor, torch.Tensor] | None,
    parts: int = 1,
) -> torch.Tensor:
    """x [rows, heads * size]: each head normed, then rotated by (cosine, sine) [rows, size / 2].

    Each of the ``parts`` of a head is rotated by itself. May work in place and returns the result.
    """
    native = kernels() if x.device.type == "cpu" and x.dtype == torch.float32 else None
    if native and x.stride(-1) == 1:
        cosine, sine = turn or (None, None)
        native.norm_rope(x, heads, weight, epsilon, cosine, sine, parts)
        return x
    rows, size = x.shape[0], x.shape[1] // heads
    split = rms_norm(x.reshape(rows, heads, size), weight, epsilon)
    if turn is None:
        return split.reshape(rows, -1)
    cosine, sine = (angle.view(rows, 1, parts, -1).to(x.dtype) for angle in turn)
    a, b = split.view(rows, heads, parts, -1).chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1).reshape(rows, -1)


def softcap(x: torch.Tensor, cap: float | None) -> torch.Tensor:
    """cap * tanh(x / cap), or x where there is no cap. May work in place and returns the result."""
    if cap is None:
        return x
    native = kernels() if x.device.type == "cpu" and x.dtype == torch.float32 else None
    if native and x.is_contiguous():
        native.softcap(x, cap)
        return x
    return torch.tanh(x / cap) * cap


def rope_frequencies(rope: Rope, head_size: int) -> torch.Tensor:
    """fp32 [head_size / 2]: radians a position; zero for the pairs that do not turn.

    With a live fraction below one the exponent still runs over the whole head ("proportional").
    """
    half = head_size // 2
    live = int(rope.live_fraction * head_size // 2)
    exponent = torch.arange(0, 2 * live, 2, dtype=torch.int64).float() / head_size
    turning = 1.0 / (rope.theta**exponent)
    return torch.cat([turning, torch.zeros(half - live)]) / rope.factor


def rope_turn(
    frequencies: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(cosine, sine), each fp32 [rows, head_size / 2], for positions int64 [rows]."""
    angles = positions.float().unsqueeze(-1) * frequencies
    return angles.cos(), angles.sin()
