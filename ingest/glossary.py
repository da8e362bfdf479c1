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
    """Phrases of questions, and how documents word what they ask for."""

    asked: tuple[str, ...]
    said: str


class Glossary:
    """Entries of several fields; a phrase matches at the start of a word, whatever its ending."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = [
            (re.compile("|".join(rf"\b{re.escape(_plain(a))}" for a in entry.asked)), entry.said)
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
                entries += [Entry(tuple(e["asked"]), str(e["said"])) for e in table["entry"]]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise IngestError(
                    str(path), f"The glossary cannot be read ({error}).", "Install it again."
                ) from error
        return cls(entries)

    def wording(self, question: str) -> str:
        """The documents' wording for what is asked; empty when no entry matches."""
        plain = _plain(question)
        return " ".join(said for asked, said in self._entries if asked.search(plain))


def _plain(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", text.casefold()).strip()
