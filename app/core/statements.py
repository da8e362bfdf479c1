"""Cuts what a model writes into sentences while it writes them.

A sentence takes the citations after its stop along. Knows text; knows no passages.
"""

from __future__ import annotations

import re

from app.core.marks import MARK, numbers_of
from app.core.sentences import ABBREVIATED

_STOP = re.compile(
    r"(?:[.!?…]+|[。！？])[\"”’»)\]]*(?:\s*\[\d[\d,;–\s-]*\])*(?=\s+[^\s\[]|\s*\n)|\n"
)
_ABBREVIATION = re.compile(rf"(?:{ABBREVIATED}|(?:\A|\n)\d+)\.\Z")
_MARK_BEGUN = re.compile(r"\[(?:[Pp][a-z]{0,7}\s*)?[\d,;\s–-]*\Z")
_LONGEST_QUOTED = 1_200
_LONGEST_MARK = 24


class Sentences:
    """What has been written and is no whole sentence yet."""

    def __init__(self) -> None:
        self._held = ""
        self._told = 0

    def feed(self, text: str) -> list[tuple[str, bool]]:
        """Takes a piece of text; gives stretches, each with whether a sentence ends with it.

        The stretches together are the text; what may be the beginning of a citation waits.
        """
        self._held += text
        out: list[tuple[str, bool]] = []
        while (end := self._end()) is not None:
            end = max(end, self._told)  # the blank after it has been told already
            out.append((self._held[self._told : end], True))
            self._held, self._told = self._held[end:], 0
        begun = _MARK_BEGUN.search(self._held, self._told)
        waiting = len(self._held)
        if begun and waiting - begun.start() <= _LONGEST_MARK:
            waiting = begun.start()
        if waiting > self._told:
            out.append((self._held[self._told : waiting], False))
            self._told = waiting
        return out

    def finish(self) -> list[tuple[str, bool]]:
        """The rest, as a sentence."""
        rest, self._held = self._held[self._told :], ""
        whole = self._told or rest
        self._told = 0
        return [(rest, True)] if whole else []

    def _end(self) -> int | None:
        for stop in _STOP.finditer(self._held):
            if stop[0] == "\n":
                return stop.end()
            before = self._held[: stop.end()]
            if _ABBREVIATION.search(self._held[: stop.start() + 1]):
                continue
            if _in_quotation(before) and stop.end() < _LONGEST_QUOTED:
                continue
            return stop.end()
        return None


def _in_quotation(text: str) -> bool:
    """Whether a quotation is open at the end."""
    return (
        text.count('"') % 2 == 1
        or text.count("“") + text.count("„") > text.count("”") + _closing(text)
        or text.count("«") > text.count("»")
    )


def _closing(text: str) -> int:
    """German quotations end with the mark that opens English ones."""
    return text.count("“") if "„" in text else 0


def numbered(text: str, numbers: dict[int, int], known: frozenset[int], first: int) -> str:
    """A stretch as it is shown while it is written: our numbers for the model's.

    ``numbers`` is added to; what names no passage is left out.
    """

    def ours(match: re.Match[str]) -> str:
        found = numbers_of(match[1])
        for n in found:
            if n in known and n not in numbers:
                numbers[n] = first + len(numbers)
        return "".join(f"[{numbers[n]}]" for n in found if n in numbers)

    return MARK.sub(ours, text)
