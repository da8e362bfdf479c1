"""A global layer's keys and values in few bits, for the C kernels. Interface as in ``cache.py``.

Which positions are coded, and when, is in ``coding.py``. The exact tail is kept in tiles of bf16.
"""

import torch

from engine.codec import KeysFromValues, levels, signs
from engine.coding import Coding, border
from engine.config import CODE_PADDING, LayerConfig
from engine.native import TILE, Attention, Encoding, Form, Stored, kernels
from engine.placement import CPU
from engine.tiles import Tiles
from engine.widths import LEARN, KVBits


class CodedLayer(Coding, Tiles):
    """One layer: exact tiles of the newest positions, codes of all before them."""

    def __init__(
        self,
        layer: LayerConfig,
        capacity: int,
        chunk: int,
        bits: KVBits,
        form: KeysFromValues | None = None,
    ) -> None:
        super().__init__(layer, capacity, chunk, bits, CPU, form)
        # Bits and channels of each.
        self._kinds = {"keys": (bits.keys, self.key_size), "values": (bits.values, self.size)}
        self._rows: dict[str, torch.Tensor] = {}
        self._scales: dict[str, torch.Tensor] = {}
        if self.places:
            for name, (width, size) in self._kinds.items():
                numbers = self.kv_heads * self.places * size
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
        self.make_room(first, keys.shape[0])
        self.put(keys, values, first)

    def attend(
        self, q: torch.Tensor, heads: int, low: torch.Tensor, high: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """See :class:`engine.cache.LayerCache`. low is 0: a global layer sees all."""
        native = kernels()
        assert native is not None
        self.code_what_is_read(q.reshape(len(q), self.kv_heads, heads // self.kv_heads, self.size))
        return native.attend(self.job(q, heads, low, high, scale))

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
            split = q.view(q.shape[0], self.kv_heads, -1, self.size)
            turned, from_values, bias = self.coded_queries(split)
            turned, bias = turned.contiguous(), bias * scale
            native.rotate(turned, signs(self.key_size))
            seen_coded, turns = border(high), signs(self.size)
            job.coded_q, job.bias = turned.data_ptr(), bias.data_ptr()
            job.border, job.signs = seen_coded.data_ptr(), turns.data_ptr()
            kept += [turned, bias, seen_coded, turns]
            mean, weight = self.statistics.value_mean, self.statistics.value_weight
            if from_values is not None and mean is not None and weight is not None:
                from_values = from_values.contiguous()
                native.rotate(from_values, signs(self.size))
                job.value_q = from_values.data_ptr()
                job.mean, job.weight = mean.data_ptr(), weight.data_ptr()
                kept += [from_values, mean, weight]
            job.coded_keys, job.coded_values = self._codes("keys"), self._codes("values")
        job.kept = kept
        return job

    def _codes(self, name: str) -> Stored:
        bits, size = self._kinds[name]
        return Stored(
            kind=bits,
            capacity=self.places,
            size=size,
            rows=self._rows[name].data_ptr(),
            scales=self._scales[name].data_ptr(),
            levels=levels(bits).data_ptr(),
        )

    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """See :meth:`Coding.history`."""
        found = {}
        for name, (bits, size) in self._kinds.items():
            rows = self._rows[name][:-CODE_PADDING].view(self.kv_heads, -1)
            a, b = (place * size * bits // 8 for place in (first, last))
            found[name] = rows[:, a:b]
            found[f"{name}.scales"] = self._scales[name][:, first:last]
        return found

    def key_sum(self) -> torch.Tensor:
        """See :meth:`Coding.key_sum`."""
        tiles = self.keys[:, :LEARN].reshape(self.kv_heads, LEARN // TILE, self.size, TILE)
        return tiles.float().sum((1, 3))

    def value_sum(self) -> torch.Tensor:
        """See :meth:`Coding.value_sum`."""
        shape = (self.kv_heads, LEARN // TILE, self.size // TILE, TILE, TILE)
        tiles = self.values[:, :LEARN].reshape(shape)
        return tiles.float().sum((1, 3)).flatten(1)

    def code(self, last: int) -> None:
        """See :meth:`Coding.code`."""
        native = kernels()
        assert native is not None
        for head in range(self.kv_heads):
            exact = (self.coded - self.base) * self.size * 2
            places = {
                name: (head * self.places + self.coded) * size * bits // 8
                for name, (bits, size) in self._kinds.items()
            }
            key_form, value_form = self._forms(head)
            native.encode(
                Encoding(
                    exact_kind=16,
                    head_size=self.size,
                    tiles=(last - self.coded) // TILE,
                    exact_keys=self.keys[head].data_ptr() + exact,
                    exact_values=self.values[head].data_ptr() + exact,
                    key_form=key_form,
                    value_form=value_form,
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

    def _forms(self, head: int) -> tuple[Form, Form]:
        """How a head's keys and values become codes."""
        found = self.statistics
        assert found is not None
        keys = Form(
            size=self.key_size,
            mean=found.mean[head].data_ptr(),
            weight=found.weight[head].data_ptr(),
            signs=signs(self.key_size).data_ptr(),
        )
        values = Form(size=self.size, signs=signs(self.size).data_ptr())
        if self.form is not None:
            assert found.value_mean is not None and found.value_weight is not None
            keys.channels = self.form.turning.data_ptr()
            values.mean = found.value_mean[head].data_ptr()
            values.weight = found.value_weight[head].data_ptr()
        return keys, values
