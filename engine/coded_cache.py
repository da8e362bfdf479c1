"""A global layer's keys and values in few bits. Behind the interface of ``cache.py``.

Positions are coded in segments of 256, by their number: a query at position i sees a segment coded
once at least 256 exact positions lie between them, and not before the first 1,024 positions, which
give the statistics, have been read. What a query sees coded depends on its position only, never on
how the text was cut into chunks. The exact tail is kept in tiles of bf16; its values are already
rotated, so that one rotation of the result serves both.
"""

from typing import TypeVar

import torch

from engine.codec import KeyStatistics, key_statistics, levels, signs
from engine.config import CODE_PADDING, SEGMENT, LayerConfig, exact_tail
from engine.native import TILE, Attention, Encoding, Stored, kernels
from engine.placement import CPU
from engine.tiles import Tiles
from engine.widths import LEARN, RECENT, KVBits

_End = TypeVar("_End", int, torch.Tensor)


def _border(end: _End) -> _End:
    """A query that sees positions below ``end`` sees coded those below this."""
    return (end > LEARN) * ((end - RECENT) // SEGMENT * SEGMENT)


class CodedLayer(Tiles):
    """One layer: exact tiles of the newest positions, codes of all before them."""

    def __init__(self, layer: LayerConfig, capacity: int, chunk: int, bits: KVBits) -> None:
        super().__init__(layer, exact_tail(capacity, chunk), torch.bfloat16, CPU)
        self.bits = bits
        self.coded = 0
        self._capacity = -(-capacity // SEGMENT) * SEGMENT
        self._rows: dict[str, torch.Tensor] = {}
        self._scales: dict[str, torch.Tensor] = {}
        if capacity >= LEARN:
            for name, width in (("keys", bits.keys), ("values", bits.values)):
                numbers = self.kv_heads * self._capacity * self.size
                self._rows[name] = torch.zeros(
                    numbers * width // 8 + CODE_PADDING, dtype=torch.uint8
                )
                places = (self.kv_heads, self._capacity)
                self._scales[name] = torch.zeros(places, dtype=torch.float16)
        # Squares of the queries at each of the first positions, until these stand.
        self._energy: torch.Tensor | None = None
        self._statistics: KeyStatistics | None = None
        self._fresh, self._first = False, 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return super().nbytes + self.coded_nbytes

    @property
    def coded_nbytes(self) -> int:
        """Bytes set aside for codes and their scales."""
        return sum(part.nbytes for part in [*self._rows.values(), *self._scales.values()])

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        if position > self.length:
            return False
        if position < LEARN and self._statistics is not None and self._energy is None:
            # The statistics would have to be learned again, from queries that are gone.
            return position == 0
        return self.base <= _border(position + 1)

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self.coded = 0
        self._energy = self._statistics = None

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        native = kernels()
        assert native is not None
        if first == 0 and self.length:
            self.clear()
        rows = keys.shape[0]
        if first < LEARN:
            self._statistics, self.coded = None, 0
        else:
            self._energy = None
        # What is read again is coded again.
        self.coded = min(self.coded, first // SEGMENT * SEGMENT)
        if self.is_full(first, rows):
            self.move(_border(first + 1), first)
        values = values.contiguous().view(rows, self.kv_heads, self.size).clone()
        native.rotate(values, signs(self.size))
        values = values.view(rows, -1)
        self.put(keys, values, first)
        self._first = first
        self._fresh = True

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`engine.cache.LayerCache`. low is 0: a global layer sees all."""
        native = kernels()
        assert native is not None
        # The layer's own queries come first; layers that share its keys ask afterwards.
        if self._fresh:
            self._fresh = False
            if self._statistics is None:
                self._learn(q[: max(0, LEARN - self._first)], heads)
                if self.length >= LEARN:
                    self._settle()
            self._code()
        out = native.attend(self.job(q, heads, low, high, scale))
        split = out.view(-1, self.size)
        native.rotate(split, signs(self.size), back=True)
        return out

    def job(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> Attention:
        """See :meth:`Tiles.job`; with the codes of what is coded."""
        q = q.contiguous()
        job = super().job(q, heads, low, high, scale)
        kept: list[torch.Tensor] = [q, low, high]
        if self._statistics is not None and self.coded:
            native = kernels()
            assert native is not None
            mean, weight = self._statistics.mean, self._statistics.weight
            split = q.view(q.shape[0], self.kv_heads, -1, self.size)
            # Row by row sums, so that a row's bias does not depend on its neighbours.
            bias = (split * mean.unsqueeze(1)).sum(-1) * scale
            turned = (split / weight.unsqueeze(1)).contiguous()
            native.rotate(turned, signs(self.size))
            border = _border(high)
            job.coded_q, job.bias = turned.data_ptr(), bias.data_ptr()
            job.border = border.data_ptr()
            job.coded_keys = self._codes("keys", self.bits.keys)
            job.coded_values = self._codes("values", self.bits.values)
            kept += [bias, turned, border]
        job.kept = kept
        return job

    def _codes(self, name: str, bits: int) -> Stored:
        return Stored(
            kind=bits,
            capacity=self._capacity,
            rows=self._rows[name].data_ptr(),
            scales=self._scales[name].data_ptr(),
            levels=levels(bits).data_ptr(),
        )

    def _learn(self, q: torch.Tensor, heads: int) -> None:
        """Remembers how strongly queries at the first positions look at each channel."""
        if self._energy is None:
            self._energy = torch.zeros(LEARN, self.kv_heads, self.size)
        split = q.reshape(len(q), self.kv_heads, heads // self.kv_heads, self.size)
        self._energy[self._first : self._first + len(q)] = split.square().sum(2)

    def _settle(self) -> None:
        """The statistics are known from here on; summed at once, so that chunks do not matter."""
        assert self._energy is not None
        tiles = self.keys[:, :LEARN].reshape(self.kv_heads, LEARN // TILE, self.size, TILE)
        self._statistics = key_statistics(
            tiles.float().sum((1, 3)), self._energy.sum(0), LEARN, self.bits.keys
        )

    def _code(self) -> None:
        """Codes the whole segments that have been read and are not coded yet."""
        if self._statistics is None:
            return
        native = kernels()
        assert native is not None
        last = self.length // SEGMENT * SEGMENT
        if last <= self.coded:
            return
        shape = (self.kv_heads, self._capacity, self.size)
        for head in range(self.kv_heads):
            exact = (self.coded - self.base) * self.size * 2
            places = {
                name: (head * shape[1] + self.coded) * self.size * bits // 8
                for name, bits in (("keys", self.bits.keys), ("values", self.bits.values))
            }
            native.encode(
                Encoding(
                    exact_kind=16,
                    head_size=self.size,
                    tiles=(last - self.coded) // TILE,
                    exact_keys=self.keys[head].data_ptr() + exact,
                    exact_values=self.values[head].data_ptr() + exact,
                    mean=self._statistics.mean[head].data_ptr(),
                    weight=self._statistics.weight[head].data_ptr(),
                    signs=signs(self.size).data_ptr(),
                    key_kind=self.bits.keys,
                    value_kind=self.bits.values,
                    key_levels=levels(self.bits.keys).data_ptr(),
                    value_levels=levels(self.bits.values).data_ptr(),
                    keys=self._rows["keys"].data_ptr() + places["keys"],
                    values=self._rows["values"].data_ptr() + places["values"],
                    key_scales=self._scales["keys"][head, self.coded :].data_ptr(),
                    value_scales=self._scales["values"][head, self.coded :].data_ptr(),
                )
            )
        self.coded = last
