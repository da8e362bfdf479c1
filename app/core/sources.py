"""Passages as statements are compared with them: prepared once, joined where they run on.

Knows passages; knows no statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.core.answers import Crop
from app.core.matching import Text
from app.core.sentences import Sentence, split_sentences
from ingest.types import Passage, TextSource


@dataclass(slots=True)
class Source:
    """A passage with what has been prepared of it."""

    passage: Passage
    text: Text
    sentences: list[Sentence]
    scanned: bool
    crop: Crop | None

    @classmethod
    def of(cls, passage: Passage, crop: Crop | None) -> Source:
        """Prepares a passage; ``crop`` is what a model saw of it."""
        scanned = any(line.source is not TextSource.TEXT for line in passage.lines)
        sentences = split_sentences(passage.text)
        return cls(passage, Text(passage.text), sentences, scanned, crop)

    @property
    def beside(self) -> str:
        """What stands above it on its page; not its file's name, which anyone may choose."""
        return " ".join(self.passage.heading)

    @property
    def around(self) -> str:
        """Its text and its document's name: what names may be taken from."""
        return f"{self.passage.text}\n{self.passage.document}"


def across(passages: Mapping[int, Passage]) -> tuple[dict[int, Passage], dict[int, list[int]]]:
    """Passages that follow one another, joined, for quotations that run from one into the next.

    They have numbers below zero; the second result names those that a passage is part of.
    """
    joined: dict[int, Passage] = {}
    parts: dict[int, list[int]] = defaultdict(list)
    first = {
        (p.document_id, p.chunk_ids[0]): n
        for n, p in passages.items()
        if p.chunk_ids and not p.figure
    }
    for n, passage in passages.items():
        if not passage.chunk_ids or passage.figure:
            continue
        after = first.get((passage.document_id, passage.chunk_ids[-1] + 1))
        if after is None:
            continue
        following = passages[after]
        if following.by != passage.by:
            continue
        shift = len(passage.text) + 1
        lines = passage.lines + tuple(
            replace(line, start=line.start + shift, end=line.end + shift)
            for line in following.lines
        )
        number = -1 - len(joined)
        joined[number] = replace(
            passage,
            text=f"{passage.text}\n{following.text}",
            lines=lines,
            chunk_ids=passage.chunk_ids + following.chunk_ids,
        )
        parts[n].append(number)
        parts[after].append(number)
    return joined, parts
