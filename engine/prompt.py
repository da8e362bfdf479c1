"""A prompt as a session reads it: token ids, and stretches of soft tokens among them.

Knows nothing of images: a stretch has a key that names its content, and rows that somebody
computes when they are wanted. Two prompts are the same up to a position if their entries are.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

# A token id, or the key of a stretch of soft tokens and the place in it.
Entry = int | tuple[str, int]


@dataclass(frozen=True)
class Span:
    """``count`` soft tokens from position ``first`` on.

    ``key`` is the same only for the same content. ``both_ways``: its tokens see each other ahead.
    """

    first: int
    count: int
    key: str
    both_ways: bool = False

    @property
    def end(self) -> int:
        """The position after it."""
        return self.first + self.count


def shared(a: Sequence[Entry], b: Sequence[Entry]) -> int:
    """How many entries two texts begin with alike."""
    same = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        same += 1
    return same


@dataclass(frozen=True)
class Prompt:
    """``ids`` holds a placeholder at every soft token; ``soft`` gives the rows of a stretch.

    Rows are fp32 [count, hidden], as the decoder takes them in place of embeddings.
    """

    ids: list[int]
    spans: tuple[Span, ...] = ()
    soft: Callable[[Span], torch.Tensor] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, count: int) -> int:
        """The position after ``count`` entries of the text in which each stretch is still one."""
        for span in self.spans:
            # The marks around it were not there either.
            if span.first - 1 >= count:
                break
            count += span.count + 1
        return count

    def entries(self) -> list[Entry]:
        """What is at each position."""
        found: list[Entry] = list(self.ids)
        for span in self.spans:
            found[span.first : span.end] = [(span.key, i) for i in range(span.count)]
        return found

    def marks(self, count: int) -> list[int]:
        """What is at the first positions, as numbers that are the same tomorrow: for hashes."""
        found = self.ids[:count]
        for span in self.spans:
            key = int.from_bytes(hashlib.sha256(span.key.encode()).digest()[:6], "little")
            for i in range(span.first, min(span.end, count)):
                found[i] = -1 - key - (i - span.first)
        return found

    def whole(self, position: int) -> int:
        """The position, or the beginning of the stretch that it would cut in two."""
        span = self._cut(position)
        return position if span is None else span.first

    def part_end(self, first: int, step: int, most: int) -> int:
        """Where a part ends that begins at ``first``: after ``step`` tokens, or where a stretch
        begins that does not fit.

        A stretch that is longer than ``step`` is a part of its own, up to ``most`` tokens long.
        """
        end = min(first + step, len(self.ids))
        span = self._cut(end)
        if span is None:
            return end
        if span.first > first:
            return span.first
        return min(span.end, first + most)

    def inputs(
        self,
        first: int,
        last: int,
        pad: int,
        embed: Callable[[torch.Tensor], torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """(ids, hidden, high) of positions first to last, for ``Decoder.forward``.

        At soft tokens the id is ``pad``, and ``hidden`` has their rows. ``high`` is None where
        nothing sees ahead.
        """
        ids = torch.tensor(self.ids[first:last])
        spans = [span for span in self.spans if span.first < last and span.end > first]
        if not spans or self.soft is None:
            return ids, None, None
        for span in spans:
            ids[max(span.first, first) - first : span.end - first] = pad
        hidden = embed(ids)
        high = torch.arange(first, last) + 1
        for span in spans:
            start, stop = max(span.first, first), min(span.end, last)
            rows = self.soft(span)[start - span.first : stop - span.first]
            hidden[start - first : stop - first] = rows.to(hidden.device, hidden.dtype)
            if span.both_ways:
                high[start - first : stop - first] = span.end
        return ids, hidden, high if any(span.both_ways for span in spans) else None

    def _cut(self, position: int) -> Span | None:
        return next((s for s in self.spans if s.first < position < s.end), None)
