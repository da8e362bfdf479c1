"""What `search` prints of a passage: the part about the words looked for, and the words marked.

Knows how words are compared; knows nothing of the index that found the passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from app.cli.output import passage_fields
from app.cli.plain import PlainConsole
from app.core.marking import WordPlace, has_words, word_places
from ingest.types import Passage

SNIPPET = 300  # characters
_MARK = "bold"
# A document must not steer the terminal; one for one, so that places stay where they are.
_CONTROLS = {code: " " for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
ONLY_NEAR = "No passage found holds any of these words; these are only near in meaning:"

stdout = PlainConsole(highlight=False)


class Found:
    """The passages of one search. ``titles`` are the documents' own, by document id."""

    def __init__(self, words: str, passages: Sequence[Passage], titles: dict[int, str]) -> None:
        self.passages = passages
        self._places = [word_places(words, passage.text) for passage in passages]
        self._held = [
            _names(places) | _names(word_places(words, _above(passage, titles)))
            for passage, places in zip(passages, self._places, strict=True)
        ]
        # Words that carry no meaning of their own are not looked for.
        self.words_found = any(self._held) if has_words(words) else None

    def as_fields(self) -> dict[str, Any]:
        """The object that ``search --json`` prints."""
        return {
            "words_found": self.words_found,
            "passages": [
                {**passage_fields(passage), "words": sorted(held)}
                for passage, held in zip(self.passages, self._held, strict=True)
            ],
        }

    def print(self, *, full: bool) -> None:
        """For a person; each passage whole if ``full``."""
        if not self.passages:
            stdout.print("Nothing found.")
        elif self.words_found is False:
            stdout.print(ONLY_NEAR + "\n", soft_wrap=True)
        for n, (passage, places) in enumerate(
            zip(self.passages, self._places, strict=True), start=1
        ):
            pages = ", ".join(str(page) for page in passage.pages)
            word = "page" if len(passage.pages) == 1 else "pages"
            head = f"[{n}] {passage.document}, {word} {pages}"
            if passage.figure is not None:
                head += f", {passage.figure.name}"
            if passage.by:
                head += f", written down by {passage.by}"
            head = head.translate(_CONTROLS)
            stdout.print(Text(head), soft_wrap=True)
            start, end = (0, len(passage.text)) if full else snippet(passage.text, places)
            for line in _marked(passage.text, start, end, places).split("\n"):
                stdout.print(Text("    ") + line, soft_wrap=True)
            stdout.print()


def snippet(text: str, places: Sequence[WordPlace], length: int = SNIPPET) -> tuple[int, int]:
    """Start and end of the part of a text that holds most of the words, at words' bounds.

    It begins shortly before the first of them; without any, with the text.
    """
    if len(text) <= length:
        return 0, len(text)
    best, most = 0, 0
    for place in places:
        inside = [p for p in places if place.start <= p.start and p.end <= place.start + length]
        if (different := len(_names(inside))) > most:
            best, most = place.start, different
    start = _word_start(text, min(max(best - length // 4, 0), len(text) - length))
    end = start + length
    if end < len(text):
        end = max((at for at in range(start + length // 2, end) if text[at].isspace()), default=end)
    return start, min(end, len(text))


def _word_start(text: str, at: int) -> int:
    if at == 0:
        return 0
    return next((n + 1 for n in range(at - 1, min(at + 30, len(text))) if text[n].isspace()), at)


def _marked(text: str, start: int, end: int, places: Sequence[WordPlace]) -> Text:
    shown = Text(text[start:end].translate(_CONTROLS))
    for place in places:
        if start <= place.start and place.end <= end:
            shown.stylize(_MARK, place.start - start, place.end - start)
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    return Text(before) + shown + Text(after)


def _names(places: Sequence[WordPlace]) -> set[str]:
    return {word for place in places for word in place.words}


def _above(passage: Passage, titles: dict[int, str]) -> str:
    """What else a passage is found by: its document's name and title, and its headings."""
    name = Path(passage.document).stem.replace("_", " ").replace("-", " ")
    return "\n".join([name, titles.get(passage.document_id, ""), *passage.heading])
