"""Turns tokens into text as they are written. Knows token bytes and marks: no model, no tokenizer.

Bytes become text when a character is whole. What stands between the channel marks is thinking and
comes apart from the answer. Text that may be the beginning of a stop string waits.
"""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.options import Written

# Gemma 4 opens its thinking with <|channel>, this word and a new line.
_THOUGHT = "thought"


@dataclass(frozen=True)
class Marks:
    """Token ids that structure an answer; None where a model has no such token."""

    channel_open: int | None = None
    channel_close: int | None = None
    turn_open: int | None = None


class Stream:
    """One answer. ``piece`` gives a token's bytes, None for a control token, which is not shown.

    ``stop`` strings end the answer; thinking is not searched for them. ``prompt`` tells whether the
    answer begins inside an open channel. Concatenated, the pieces are the text, whatever the steps;
    each token is named in the first piece that comes after it.
    """

    def __init__(
        self,
        piece: Callable[[int], bytes | None],
        marks: Marks,
        stop: Sequence[str] = (),
        prompt: Sequence[int] = (),
    ) -> None:
        self._piece = piece
        self._marks = marks
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._thought = _open_channel(prompt, marks)
        self._header: str | None = None  # the channel's name, until its line ends
        self._held = ""
        self._tokens: list[int] = []
        self._written: list[Written] = []
        self._stopped = False
        self._finished = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string has been written; nothing more comes then."""
        return self._stopped

    @property
    def thinking(self) -> bool:
        """Whether the next token belongs to a channel, not to the answer."""
        return self._thought or self._header is not None

    def push(self, token: int) -> list[Written]:
        """What can be shown now that ``token`` has been written; often nothing, or one piece."""
        if self._stopped or self._finished:
            return []
        self._tokens.append(token)
        if token == self._marks.channel_open:
            self._end_part()
            self._header = ""
        elif token == self._marks.channel_close:
            self._end_part()
            self._thought = False
        elif (data := self._piece(token)) is not None:
            self._add(self._decoder.decode(data))
        return self._take()

    def finish(self) -> list[Written]:
        """What was held back. Bytes that never became a whole character are left out."""
        if not (self._stopped or self._finished):
            self._decoder.reset()
            self._end_part()
            self._finished = True
        return self._take()

    def _end_part(self) -> None:
        """The end of the answer or of the thinking, as far as it was written."""
        self._add(self._decoder.decode(b"", final=True))
        self._decoder.reset()
        if self._header is not None and not _THOUGHT.startswith(self._header):
            header, self._header, self._thought = self._header, None, True
            self._emit(header)
        self._header = None
        held, self._held = self._held, ""
        self._emit(held)

    def _add(self, text: str) -> None:
        if self._stopped or not text:
            return
        if self._header is not None:
            text = self._read_header(text)
        if self._thought:
            self._emit(text)
        elif self._header is None:
            self._answer(text)

    def _read_header(self, text: str) -> str:
        """The channel's name ends with its line; what follows it is returned."""
        header = (self._header or "") + text
        name, newline, rest = header.partition("\n")
        if newline:
            self._header, self._thought = None, name.strip() == _THOUGHT
            # A channel of any other name is shown as answer; a line that is no name, as thinking.
            if not self._thought and " " in name.strip():
                self._thought, rest = True, header
            return rest
        if len(name) > 2 * len(_THOUGHT):
            self._header, self._thought = None, True
            return header
        self._header = header
        return ""

    def _answer(self, text: str) -> None:
        text = self._held + text
        found = _first_to_end(text, self._stop)
        if found is not None:
            self._stopped, self._held = True, ""
            self._emit(text[:found])
            return
        waiting = max((_overlap(text, stop) for stop in self._stop), default=0)
        shown = len(text) - waiting
        self._held = text[shown:]
        self._emit(text[:shown])

    def _emit(self, text: str) -> None:
        if text:
            self._written.append(Written(text, self._thought, tuple(self._tokens)))
            self._tokens.clear()

    def _take(self) -> list[Written]:
        written, self._written = self._written, []
        return written


def _open_channel(prompt: Sequence[int], marks: Marks) -> bool:
    """Whether the last turn of ``prompt`` opens a channel and does not close it."""
    if marks.channel_open is None:
        return False
    for token in reversed(prompt):
        if token == marks.channel_open:
            return True
        if token in (marks.channel_close, marks.turn_open):
            return False
    return False


def _first_to_end(text: str, stop: Sequence[str]) -> int | None:
    """Where the stop string begins that is complete first; the same in whatever steps text came."""
    places = [(text.find(one) + len(one), text.find(one)) for one in stop if one in text]
    return min(places)[1] if places else None


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that is a beginning of ``stop``, and not all of it."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
