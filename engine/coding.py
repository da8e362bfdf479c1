"""Which positions of a coded layer are coded, and when. Knows no codes: its layers make them.

Positions are coded in segments of 256, by their number: a query at position i sees a segment coded
once at least 256 exact positions lie between them, and not before the first 1,024 positions, which
give the statistics, have been read. What a query sees coded depends on its position only, never on
how the text was cut into chunks.
"""

from abc import ABC, abstractmethod
from typing import TypeVar

import torch

from engine.codec import KeysFromValues, Statistics, key_statistics, shared_statistics
from engine.config import SEGMENT, LayerConfig, exact_tail
from engine.tiles import Kept
from engine.widths import LEARN, RECENT, KVBits

_End = TypeVar("_End", int, torch.Tensor)


def border(end: _End) -> _End:
    """A query that sees positions below ``end`` sees coded those below this."""
    return (end > LEARN) * ((end - RECENT) // SEGMENT * SEGMENT)


class Coding(Kept, ABC):
    """A layer that codes all but its newest positions; ``places`` is how many it may code.

    ``form`` is for layers whose keys are told from their values.
    """

    def __init__(
        self,
        layer: LayerConfig,
        capacity: int,
        chunk: int,
        bits: KVBits,
        device: torch.device,
        form: KeysFromValues | None = None,
    ) -> None:
        super().__init__(layer, exact_tail(capacity, chunk), torch.bfloat16, device)
        self.bits, self.form = bits, form
        self.key_size = self.size if form is None else len(form.turning)
        self.coded = 0
        self.places = -(-capacity // SEGMENT) * SEGMENT if capacity > LEARN else 0
        self.statistics: Statistics | None = None
        # Squares of the queries at each of the first positions, until these stand.
        self._energy: torch.Tensor | None = None
        self._fresh, self.first = False, 0

    @property
    def nbytes(self) -> int:
        """Bytes set aside."""
        return super().nbytes + self.coded_nbytes

    @property
    def layout(self) -> str:
        """See :attr:`Kept.layout`."""
        return f"{super().layout}, {self.bits.name}, keys of {self.key_size}"

    @property
    @abstractmethod
    def coded_nbytes(self) -> int:
        """Bytes set aside for codes and their scales."""

    @abstractmethod
    def history(self, first: int, last: int) -> dict[str, torch.Tensor]:
        """See :meth:`Kept.history`: codes and their scales."""

    @abstractmethod
    def key_sum(self) -> torch.Tensor:
        """The first positions' exact keys, summed: fp32 [kv heads, size]."""

    @abstractmethod
    def value_sum(self) -> torch.Tensor:
        """The same of values."""

    @abstractmethod
    def code(self, last: int) -> None:
        """Codes positions from ``coded`` up to ``last``, whole segments."""

    def remembers(self, position: int) -> bool:
        """Whether all that a query at this position sees before itself is still there."""
        if position > self.length:
            return False
        if position < LEARN and self.statistics is not None and self._energy is None:
            # The statistics would have to be learned again, from queries that are gone.
            return position == 0
        return self.base <= border(position + 1)

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self.coded = 0
        self._energy = self.statistics = None

    def settled(self, position: int) -> int:
        """See :meth:`Kept.settled`."""
        return border(position + 1)

    def tail(self, position: int) -> dict[str, torch.Tensor]:
        """See :meth:`Kept.tail`; from the position on where statistics stand."""
        assert self.statistics is not None
        return super().tail(position) | self.statistics.parts

    def stand(self, position: int) -> None:
        """See :meth:`Kept.stand`."""
        super().stand(position)
        self.base = self.coded = border(position + 1)
        values = None if self.form is None else self.size
        device = self.keys.device
        self.statistics = Statistics.unknown(self.kv_heads, self.key_size, values, device)
        self._fresh = False

    def snapshot_nbytes(self) -> tuple[float, float]:
        """See :meth:`Kept.snapshot_nbytes`."""
        exact = super().nbytes / self.keys.shape[1]
        return exact * (RECENT + SEGMENT), self.coded_nbytes / max(1, self.places)

    def coded_queries(
        self, q: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """For q [..., kv heads, queries, size]: the queries of coded keys; those of coded values,
        where keys are told from them; both still to be rotated. And what the means add to each
        product [..., kv heads, queries]."""
        found, from_values, keys = self.statistics, None, q
        assert found is not None
        if self.form is not None:
            keys, rest = q[..., self.form.turning], q * self.form.norm
        # Row by row sums, so that a row's share does not depend on its neighbours.
        bias = (keys * found.mean.unsqueeze(1)).sum(-1)
        if self.form is not None:
            assert found.value_mean is not None and found.value_weight is not None
            bias = bias + (rest * found.value_mean.unsqueeze(1)).sum(-1)
            from_values = rest / found.value_weight.unsqueeze(1)
        return keys / found.weight.unsqueeze(1), from_values, bias

    def make_room(self, first: int, rows: int) -> None:
        """Before ``rows`` exact positions from ``first`` on are stored."""
        if first == 0 and self.length:
            self.clear()
        if first < LEARN:
            self.statistics, self.coded = None, 0
        else:
            self._energy = None
        # What is read again is coded again.
        self.coded = min(self.coded, first // SEGMENT * SEGMENT)
        self.make_way(first, rows, border(first + 1))
        self.first, self._fresh = first, True

    def code_what_is_read(self, q: torch.Tensor) -> None:
        """Learns from the layer's queries q [rows, kv heads, group, size]; codes whole segments.

        The layer's own queries come first after each append; those of layers that share its keys
        change nothing.
        """
        if not self._fresh:
            return
        self._fresh = False
        if not self.places:
            return
        if self.statistics is None:
            self._learn(q[: max(0, LEARN - self.first)])
        last = self.length // SEGMENT * SEGMENT
        if self.statistics is not None and last > self.coded:
            self.code(last)
            self.coded = last

    def _learn(self, q: torch.Tensor) -> None:
        """Remembers how strongly queries at the first positions look at each channel.

        Summed at once when all are there, so that chunks do not matter.
        """
        if self._energy is None:
            self._energy = torch.zeros(LEARN, self.kv_heads, self.size, device=q.device)
        self._energy[self.first : self.first + len(q)] = q.square().sum(2)
        if self.length >= LEARN:
            keys, energy, bits = self.key_sum(), self._energy.sum(0), self.bits.keys
            self.statistics = (
                key_statistics(keys, energy, LEARN, bits)
                if self.form is None
                else shared_statistics(keys, self.value_sum(), energy, LEARN, bits, self.form)
            )
