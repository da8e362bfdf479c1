"""What people ask, in the words that documents use.

A question says "which law governs", the contract "shall be construed in accordance with the laws
of". An entry of a glossary names phrases of questions and the wording that answers them; the
wording is searched beside the question, never instead of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import IngestError

_BETWEEN_WORDS = re.compile(r"[^\w&]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """Phrases of questions, and how documents word what they ask for.

    What tells of it has at least one of the ``telling`` beginnings of words, where any are known.
    """

    asked: tuple[str, ...]
    said: str
    telling: tuple[str, ...] = ()


class Glossary:
    """Entries of several fields; a phrase matches at the start of a word, whatever its ending."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = [
            (_any_of(entry.asked), entry.said, _any_of(entry.telling) if entry.telling else None)
            for entry in entries
        ]

    @classmethod
    def load(cls, files: Sequence[Path]) -> Glossary:
        """Reads TOML files of ``[[entry]]`` tables with ``asked`` and ``said``.

        Raises:
            IngestError: a file is missing or not of that form.
        """
        entries: list[Entry] = []
        for path in files:
            try:
                table = tomllib.loads(path.read_text(encoding="utf-8"))
                entries += [
                    Entry(tuple(e["asked"]), str(e["said"]), tuple(e.get("telling", ())))
                    for e in table["entry"]
                ]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise IngestError(
                    str(path), f"The glossary cannot be read ({error}).", "Install it again."
                ) from error
        return cls(entries)

    def wording(self, question: str) -> str:
        """The documents' wording for what is asked; empty when no entry matches."""
        plain = _plain(question)
        return " ".join(said for asked, said, _ in self._entries if asked.search(plain))

    def telling(self, question: str) -> list[Telling]:
        """For each thing asked for whose words are known, whether a text may tell of it."""
        plain = _plain(question)
        return [
            Telling(telling)
            for asked, _, telling in self._entries
            if telling is not None and asked.search(plain)
        ]


@dataclass(frozen=True, slots=True)
class Telling:
    """Knows the words without which nothing is said of one thing."""

    pattern: re.Pattern[str]

    def told_in(self, text: str) -> bool:
        """Whether the text has one of them."""
        return self.pattern.search(_plain(text)) is not None


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{re.escape(_plain(phrase))}" for phrase in phrases))


def _plain(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", text.casefold()).strip()
