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


# The same for values that keys are told from, and what every channel weighs besides: a value is
# attended whole, however little the queries look at its channel.
VALUE_WEIGHT_POWER, VALUE_WEIGHT_FLOOR = 0.5, 0.3


@dataclass(frozen=True)
class KeysFromValues:
    """Where a key is known from its value: ``key = norm * value`` in the channels that rotary
    positions leave alone (12B, 26B-A4B and 31B). Only the others are coded as a key.

    norm: fp32 [size], zero in the channels that turn. turning: int64, their indices.
    """

    norm: torch.Tensor
    turning: torch.Tensor

    @classmethod
    def of(cls, key_norm: torch.Tensor, channels: int) -> "KeysFromValues":
        """For keys of which ``channels`` turn, in pairs half a head apart."""
        half, each = len(key_norm) // 2, channels // 2
        first = torch.arange(each, device=key_norm.device)
        turning = torch.cat([first, first + half])
        norm = key_norm.detach().float().clone()
        norm[turning] = 0
        return cls(norm, turning)


@dataclass(frozen=True)
class Statistics:
    """What keys, and values that keys are told from, are coded with: fp32 [kv heads, channels].

    A number x is coded as (x - mean) * weight, rotated.
    """

    mean: torch.Tensor
    weight: torch.Tensor
    value_mean: torch.Tensor | None = None
    value_weight: torch.Tensor | None = None

    @property
    def parts(self) -> dict[str, torch.Tensor]:
        """All of them by name."""
        found = {"mean": self.mean, "weight": self.weight}
        if self.value_mean is not None and self.value_weight is not None:
            found |= {"value_mean": self.value_mean, "value_weight": self.value_weight}
        return found

    @classmethod
    def unknown(
        cls, kv_heads: int, key_size: int, value_size: int | None, device: torch.device
    ) -> "Statistics":
        """Zeros, to be filled; ``value_size`` where keys are told from values."""
        keys = torch.zeros(2, kv_heads, key_size, device=device)
        if value_size is None:
            return cls(*keys)
        return cls(*keys, *torch.zeros(2, kv_heads, value_size, device=device))


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
) -> Statistics:
    """From the sum of keys [kv heads, size] over positions, and queries' squares summed alike."""
    weight = _relative(query_energy).clamp_min(1e-4) ** (KEY_WEIGHT_POWER[bits] / 2)
    return Statistics(key_sum / positions, weight)


def shared_statistics(
    key_sum: torch.Tensor,
    value_sum: torch.Tensor,
    query_energy: torch.Tensor,
    positions: int,
    bits: Bits,
    form: KeysFromValues,
) -> Statistics:
    """The same for keys told from values: the sums have all channels."""
    turning = form.turning
    keys = key_statistics(key_sum[:, turning], query_energy[:, turning], positions, bits)
    seen = _relative(query_energy * form.norm.square())
    weight = (seen + VALUE_WEIGHT_FLOOR) ** (VALUE_WEIGHT_POWER / 2)
    return Statistics(keys.mean, keys.weight, value_sum / positions, weight)


def _relative(energy: torch.Tensor) -> torch.Tensor:
    """Of mean one over the channels."""
    return energy / energy.mean(-1, keepdim=True).clamp_min(1e-30)
