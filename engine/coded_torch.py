"""A global layer's keys and values in few bits, for where the C kernels do not run.

Plain torch on any device, behind the interface of ``cache.py``; which positions are coded, and how,
is as in ``coded_cache.py``. Attention goes over blocks of positions with a running softmax (Milakov
and Gimelshein, 2018) and unpacks one block at a time, for all queries of a head at once.

Nothing here waits for the device: how far to read follows from lengths, what a query sees from
masks.
"""

import torch

from engine.codec import KeyStatistics, key_statistics
from engine.codec_torch import decode, encode, rotate, rotation
from engine.coded_cache import _border
from engine.config import SEGMENT, LayerConfig, exact_tail
from engine.tiles import Kept
from engine.widths import LEARN, Bits, KVBits

# Positions unpacked at once, a multiple of a segment.
BLOCK = 1024


class CodedTorchLayer(Kept):
    """One layer: exact keys and values of the newest positions, codes of all before them."""

    def __init__(
        self, layer: LayerConfig, capacity: int, chunk: int, bits: KVBits, device: torch.device
    ) -> None:
        super().__init__(layer, exact_tail(capacity, chunk), torch.bfloat16, device)
        self.bits = bits
        self.coded = 0
        self._keys: _Codes | None = None
        self._values: _Codes | None = None
        if capacity > LEARN:
            places = -(-capacity // SEGMENT) * SEGMENT
            self._keys = _Codes(self.kv_heads, places, self.size, bits.keys, device)
            self._values = _Codes(self.kv_heads, places, self.size, bits.values, device)
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
        return sum(codes.nbytes for codes in (self._keys, self._values) if codes)

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
        where = slice(first - self.base, first - self.base + rows)
        turned = rotate(values.reshape(rows, self.kv_heads, self.size).float())
        self.keys[:, where] = keys.reshape(rows, self.kv_heads, self.size).transpose(0, 1)
        self.values[:, where] = turned.transpose(0, 1)
        self.length = first + rows
        self._first = first
        self._fresh = True

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`engine.cache.LayerCache`. low is 0: a global layer sees all."""
        rows, group = q.shape[0], heads // self.kv_heads
        split = q.reshape(rows, self.kv_heads, group, self.size).float()
        del low
        # The layer's own queries come first; layers that share its keys ask afterwards.
        if self._fresh:
            self._fresh = False
            if self._statistics is None:
                self._learn(split[: max(0, LEARN - self._first)])
                if self.length >= LEARN:
                    self._settle()
            self._code()
        # Queries of a head one under another: [kv heads, group * rows, size].
        split = split.permute(1, 2, 0, 3).reshape(self.kv_heads, group * rows, self.size)
        high = high.repeat(group).unsqueeze(-1)
        softmax = _RunningSoftmax(split)
        if self._statistics is not None and self.coded:
            border = _border(high)
            # No query's border lies before that of the first row appended.
            sure = _border(self._first + 1)
            self._attend_coded(softmax, split, border, sure, scale)
            self._attend_exact(softmax, split, border, high, sure, scale)
        else:
            self._attend_exact(softmax, split, torch.zeros_like(high), high, 0, scale)
        out = softmax.result() @ rotation(self.size, q.device).T
        out = out.view(self.kv_heads, group, rows, self.size).permute(2, 0, 1, 3)
        return out.reshape(rows, -1).to(q.dtype)

    def _attend_coded(
        self,
        softmax: "_RunningSoftmax",
        q: torch.Tensor,
        border: torch.Tensor,
        sure: int,
        scale: float,
    ) -> None:
        """Positions below ``border`` [queries, 1]; all queries see those below ``sure``."""
        assert self._keys and self._values and self._statistics
        mean, weight = self._statistics.mean, self._statistics.weight
        bias = (q * mean.unsqueeze(1)).sum(-1, keepdim=True) * scale
        turned = q / weight.unsqueeze(1) @ rotation(self.size, q.device)
        last = _border(self.length)
        for start in range(0, last, BLOCK):
            where = slice(start, min(start + BLOCK, last))
            key_scales, value_scales = self._keys.scales[:, where], self._values.scales[:, where]
            scores = turned @ decode(self._keys.rows[:, where], self.bits.keys).transpose(1, 2)
            scores = scores.mul_(key_scales.unsqueeze(1) * scale).add_(bias)
            if where.stop > sure:
                positions = torch.arange(start, where.stop, device=q.device)
                scores.masked_fill_(positions >= border, float("-inf"))
            values = decode(self._values.rows[:, where], self.bits.values)
            softmax.add(scores, values, value_scales)

    def _attend_exact(
        self,
        softmax: "_RunningSoftmax",
        q: torch.Tensor,
        border: torch.Tensor,
        high: torch.Tensor,
        first: int,
        scale: float,
    ) -> None:
        """Positions from ``first`` on, of them ``border`` <= position < ``high`` [queries, 1]."""
        for start in range(first, self.length, BLOCK):
            end = min(start + BLOCK, self.length)
            where = slice(start - self.base, end - self.base)
            scores = (q @ self.keys[:, where].float().transpose(1, 2)).mul_(scale)
            positions = torch.arange(start, end, device=q.device)
            scores.masked_fill_((positions < border) | (positions >= high), float("-inf"))
            softmax.add(scores, self.values[:, where].float())

    def _learn(self, q: torch.Tensor) -> None:
        """Remembers how strongly q [rows, kv heads, group, size] looks at each channel."""
        if self._energy is None:
            self._energy = torch.zeros(LEARN, self.kv_heads, self.size, device=q.device)
        self._energy[self._first : self._first + len(q)] = q.square().sum(2)

    def _settle(self) -> None:
        """The statistics are known from here on; summed at once, so that chunks do not matter."""
        assert self._energy is not None
        key_sum = self.keys[:, :LEARN].float().sum(1)
        self._statistics = key_statistics(key_sum, self._energy.sum(0), LEARN, self.bits.keys)

    def _code(self) -> None:
        """Codes the whole segments that have been read and are not coded yet."""
        last = self.length // SEGMENT * SEGMENT
        if self._statistics is None or last <= self.coded:
            return
        if not (self._keys and self._values):
            return
        where = slice(self.coded - self.base, last - self.base)
        mean, weight = self._statistics.mean.unsqueeze(1), self._statistics.weight.unsqueeze(1)
        self._keys.put(rotate((self.keys[:, where].float() - mean) * weight), self.coded)
        self._values.put(self.values[:, where].float(), self.coded)
        self.coded = last


class _Codes:
    """Packed codes uint8 [kv heads, positions, size * bits / 8], scales fp16 beside them."""

    def __init__(
        self, kv_heads: int, positions: int, size: int, bits: Bits, device: torch.device
    ) -> None:
        self._bits: Bits = bits
        shape = (kv_heads, positions, size * bits // 8)
        self.rows = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.scales = torch.zeros(shape[:2], dtype=torch.float16, device=device)

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.scales.nbytes

    def put(self, vectors: torch.Tensor, first: int) -> None:
        """Codes fp32 [kv heads, count, size] at positions first, first + 1, ..."""
        where = slice(first, first + vectors.shape[1])
        self.rows[:, where], self.scales[:, where] = encode(vectors, self._bits)


class _RunningSoftmax:
    """softmax(scores) V for queries [kv heads, queries, size], over blocks of positions."""

    def __init__(self, q: torch.Tensor) -> None:
        self._out = torch.zeros_like(q)
        self._mass = torch.zeros_like(q[..., :1])
        # Finite, so that a block of which a query sees nothing leaves no NaN behind.
        self._peak = torch.full_like(self._mass, torch.finfo(q.dtype).min)

    def add(
        self, scores: torch.Tensor, values: torch.Tensor, scales: torch.Tensor | None = None
    ) -> None:
        """One block: scores [kv heads, queries, positions], used up; values times ``scales``."""
        peak = torch.maximum(self._peak, scores.amax(-1, keepdim=True))
        kept = (self._peak - peak).exp_()
        weights = scores.sub_(peak).exp_()
        self._mass.mul_(kept).add_(weights.sum(-1, keepdim=True))
        if scales is not None:
            weights = weights.mul_(scales.unsqueeze(1))
        self._out.mul_(kept).add_(weights @ values)
        self._peak = peak

    def result(self) -> torch.Tensor:
        """What was attended, for every query."""
        return self._out / self._mass
