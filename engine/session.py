"""Reads a prompt and writes after it. Knows token ids and text pieces, nothing of what they mean.

A session keeps what it has read: a prompt that begins as the last one did is read on from where
they part; images are the same where their content is. Closing the generator stops before the next
token; what was read stays usable.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

from engine.cache import KVCache
from engine.decoder import Decoder
from engine.errors import PromptTooLong
from engine.lookup import PromptLookup
from engine.options import DEFAULTS, Event, Finished, Options, PromptRead, Reason, Written
from engine.prompt import Entry, Prompt, shared
from engine.sampler import Sampler
from engine.sizes import CHUNK
from engine.snapshots import Reading, Snapshots
from engine.text import Text

if TYPE_CHECKING:
    from engine.grammar import Grammar


class Session:
    """One conversation's cache over a decoder. Not for several threads at once."""

    def __init__(
        self,
        decoder: Decoder,
        cache: KVCache,
        text: Text | None,
        step: int = CHUNK,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._decoder, self._cache, self._text = decoder, cache, text
        # Text is read in steps; only an image that has to be whole takes all that the cache does.
        self._step = min(step, cache.chunk)
        self._snapshots = snapshots
        self._read: list[Entry] = []
        self._owner = ""

    def generate(
        self, prompt: Sequence[int] | Prompt, options: Options = DEFAULTS, kept: int = 0
    ) -> Generator[Event, None, None]:
        """Yields PromptRead while reading, Written while writing, Finished last.

        kept: tokens of the prompt that ``options.keep`` means. Raises PromptTooLong before anything
        is read.
        """
        prompt = prompt if isinstance(prompt, Prompt) else Prompt(list(prompt))
        self._check(prompt)
        start = time.perf_counter()
        self._owner = options.keep.owner if options.keep else ""
        with self._reading(prompt, kept) as reading:
            logits = yield from self._prefill(prompt, reading)
        read = time.perf_counter()
        writer = _Writer(prompt.ids, options, self._text)
        room = min(options.max_tokens, self._cache.context - len(prompt) + 1)
        reason = yield from self._decode(writer, logits, room)
        yield from writer.rest()
        lookup = writer.lookup
        yield Finished(
            reason,
            len(prompt),
            writer.count,
            read - start,
            time.perf_counter() - read,
            lookup.drafted if lookup else 0,
            lookup.accepted if lookup else 0,
        )

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """fp32 [len(ids), vocabulary]: what would follow each token of a fresh text."""
        self._check(Prompt(list(ids)))
        self._forget()
        rows = []
        with torch.inference_mode():
            for first in range(0, len(ids), self._cache.chunk):
                part = torch.tensor(ids[first : first + self._cache.chunk])
                rows.append(self._decoder.forward(part, self._cache, keep=len(part)))
        self._forget()
        return torch.cat(rows)

    def forget(self, owner: str) -> None:
        """Forgets what was read last if it was this owner's."""
        if owner == self._owner:
            self._forget()

    def _check(self, prompt: Prompt) -> None:
        if not prompt.ids or (prompt.spans and prompt.spans[-1].end == len(prompt)):
            raise ValueError("a prompt needs at least one token, and ends with one")
        if len(prompt) > self._cache.context:
            raise PromptTooLong(
                "The prompt",
                f"It has {len(prompt)} tokens, and the context holds {self._cache.context}.",
                "Ask over fewer or shorter passages, or open the model with a longer context.",
            )
        for span in prompt.spans:
            if span.both_ways and span.count > self._cache.chunk:
                raise PromptTooLong(
                    "An image of the prompt",
                    f"It takes {span.count} tokens, and {self._cache.chunk} are read at once.",
                    "Let it take fewer soft tokens, or open the model with a longer context.",
                )

    def _forget(self) -> None:
        self._cache.clear()
        self._read = []

    def _reading(self, prompt: Prompt, kept: int) -> AbstractContextManager[Reading | None]:
        """The snapshots of what is to be kept of a prompt, where there are any."""
        if self._snapshots is None or not self._owner:
            return nullcontext()
        # The last token is always read: its logits are wanted.
        kept = prompt.whole(min(kept, len(prompt) - 1))
        return self._snapshots.begin(self._owner, prompt.marks(kept), prompt.whole)

    def _prefill(
        self, prompt: Prompt, reading: Reading | None
    ) -> Generator[Event, None, torch.Tensor]:
        """Reads what of the prompt is not in the cache: the logits [1, vocabulary] after it."""
        entries = prompt.entries()
        same, restored = self._return_to(prompt, entries, reading)
        logits, first = torch.empty(0), same
        note = reading.save_at(same) if reading and same else ""
        while first < len(prompt):
            last = prompt.part_end(first, self._step, self._cache.chunk)
            if reading:
                last = min(last, reading.stop_after(first))
            inputs = prompt.inputs(first, last, self._decoder.config.pad, self._decoder.embed)
            logits = self._run(1 if last == len(prompt) else 0, *inputs)
            self._read.extend(entries[first:last])
            if reading:
                note = f"{note} {reading.save_at(last)}".strip()
            yield PromptRead(last, len(prompt), same, restored, note)
            first, note = last, ""
        return logits

    def _return_to(
        self, prompt: Prompt, entries: list[Entry], reading: Reading | None
    ) -> tuple[int, int]:
        """Keeps of the cache what the prompt begins with, or restores what was kept on disk.

        Gives how many tokens need not be read, and how many of them were restored.
        """
        # The last token is always read: its logits are wanted.
        same = prompt.whole(shared(self._read, entries[:-1]))
        if not self._cache.can_return_to(same):
            same = 0
        if reading and reading.longest > same and (restored := reading.restore()):
            self._read = entries[:restored]
            return restored, restored
        # What could not be restored may have left the cache empty.
        same = min(same, self._cache.length)
        if (
            reading
            and reading.longest < reading.end <= same
            and self._cache.can_return_to(reading.end)
        ):
            # Already read, and only now to be kept.
            same = reading.end
        if same:
            self._cache.truncate(same)
            del self._read[same:]
        else:
            self._forget()
        return same, 0

    def _feed(self, ids: list[int], keep: int) -> torch.Tensor:
        logits = self._run(keep, torch.tensor(ids))
        self._read.extend(ids)
        return logits

    def _run(
        self,
        keep: int,
        ids: torch.Tensor,
        hidden: torch.Tensor | None = None,
        high: torch.Tensor | None = None,
    ) -> torch.Tensor:
        with torch.inference_mode():
            return self._decoder.forward(ids, self._cache, keep, hidden, high)

    def _decode(
        self, writer: "_Writer", logits: torch.Tensor, room: int
    ) -> Generator[Event, None, Reason]:
        token = writer.pick(logits[0])
        while True:
            pieces, ended = writer.take(token)
            yield from pieces
            if ended:
                return ended
            if writer.count >= room:
                return "length"
            draft = writer.draft(min(room - writer.count, self._cache.chunk) - 1)
            logits = self._feed([token, *draft], 1 + len(draft))
            token = writer.pick(logits[0])
            stood = 0
            for guess, row in zip(draft, logits[1:], strict=True):
                if guess != token:
                    break
                stood += 1
                pieces, ended = writer.take(token)
                yield from pieces
                if ended:
                    break
                token = writer.pick(row)
            writer.judge(len(draft), stood)
            unread = len(draft) - stood
            if unread:
                self._cache.truncate(self._cache.length - unread)
                del self._read[-unread:]
            if ended:
                return ended


class _Writer:
    """What turns logits into a text: sampler, grammar, drafts, stream."""

    def __init__(self, prompt: list[int], options: Options, text: Text | None) -> None:
        self.count = 0
        self._sampler = Sampler(options, prompt)
        self.lookup = PromptLookup(prompt) if options.lookup else None
        self._grammar: Grammar | None = None
        if options.schema is not None:
            # Few answers need the library, and it takes a while to import.
            from engine import grammar

            if text is None:
                raise ValueError("a schema needs a tokenizer, and this model has none")
            self._grammar = grammar.Grammar(options.schema, text, options.thinking)
        self._stream = text.stream(options, prompt) if text is not None else None
        self._stop_ids = text.stop_ids if text is not None else frozenset()

    def pick(self, logits: torch.Tensor) -> int:
        """The next token."""
        allowed = self._grammar.allowed() if self._grammar else None
        return self._sampler.pick(logits, allowed)

    def take(self, token: int) -> tuple[list[Written], Reason | None]:
        """Adds a token: the pieces of text it completes, and the reason if it is the last."""
        self.count += 1
        if token in self._stop_ids:
            return [], "end"
        self._sampler.accept(token)
        if self.lookup:
            self.lookup.accept(token)
        pieces = (
            [Written("", tokens=(token,))] if self._stream is None else self._stream.push(token)
        )
        if self._stream is not None and self._stream.stopped:
            return pieces, "stop"
        if self._grammar:
            self._grammar.accept(token)
            if self._grammar.finished:
                return pieces, "end"
        return pieces, None

    def draft(self, most: int) -> list[int]:
        """Tokens to verify together with the next one."""
        return self.lookup.draft(most) if self.lookup and most > 0 else []

    def judge(self, drafted: int, stood: int) -> None:
        """How the draft fared."""
        if self.lookup and drafted:
            self.lookup.judge(drafted, stood)

    def rest(self) -> list[Written]:
        """What the stream still held back."""
        return self._stream.finish() if self._stream is not None else []
