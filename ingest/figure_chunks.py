"""Figures as chunks, so that a search finds them by what is said in and about them.

A figure is always one chunk. Its text is what the page shows of it: caption and the words inside;
its search text adds the sentences that point to it and the text beside it, as much as the
embedding model's window takes. Knows nothing of files or the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.chunker import ChunkSizes, CountTokens, shorten
from ingest.normalise import normalise
from ingest.types import Chunk, ChunkLine, Figure, Line

# Neighbours by ordinal become one passage; figures stay apart from the text and each other.
_APART = 2
_REFERENCES = 60  # tokens of the sentences that point to a figure, at most
_AROUND = 70  # and of the text beside it


def figure_chunks(
    figures: Sequence[Figure],
    text: Sequence[Chunk],
    title: str,
    count_tokens: CountTokens,
    sizes: ChunkSizes | None = None,
) -> list[Chunk]:
    """The chunks of a document's figures, to stand behind those of its ``text``.

    A figure about which nothing is said, in no place, cannot be found by words and has none.
    """
    sizes = sizes or ChunkSizes()
    heading = _Headings(text)
    first = text[-1].ordinal if text else 0
    chunks: list[Chunk] = []
    for number, figure in enumerate(figures):
        path = heading.above(figure)
        search_text = _search_text(figure, path, title, count_tokens, sizes)
        if search_text:
            ordinal = first + _APART * (len(chunks) + 1)
            chunks.append(_chunk(ordinal, number, figure, path, search_text))
    return chunks


def is_mute(figure: Figure) -> bool:
    """Whether nothing is said of a figure, in it, beside it or elsewhere."""
    inside = normalise(" ".join(_rows(figure)).replace("\t", " "))
    words = (inside, normalise(figure.caption), normalise(" ".join(figure.references)))
    return not (any(words) or figure.around)


def mute_chunks(
    figures: Sequence[Figure],
    chunks: Sequence[Chunk],
    title: str,
    count_tokens: CountTokens,
    sizes: ChunkSizes | None = None,
) -> list[Chunk]:
    """Chunks of the figures that nothing is said about, to stand behind all of a document's.

    Of use where they are found by what they show; of words they have the headings above them.
    """
    sizes = sizes or ChunkSizes()
    heading = _Headings([chunk for chunk in chunks if chunk.figure is None])
    last = max((chunk.ordinal for chunk in chunks), default=0)
    mute = [(number, figure) for number, figure in enumerate(figures) if is_mute(figure)]
    return [
        _chunk(
            last + _APART * (place + 1), number, figure, heading.above(figure),
            _context(heading.above(figure), title, count_tokens, sizes),
        )
        for place, (number, figure) in enumerate(mute)
    ]  # fmt: skip


def _chunk(
    ordinal: int, number: int, figure: Figure, path: tuple[str, ...], search_text: str
) -> Chunk:
    place = ChunkLine(figure.page, figure.box, 0, 0)
    parts = [(part, place) for part in figure.caption.split("\n") if part.strip()]
    parts += [
        (_plain(line), replace(place, source=line.source, confidence=line.confidence))
        for line in figure.inside
        if line.text.strip()
    ]
    lines, at = [], 0
    for part, line in parts:
        lines.append(replace(line, start=at, end=at + len(part)))
        at += len(part) + 1
    text = "\n".join(part for part, _ in parts)
    return Chunk(ordinal, text, search_text, path, tuple(lines or [place]), number)


def _rows(figure: Figure) -> list[str]:
    return [_plain(line) for line in figure.inside]


def _plain(line: Line) -> str:
    """A line without the empty cells that a chart's scattered words look like."""
    return "\t".join(cell for cell in line.text.split("\t") if cell.strip())


def _search_text(
    figure: Figure,
    path: tuple[str, ...],
    title: str,
    count_tokens: CountTokens,
    sizes: ChunkSizes,
) -> str:
    inside = normalise(" ".join(_rows(figure)).replace("\t", " "))
    caption = normalise(figure.caption)
    references = normalise(" ".join(figure.references))
    if is_mute(figure):
        return ""
    context = _context(path, title, count_tokens, sizes)
    room = sizes.window - count_tokens([context])[0] - 6 if context else sizes.window
    parts = [context] if context else []
    for text, most in (
        (caption, room),
        (references, _REFERENCES),
        (inside, room),
        (figure.around, _AROUND),
    ):
        short = shorten(text, count_tokens, min(most, room)) if text and room > 4 else ""
        if short:
            parts.append(short)
            room -= count_tokens([short])[0]
    return "\n".join(parts)


def _context(
    path: tuple[str, ...], title: str, count_tokens: CountTokens, sizes: ChunkSizes
) -> str:
    """A document's title with the last headings above a place."""
    shown = [text for text in path[-2:] if text.casefold() not in title.casefold()]
    return shorten(" > ".join([title, *shown]), count_tokens, sizes.context)


class _Headings:
    """Which headings stand above a place: those of the text nearest to it on its page."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._by_page: dict[int, list[tuple[float, tuple[str, ...]]]] = {}
        for chunk in chunks:
            for line in chunk.lines:
                place = (line.box.y0 + line.box.y1) / 2
                self._by_page.setdefault(line.page, []).append((place, chunk.heading))

    def above(self, figure: Figure) -> tuple[str, ...]:
        lines = self._by_page.get(figure.page)
        if not lines:
            return ()
        middle = (figure.box.y0 + figure.box.y1) / 2
        return min(lines, key=lambda line: abs(line[0] - middle))[1]
