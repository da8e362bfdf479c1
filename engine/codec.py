"""The KV codec: how keys and values become few bits. Knows vectors, nothing of layers or attention.

Values are rotated by a signed Hadamard matrix; keys are first centred (softmax does not see a shift
common to all keys) and weighted by how strongly the queries look at each channel, so that the error
is small where it matters. Each vector keeps one fp16 scale, which gives the coded vector the length
of the true one; its numbers become the nearest of the Lloyd-Max levels of a Gaussian. After
TurboQuant (Zandieh et al., 2025), without its second stage. ``docs/kv-cache.md`` has what it costs.
"""

from dataclasses import dataclass
from functools import cache

import torch

from engine.widths import Bits

# Lloyd-Max levels of the unit Gaussian, positive half (J. Max, 1960).
POSITIVE_LEVELS: dict[int, tuple[float, ...]] = {
    2: (0.4528, 1.5104),
    3: (0.2451, 0.7560, 1.3439, 2.1520),
    4: (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326),
}
# How far keys are weighted by the queries' energy, by the bits of a key.
KEY_WEIGHT_POWER: dict[int, float] = {2: 0.6, 3: 0.75, 4: 0.5, 8: 0.0}


@dataclass(frozen=True)
class KeyStatistics:
    """What keys are coded with: fp32 [kv heads, size] each."""

    mean: torch.Tensor
    weight: torch.Tensor

    @property
    def parts(self) -> dict[str, torch.Tensor]:
        """All of them by name."""
        return {"mean": self.mean, "weight": self.weight}

    @classmethod
    def unknown(cls, kv_heads: int, size: int, device: torch.device) -> "KeyStatistics":
        """Zeros, to be filled."""
        return cls(*torch.zeros(2, kv_heads, size, device=device))


@cache
def levels(bits: int) -> torch.Tensor:
    """fp32 [16]: what each code stands for, repeated to sixteen. 4-bit codes: sign, magnitude."""
    if bits == 8:
        return torch.zeros(16)
    positive = torch.tensor(POSITIVE_LEVELS[bits])
    if bits == 4:
        return torch.cat([positive, -positive])
    return torch.cat([-positive.flip(0), positive]).repeat(16 >> bits)


@cache
def signs(size: int) -> torch.Tensor:
    """fp32 [size] of -1 and 1: the rotation's random signs, the same for ever."""
    generator = torch.Generator().manual_seed(size)
    return (torch.randint(0, 2, (size,), generator=generator) * 2 - 1).float()


def key_statistics(
    key_sum: torch.Tensor, query_energy: torch.Tensor, positions: int, bits: Bits
) -> KeyStatistics:
    """From the sum of keys [kv heads, size] over positions, and queries' squares summed alike."""
    energy = query_energy / query_energy.mean(-1, keepdim=True).clamp_min(1e-30)
    weight = energy.clamp_min(1e-4) ** (KEY_WEIGHT_POWER[bits] / 2)
    return KeyStatistics(key_sum / positions, weight)
