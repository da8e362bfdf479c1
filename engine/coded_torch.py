"""A global layer's keys and values in few bits, for where the C kernels do not run.

Plain torch on any device, behind the interface of ``cache.py``; which positions are coded, and how,
is in ``coding.py``. Attention goes over blocks of positions with a running softmax (Milakov
and Gimelshein, 2018) and unpacks one block at a time, for all queries of a head at once.

Nothing here waits for the device: how far to read follows from lengths, what a query sees from
masks.
"""

import torch

from engine.codec import KeysFromValues
from engine.codec_torch import decode, encode, rotate, rotation
from engine.coding import Coding, border
from engine.config import LayerConfig
from engine.widths import LEARN, Bits, KVBits

# Positions unpacked at once, a multiple of a segment.
BLOCK = 1024


class CodedTorchLayer(Coding):
    """One layer: exact keys and values of the newest positions, codes of all before them."""

    def __init__(
        self,
        layer: LayerConfig,
        capacity: int,
        chunk: int,
        bits: KVBits,
        device: torch.device,
        form: KeysFromValues | None = None,
    ) -> None:
        super().__init__(layer, capacity, chunk, bits, device, form)
        self._keys: _Codes | None = None
        self._values: _Codes | None = None
        if self.places:
            self._keys = _Codes(self.kv_heads, self.places, self.key_size, bits.keys, device)
            self._values = _Codes(self.kv_heads, self.places, self.size, bits.values, device)

    @property
    def coded_nbytes(self) -> int:
        """Bytes set aside for codes and their scales."""
        return sum(codes.nbytes for codes in (self._keys, self._values) if codes)

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        rows = keys.shape[0]
        self.make_room(first, rows)
        where = slice(first - self.base, first - self.base + rows)
        self.keys[:, where] = keys.reshape(rows, self.kv_heads, self.size).transpose(0, 1)
        self.values[:, where] = values.reshape(rows, self.kv_heads, self.size).transpose(0, 1)
        self.length = first + rows

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`engine.cache.LayerCache`. low is 0: a global layer sees all."""
        rows, group = q.shape[0], heads // self.kv_heads
        split = q.reshape(rows, self.kv_heads, group, self.size).float()
        del low
        self.code_what_is_read(split)
        # Queries of a head one under another: [kv heads, group * rows, size].
        split = split.permute(1, 2, 0, 3).reshape(self.kv_heads, group * rows, self.size)
        high = high.repeat(group).unsqueeze(-1)
        softmax = _RunningSoftmax(split)
        if self.statistics is not None and self.coded:
            coded = border(high)
            # No query's border lies before that of the first row appended.
            sure = border(self.first + 1)
            self._attend_coded(softmax, split, coded, sure, scale)
            softmax.turn_back(
                rotation(self.size, q.device),
                self.statistics.value_mean,
                self.statistics.value_weight,
            )
            self._attend_exact(softmax, split, coded, high, sure, scale)
        else:
            self._attend_exact(softmax, split, torch.zeros_like(high), high, 0, scale)
        out = softmax.result().view(self.kv_heads, group, rows, self.size).permute(2, 0, 1, 3)
        return out.reshape(rows, -1).to(q.dtype)

    def _attend_coded(
        self,
        softmax: "_RunningSoftmax",
        q: torch.Tensor,
        coded: torch.Tensor,
        sure: int,
        scale: float,
    ) -> None:
        """Positions below ``coded`` [queries, 1]; all queries see those below ``sure``."""
        assert self._keys and self._values
        keys, from_values, bias = self.coded_queries(q)
        turned, bias = keys @ rotation(self.key_size, q.device), bias.unsqueeze(-1) * scale
        if from_values is not None:
            from_values = from_values @ rotation(self.size, q.device)
        last = border(self.length)
        for start in range(0, last, BLOCK):
            where = slice(start, min(start + BLOCK, last))
            key_scales, value_scales = self._keys.scales[:, where], self._values.scales[:, where]
            scores = turned @ decode(self._keys.rows[:, where], self.bits.keys).transpose(1, 2)
            scores = scores.mul_(key_scales.unsqueeze(1) * scale).add_(bias)
            values = decode(self._values.rows[:, where], self.bits.values)
            if from_values is not None:
                more = from_values @ values.transpose(1, 2)
                scores.add_(more.mul_(value_scales.unsqueeze(1) * scale))
            if where.stop > sure:
                positions = torch.arange(start, where.stop, device=q.device)
                scores.masked_fill_(positions >= coded, float("-inf"))
            softmax.add(scores, values, value_scales)

    def _attend_exact(
        self,
        softmax: "_RunningSoftmax",
        q: torch.Tensor,
        coded: torch.Tensor,
        high: torch.Tensor,
        first: int,
        scale: float,
    ) -> None:
        """Positions from ``first`` on, of them ``coded`` <= position < ``high`` [queries, 1]."""
        for start in range(first, self.length, BLOCK):
            end = min(start + BLOCK, self.length)
            where = slice(start - self.base, end - self.base)
            scores = (q @ self.keys[:, where].float().transpose(1, 2)).mul_(scale)
            positions = torch.arange(start, end, device=q.device)
            scores.masked_fill_((positions < coded) | (positions >= high), float("-inf"))
            softmax.add(scores, self.values[:, where].float())

    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """See :meth:`Coding.history`."""
        assert self._keys and self._values
        found = {}
        for name, codes in (("keys", self._keys), ("values", self._values)):
            found[name] = codes.rows[:, first:last]
            found[f"{name}.scales"] = codes.scales[:, first:last]
        return found

    def key_sum(self) -> torch.Tensor:
        """See :meth:`Coding.key_sum`."""
        return self.keys[:, :LEARN].float().sum(1)

    def value_sum(self) -> torch.Tensor:
        """See :meth:`Coding.value_sum`."""
        return self.values[:, :LEARN].float().sum(1)

    def code(self, last: int) -> None:
        """See :meth:`Coding.code`."""
        assert self._keys and self._values and self.statistics
        where = slice(self.coded - self.base, last - self.base)
        found = self.statistics
        keys, values = self.keys[:, where].float(), self.values[:, where].float()
        if self.form is not None:
            assert found.value_mean is not None and found.value_weight is not None
            keys = keys[..., self.form.turning]
            values = (values - found.value_mean.unsqueeze(1)) * found.value_weight.unsqueeze(1)
        keys = (keys - found.mean.unsqueeze(1)) * found.weight.unsqueeze(1)
        self._keys.put(rotate(keys), self.coded)
        self._values.put(rotate(values), self.coded)


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

    def turn_back(
        self, rotation: torch.Tensor, mean: torch.Tensor | None, weight: torch.Tensor | None
    ) -> None:
        """What was attended of coded values becomes what it stands for; exact ones follow.

        ``mean`` and ``weight`` [kv heads, size] are those the values were coded with.
        """
        self._out = self._out @ rotation.T
        if mean is not None and weight is not None:
            self._out = self._out / weight.unsqueeze(1) + self._mass * mean.unsqueeze(1)

    def result(self) -> torch.Tensor:
        """What was attended, for every query."""
        return self._out / self._mass
