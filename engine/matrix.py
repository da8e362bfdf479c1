"""Weight matrices as they lie in memory, of 4, 8, 16 or 32 bits a weight. Knows no models.

All forms are stored in panels of 16 outputs, the layouts of ``native/src/kernels.h``. The C kernels
multiply with them on the CPU; elsewhere, or without the kernels, they are unpacked slab by slab and
multiplied by torch.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from engine.native import BF16, F32, GROUP, PANEL, Q4, Q8, kernels
from engine.widths import Width as Width

KINDS: dict[Width, int] = {4: Q4, 8: Q8, 16: BF16, 32: F32}
# Outputs unpacked at a time where torch does the product.
_SLAB = 4096


@dataclass(frozen=True)
class Matrix:
    """``outputs x inputs`` weights in panels.

    data: uint8 [P, K/8, 64] for 4 bits, int8 [P, K/4, 16, 4] for 8, bf16 or fp32 [P, K, 16] else,
    with P = ceil(outputs / 16) and K = inputs. scales, minima: fp16 [P, K/32, 16]; without minima,
    4-bit weights are scale * (q - 8).
    """

    width: Width
    outputs: int
    inputs: int
    data: torch.Tensor
    scales: torch.Tensor | None = None
    minima: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(
            part.nbytes for part in (self.data, self.scales, self.minima) if part is not None
        )

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [rows, inputs] times the weights: [rows, outputs]."""
        if x.device.type == "cpu" and x.dtype == torch.float32 and (native := kernels()):
            return native.linear(
                KINDS[self.width], x, self.data, self.scales, self.minima, self.outputs
            )
        slabs = range(0, self.outputs, _SLAB)
        if len(slabs) == 1:
            return functional.linear(x, self.dense().to(x.dtype))
        parts = [functional.linear(x, self.part(s, s + _SLAB).dense().to(x.dtype)) for s in slabs]
        return torch.cat(parts, dim=-1)

    def part(self, first: int, last: int) -> "Matrix":
        """Outputs first to last (not included) as a view; first must be a multiple of 16."""
        last = min(last, self.outputs)
        if first % PANEL:
            raise ValueError(f"a part must start at a multiple of {PANEL}, not at {first}")
        panels = slice(first // PANEL, -(-last // PANEL))
        return Matrix(
            self.width,
            last - first,
            self.inputs,
            self.data[panels],
            None if self.scales is None else self.scales[panels],
            None if self.minima is None else self.minima[panels],
        )

    def dense(self) -> torch.Tensor:
        """fp32 [outputs, inputs], unpacked."""
        return self._unpack(self.data, self.scales, self.minima).reshape(-1, self.inputs)[
            : self.outputs
        ]

    def rows(self, indices: torch.Tensor) -> torch.Tensor:
        """fp32 [n, inputs]: the weights of some outputs, as an embedding looks them up."""
        panels, lanes = indices // PANEL, indices % PANEL
        chosen = [None if t is None else t[panels] for t in (self.data, self.scales, self.minima)]
        assert chosen[0] is not None
        all_lanes = self._unpack(chosen[0], chosen[1], chosen[2])
        return all_lanes[torch.arange(len(indices), device=indices.device), lanes]

    def to(self, device: torch.device) -> "Matrix":
        """The same on another device."""
        return Matrix(
            self.width,
            self.outputs,
            self.inputs,
            self.data.to(device),
            None if self.scales is None else self.scales.to(device),
            None if self.minima is None else self.minima.to(device),
        )

    def _unpack(
        self, data: torch.Tensor, scales: torch.Tensor | None, minima: torch.Tensor | None
    ) -> torch.Tensor:
        """fp32 [panels, 16, inputs]."""
        count = data.shape[0]
        if self.width >= 16:
            return data.transpose(1, 2).float()
        assert scales is not None
        if self.width == 4:
            quads = data.view(count, -1, 1, PANEL, 4)
            q = torch.cat([quads & 15, quads >> 4], dim=2)  # [panels, K/8, 2, 16, 4]
            q = q.permute(0, 3, 1, 2, 4).reshape(count, PANEL, -1, GROUP).float()
        else:
            q = data.transpose(1, 2).reshape(count, PANEL, -1, GROUP).float()
        scale = scales.transpose(1, 2).float().unsqueeze(-1)
        if self.width == 4:
            low = scale * -8 if minima is None else minima.transpose(1, 2).float().unsqueeze(-1)
            return torch.addcmul(low, q, scale).reshape(count, PANEL, -1)
        return (q * scale).reshape(count, PANEL, -1)


@dataclass(frozen=True)
class Joined:
    """Matrices of the same inputs whose outputs stand side by side."""

    parts: tuple[Matrix, ...]

    @property
    def outputs(self) -> int:
        """Outputs of all parts."""
        return sum(part.outputs for part in self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.nbytes for part in self.parts)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [rows, inputs] times the weights: [rows, outputs]."""
        return torch.cat([part(x) for part in self.parts], dim=-1)

    def to(self, device: torch.device) -> "Joined":
        """The same on another device."""
        return Joined(tuple(part.to(device) for part in self.parts))


class Lookup(Protocol):
    """An embedding that is only looked up, row after row."""

    @property
    def nbytes(self) -> int:
        """Bytes of all parts, on disk."""

    def rows(self, indices: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """fp32 [n, last - first]: columns first to last of some rows, multiples of 32."""


@dataclass(frozen=True)
class Table:
    """An embedding that is only looked up, row after row, left where it lies (on disk, mapped).

    data: int8 [rows, columns] with scales fp16 [rows, columns / 32], or bf16 / fp32 without scales.
    """

    data: torch.Tensor
    scales: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all parts, on disk."""
        return self.data.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def rows(self, indices: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """fp32 [n, last - first]: columns first to last of some rows, multiples of 32."""
        where = indices.to(self.data.device)
        found = self.data[:, first:last][where].float()
        if self.scales is not None:
            scale = self.scales[:, first // GROUP : last // GROUP][where].float()
            found = (found.view(len(where), -1, GROUP) * scale.unsqueeze(-1)).view(len(where), -1)
        return found.to(indices.device)


def join(parts: list[Matrix]) -> Matrix | Joined:
    """One matrix of several whose outputs stand side by side; one product instead of several."""
    first = parts[0]
    alike = all(p.width == first.width and p.inputs == first.inputs for p in parts)
    alike = alike and all((p.minima is None) == (first.minima is None) for p in parts)
    if len(parts) == 1:
        return first
    if not alike or any(p.outputs % PANEL for p in parts[:-1]):
        return Joined(tuple(parts))

    def together(tensors: list[torch.Tensor | None]) -> torch.Tensor | None:
        there = [t for t in tensors if t is not None]
        return torch.cat(there) if there else None

    data = together([p.data for p in parts])
    assert data is not None
    return Matrix(
        first.width,
        sum(p.outputs for p in parts),
        first.inputs,
        data,
        together([p.scales for p in parts]),
        together([p.minima for p in parts]),
    )
