"""Asking about one page or a region of it: what stands there, as passages.

Nothing is searched for in the index; the place was pointed at, so all of its text is taken, put in
the order of its likeness to the question. Knows the store and the embedder; knows nothing of
answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.answers import Scope
from ingest.clusters import area, common
from ingest.embedder import Embedder
from ingest.errors import IngestError
from ingest.normalise import normalise
from ingest.search import merge_chunks
from ingest.store import PageState, Store, StoredChunk, StoredFigure
from ingest.types import Box, ChunkLine, Line, Passage
from ingest.words import content_words

_SLACK = 1.0  # points that a region may reach beyond its page, as rounding does
_LINE_SHARE = 0.5  # of a line's height, or of the region's if that is less
_FIGURE_SHARE = 0.25  # of the figure, or of the region

# Stems of words that only point: "what does this say?" asks for all there is.
_POINTING = frozenset(content_words(
    "say says said read reads show shows shown mean means meant explain describe summarise "
    "summarize summary write written text region page figure chart picture image place part "
    "passage section here stand stands see seen tell please"
))  # fmt: skip


def check_scope(store: Store, scope: Scope) -> PageState:
    """The page, if there is such a one and the region lies on it.

    Raises:
        IngestError: not; with the page's size and how to say it right.
    """
    states = {state.number: state for state in store.page_states(scope.document_id)}
    name = store.document(scope.document_id).name
    state = states.get(scope.page)
    if state is None:
        raise IngestError(
            f"page {scope.page}",
            f"{name} has no such page.",
            f"It has {len(states)}; pages count from 1.",
        )
    if scope.region is None:
        return state
    x0, y0, x1, y1 = scope.region
    inside = (
        x0 >= -_SLACK
        and y0 >= -_SLACK
        and x1 <= state.width + _SLACK
        and y1 <= state.height + _SLACK
    )
    if not (x0 < x1 and y0 < y1 and inside):
        cause = (
            f"It does not lie on page {scope.page} of {name}, "
            f"which is {state.width:g} by {state.height:g} points."
            if x0 < x1 and y0 < y1
            else "Its right edge must lie right of its left one, its bottom below its top."
        )
        raise IngestError(
            "region " + ",".join(f"{side:g}" for side in scope.region),
            cause,
            "Give it as x0,y0,x1,y1 in points from the page's top left corner, as it is shown.",
        )
    return state


def passages_in(store: Store, scope: Scope, question: str, embedder: Embedder) -> list[Passage]:
    """The text of a page or region as passages, the likest to the question first.

    A passage keeps only the lines that lie there; lines that no chunk holds (a header that
    repeats) make up one of their own. A figure is a passage with the words in it that lie there,
    also one without words.
    """
    name = store.document(scope.document_id).name
    stored_chunks = store.document_chunks(scope.document_id)
    chunks = [s for s in stored_chunks if s.chunk.figure is None]
    passages = [
        passage
        for stored in chunks
        if scope.page in stored.chunk.pages and (passage := _trimmed(stored, scope, name))
    ]
    # What a model wrote down lies on the lines that it read, and does not stand for them.
    held = {(line.page, line.box, line.source) for stored in chunks for line in stored.chunk.lines}
    loose = [
        line
        for line in store.page_lines(scope.document_id, scope.page)
        if (scope.page, line.box, line.source) not in held
        and line.text.strip()
        and _touches(line.box, scope)
    ]
    if loose:
        passages.append(_loose(loose, scope, name))
    numbers = {s.chunk.figure: s.id for s in stored_chunks}
    for stored in store.figures(scope.document_id, page=scope.page):
        if scope.region is None or _overlaps(stored.figure.box, scope.region):
            passages.append(_figure(stored, scope, name, numbers.get(stored.number)))
    return _by_likeness(passages, question, embedder)


def points_only(question: str) -> bool:
    """Whether a question has no words but such as point at a place.

    >>> points_only("What does this say?"), points_only("Who signed this?")
    (True, False)
    """
    return set(content_words(question)) <= _POINTING


def nothing_there(scope: Scope, passages: Sequence[Passage]) -> str:
    """What to say when the place holds no answer, or no text at all."""
    place = f"page {scope.page}" if scope.region is None else f"this region of page {scope.page}"
    if any(passage.text.strip() for passage in passages):
        return f"Not found {'on' if scope.region is None else 'in'} {place}."
    return (
        f"No text could be read {'on' if scope.region is None else 'in'} {place}. "
        "It takes a model that sees pictures to say what it shows."
    )


def _trimmed(stored: StoredChunk, scope: Scope, name: str) -> Passage | None:
    text, lines = merge_chunks([stored])
    kept = [line for line in lines if line.page == scope.page and _touches(line.box, scope)]
    if not kept:
        return None
    words, placed = _joined([(text[line.start : line.end], line) for line in kept])
    chunk = stored.chunk
    return Passage(
        scope.document_id, name, (stored.id,), words, chunk.heading, placed, 0.0, by=chunk.by
    )


def _loose(lines: Sequence[Line], scope: Scope, name: str) -> Passage:
    parts = [
        (line.text, ChunkLine(scope.page, line.box, 0, 0, line.source, line.confidence))
        for line in lines
    ]
    text, placed = _joined(parts)
    return Passage(scope.document_id, name, (), text, (), placed, 0.0)


def _figure(stored: StoredFigure, scope: Scope, name: str, chunk_id: int | None) -> Passage:
    figure = stored.figure
    place = ChunkLine(figure.page, figure.box, 0, 0)
    caption = [(part, place) for part in figure.caption.split("\n") if part]
    inside = [
        (line.text, ChunkLine(figure.page, figure.box, 0, 0, line.source, line.confidence))
        for line in figure.inside
        if _touches(line.box, scope)
    ]
    text, lines = _joined([*caption, *inside])
    ids = () if chunk_id is None else (chunk_id,)
    return Passage(scope.document_id, name, ids, text, (), lines or (place,), 0.0, figure=figure)


def _joined(parts: Sequence[tuple[str, ChunkLine]]) -> tuple[str, tuple[ChunkLine, ...]]:
    """Texts as one, with their places moved to where they then stand."""
    lines, at = [], 0
    for text, place in parts:
        lines.append(replace(place, start=at, end=at + len(text)))
        at += len(text) + 1
    return "\n".join(text for text, _ in parts), tuple(lines)


def _touches(box: Box, scope: Scope) -> bool:
    """Whether a line lies in the region: by half of its height, whatever part of its length.

    A line that runs up or down the page is high across.
    """
    region = scope.region
    if region is None:
        return True
    level = min(box.y1, region.y1) - max(box.y0, region.y0)
    across = min(box.x1, region.x1) - max(box.x0, region.x0)
    if box.y1 - box.y0 > box.x1 - box.x0:
        return level > 0 and across >= _LINE_SHARE * min(box.x1 - box.x0, region.x1 - region.x0)
    return across > 0 and level >= _LINE_SHARE * min(box.y1 - box.y0, region.y1 - region.y0)


def _overlaps(box: Box, region: Box) -> bool:
    return common(box, region) > _FIGURE_SHARE * min(area(box), area(region))


def _by_likeness(passages: Sequence[Passage], question: str, embedder: Embedder) -> list[Passage]:
    if not passages:
        return []
    vectors = embedder.embed([normalise(passage.text) for passage in passages])
    likeness = (vectors @ embedder.embed_query(question)).tolist()
    order = sorted(range(len(passages)), key=lambda i: (not passages[i].text, -likeness[i]))
    return [
        replace(passages[i], similarity=likeness[i], score=1.0 / (1 + n))
        for n, i in enumerate(order)
    ]
