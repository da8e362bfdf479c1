"""A global layer's keys and values in few bits, for the C kernels. Interface as in ``cache.py``.

Which positions are coded, and when, is in ``coding.py``. The exact tail is kept in tiles of bf16;
its values are already rotated, so that one rotation of the result serves both.
"""

import torch

from engine.codec import levels, signs
from engine.coding import Coding, border
from engine.config import CODE_PADDING, LayerConfig
from engine.native import TILE, Attention, Encoding, Stored, kernels
from engine.placement import CPU
from engine.tiles import Tiles
from engine.widths import LEARN, KVBits


class CodedLayer(Coding, Tiles):
    """One layer: exact tiles of the newest positions, codes of all before them."""

    def __init__(self, layer: LayerConfig, capacity: int, chunk: int, bits: KVBits) -> None:
        super().__init__(layer, capacity, chunk, bits, CPU)
        self._rows: dict[str, torch.Tensor] = {}
        self._scales: dict[str, torch.Tensor] = {}
        if self.places:
            for name, width in (("keys", bits.keys), ("values", bits.values)):
                numbers = self.kv_heads * self.places * self.size
                self._rows[name] = torch.zeros(
                    numbers * width // 8 + CODE_PADDING, dtype=torch.uint8
                )
                places = (self.kv_heads, self.places)
                self._scales[name] = torch.zeros(places, dtype=torch.float16)

    @property
    def coded_nbytes(self) -> int:
        """Bytes set aside for codes and their scales."""
        return sum(part.nbytes for part in [*self._rows.values(), *self._scales.values()])

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        """Stores [rows, kv_heads * size] at positions first, first + 1, ..."""
        native = kernels()
        assert native is not None
        rows = keys.shape[0]
        self.make_room(first, rows)
        values = values.contiguous().view(rows, self.kv_heads, self.size).clone()
        native.rotate(values, signs(self.size))
        self.put(keys, values.view(rows, -1), first)

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`engine.cache.LayerCache`. low is 0: a global layer sees all."""
        native = kernels()
        assert native is not None
        self.code_what_is_read(q.reshape(len(q), self.kv_heads, heads // self.kv_heads, self.size))
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
        if self.statistics is not None and self.coded:
            native = kernels()
            assert native is not None
            mean, weight = self.statistics.mean, self.statistics.weight
            split = q.view(q.shape[0], self.kv_heads, -1, self.size)
            # Row by row sums, so that a row's bias does not depend on its neighbours.
            bias = (split * mean.unsqueeze(1)).sum(-1) * scale
            turned = (split / weight.unsqueeze(1)).contiguous()
            native.rotate(turned, signs(self.size))
            seen_coded = border(high)
            job.coded_q, job.bias = turned.data_ptr(), bias.data_ptr()
            job.border = seen_coded.data_ptr()
            job.coded_keys = self._codes("keys", self.bits.keys)
            job.coded_values = self._codes("values", self.bits.values)
            kept += [bias, turned, seen_coded]
        job.kept = kept
        return job

    def _codes(self, name: str, bits: int) -> Stored:
        return Stored(
            kind=bits,
            capacity=self.places,
            rows=self._rows[name].data_ptr(),
            scales=self._scales[name].data_ptr(),
            levels=levels(bits).data_ptr(),
        )

    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """See :meth:`Coding.history`."""
        if first >= last:
            return {}
        found = {}
        for name, bits in (("keys", self.bits.keys), ("values", self.bits.values)):
            rows = self._rows[name][:-CODE_PADDING].view(self.kv_heads, -1)
            a, b = (place * self.size * bits // 8 for place in (first, last))
            found[name] = rows[:, a:b]
            found[f"{name}.scales"] = self._scales[name][:, first:last]
        return found

    def key_sum(self) -> torch.Tensor:
        """See :meth:`Coding.key_sum`."""
        tiles = self.keys[:, :LEARN].reshape(self.kv_heads, LEARN // TILE, self.size, TILE)
        return tiles.float().sum((1, 3))

    def code(self, last: int) -> None:
        """See :meth:`Coding.code`."""
        assert self.statistics is not None
        native = kernels()
        assert native is not None
        for head in range(self.kv_heads):
            exact = (self.coded - self.base) * self.size * 2
            places = {
                name: (head * self.places + self.coded) * self.size * bits // 8
                for name, bits in (("keys", self.bits.keys), ("values", self.bits.values))
            }
            native.encode(
                Encoding(
                    exact_kind=16,
                    head_size=self.size,
                    tiles=(last - self.coded) // TILE,
                    exact_keys=self.keys[head].data_ptr() + exact,
                    exact_values=self.values[head].data_ptr() + exact,
                    mean=self.statistics.mean[head].data_ptr(),
                    weight=self.statistics.weight[head].data_ptr(),
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
