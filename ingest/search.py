"""Finding the passages of one collection that speak of a question.

Vectors and full text are searched side by side, with the question's own words and with those a
glossary adds, and fused by rank (Cormack, Clarke and Büttcher 2009) and relative score (Bruch, Gai
and Ingber 2023). Numbers, codes and quoted words that few chunks hold come before all else: who
asks for one of them wants no other. Chunks that follow one another become one passage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.embedder import Embedder
from ingest.glossary import Glossary
from ingest.normalise import normalise
from ingest.question import asks_to_see, core_of, literals, words_to_find
from ingest.store import Store, StoredChunk
from ingest.types import ChunkLine, Passage
from ingest.words import literal_pattern, literal_words

if TYPE_CHECKING:  # importing LanceDB takes two seconds, and not everyone searches
    from ingest.figure_index import Sight
    from ingest.index import Hit, SearchIndex
    from ingest.reranker import Reranker


@dataclass(frozen=True, slots=True)
class Fusion:
    """How rankings become one; see `fuse`. Each counts down to ``depth``, with its weight.

    The worded rankings are those of the question with the glossary's wording. ``figure_weight``
    is that of figures' scores, ``shown_weight`` the same where the question asks to see something;
    there a figure is also raised by ``page_share`` of what the best text of its page is above it.
    ``seen_weight`` is that of the ranking of figures by what they show, ``seen_shown_weight`` the
    same where the question asks to see something, or no text holds any of its words: there it
    alone brings a figure among the first, elsewhere it only adds to what the words have found.
    """

    constant: int = 60
    rank_weight: float = 0.5
    depth: int = 70
    vector_weight: float = 1.0
    text_weight: float = 1.0
    worded_vector_weight: float = 0.5
    worded_text_weight: float = 1.0
    figure_weight: float = 0.9
    shown_weight: float = 1.0
    page_share: float = 0.5
    seen_weight: float = 0.5
    seen_shown_weight: float = 1.5


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk with its fused score, and its cosine with the query (0 if not among the nearest).

    ``held`` counts the query's rare literals that it holds.
    """

    chunk_id: int
    score: float
    similarity: float
    held: int = 0


class Searcher:
    """Searches the collections of one library."""

    def __init__(
        self,
        store: Store,
        index: SearchIndex,
        embedder: Embedder,
        glossary: Glossary | None = None,
        fusion: Fusion | None = None,
        reranker: Reranker | None = None,
        sight: Sight | None = None,
    ) -> None:
        """``sight`` finds figures by what they show; the collection must be filled in it."""
        self._store = store
        self._index = index
        self._embedder = embedder
        self._glossary = glossary or Glossary()
        self._fusion = fusion or Fusion()
        self._reranker = reranker
        self._sight = sight

    def rank(
        self, collection_id: int, words: str, documents: Sequence[int] | None = None
    ) -> list[Ranked]:
        """Chunks by the rare literals that they hold, then by fused score, best first."""
        if not words.strip():
            return []
        fusion, index, depth = self._fusion, self._index, self._fusion.depth
        words = core_of(words)
        asked_for = literals(words)
        wording = self._glossary.wording(words)
        questions = [words, f"{words} {wording}"] if wording else [words]
        vectors = self._embedder.embed(questions)
        # A few more, so that as many are left when figures are not counted.
        nearest = index.nearest(collection_id, vectors[0], depth + _FIGURES, documents)
        asked = words_to_find(words) or words
        by_words = index.matching(collection_id, asked, depth, documents)
        rankings = [(nearest, fusion.vector_weight), (by_words, fusion.text_weight)]
        if wording:
            worded = index.nearest(collection_id, vectors[1], depth + _FIGURES, documents)
            matching = index.matching(collection_id, asked, depth, documents, beside=wording)
            rankings.append((worded, fusion.worded_vector_weight))
            rankings.append((matching, fusion.worded_text_weight))
        similarity = {hit.chunk_id: hit.score for hit in nearest}
        figures = {hit.chunk_id for hits, _ in rankings for hit in hits if hit.figure}
        weight = fusion.shown_weight if asks_to_see(words) else fusion.figure_weight
        fused = {
            chunk: score * (weight if chunk in figures else 1.0)
            for chunk, score in fuse(rankings, fusion)
        }
        if self._sight is not None:
            seen = self._sight.nearest(collection_id, words, _SEEN, documents)
            alone = asks_to_see(words) or all(hit.figure for hit in by_words)
            weight *= fusion.seen_shown_weight if alone else fusion.seen_weight
            for chunk, score in fuse([(seen, weight)], fusion):
                fused[chunk] = fused.get(chunk, 0.0) + score
                figures.add(chunk)
        if asks_to_see(words):
            self._lift(fused, figures)
        held = self._held(collection_id, asked_for, documents)
        # Scores must fall: a literal counts for more than all that the fusion can give.
        step = max(fused.values(), default=0.0) + 1.0
        ranked = [
            Ranked(i, fused.get(i, 0.0) + step * held[i], similarity.get(i, 0.0), held[i])
            for i in {**fused, **held}
        ]
        return sorted(ranked, key=lambda r: (-r.held, -r.score, r.chunk_id))

    def _lift(self, fused: dict[int, float], figures: set[int]) -> None:
        """Raises figures towards the best text of their page: it may be what tells of them."""
        if figures.isdisjoint(fused):
            return
        stored = self._store.chunks(list(fused))
        best: dict[tuple[int, int], float] = {}
        for chunk in stored:
            if chunk.id in figures:
                continue
            for page in {line.page for line in chunk.chunk.lines}:
                place = chunk.document_id, page
                best[place] = max(best.get(place, 0.0), fused[chunk.id])
        for chunk in stored:
            if chunk.id in figures:
                beside = best.get((chunk.document_id, chunk.chunk.lines[0].page), 0.0)
                lift = self._fusion.page_share * (beside - fused[chunk.id])
                fused[chunk.id] += max(lift, 0.0)

    def _held(
        self, collection_id: int, wanted: Sequence[str], documents: Sequence[int] | None
    ) -> Counter[int]:
        """How many of the literals each chunk holds, of those that few chunks hold."""
        held: Counter[int] = Counter()
        for literal in wanted[:_MOST_LITERALS]:
            hits = {
                hit.chunk_id
                for way in literal_words(literal)
                for hit in self._index.holding(collection_id, way, _MOST_LOOKED_AT, documents)
            }
            pattern = literal_pattern(literal)
            holders = [
                stored.id
                for stored in self._store.chunks(sorted(hits))
                if pattern.search(stored.chunk.search_text.casefold())
                or pattern.search(normalise(stored.chunk.text).casefold())
            ]
            if len(holders) <= _RARE:
                held.update(holders)
        return held

    def search(
        self,
        collection_id: int,
        words: str,
        *,
        k: int = 10,
        documents: Sequence[int] | None = None,
    ) -> list[Passage]:
        """The ``k`` best passages, best first, of all the collection or of some documents."""
        ranked = self._reranked(words, self.rank(collection_id, words, documents))
        passages: list[Passage] = []
        # Merging makes fewer passages of the chunks, so more are taken than asked for.
        taken = min(len(ranked), k)
        while True:
            passages = self._passages(ranked[:taken])
            if len(passages) >= k or taken == len(ranked):
                return passages[:k]
            taken = min(len(ranked), taken + k - len(passages))

    def _reranked(self, words: str, ranked: list[Ranked]) -> list[Ranked]:
        """The first chunks in the reranker's order, the others after them."""
        if self._reranker is None or not ranked:
            return ranked
        first = ranked[:_RERANKED]
        texts = {s.id: s.chunk.search_text for s in self._store.chunks([r.chunk_id for r in first])}
        opinions = self._reranker.score(words, [texts.get(r.chunk_id, "") for r in first])
        order = sorted(range(len(first)), key=lambda i: (-first[i].held, -opinions[i]))
        # Scores must fall; those of the fusion are dealt out anew in the new order.
        return [replace(first[i], score=first[n].score) for n, i in enumerate(order)] + ranked[
            _RERANKED:
        ]

    def _passages(self, ranked: Sequence[Ranked]) -> list[Passage]:
        stored = {s.id: s for s in self._store.chunks([r.chunk_id for r in ranked])}
        groups: list[list[tuple[Ranked, StoredChunk]]] = []
        home: dict[tuple[int, int], list[tuple[Ranked, StoredChunk]]] = {}
        for rank in ranked:
            chunk = stored.get(rank.chunk_id)
            if chunk is None:
                continue
            place = (chunk.document_id, chunk.chunk.ordinal)
            group = next(
                (home[p] for p in _beside(place) if p in home and len(home[p]) < _MOST_MERGED), None
            )
            if group is None:
                group = []
                groups.append(group)
            group.append((rank, chunk))
            home[place] = group
        names: dict[int, str] = {}
        return [self._passage(group, names) for group in groups]

    def _passage(
        self, group: Sequence[tuple[Ranked, StoredChunk]], names: dict[int, str]
    ) -> Passage:
        best = group[0][0]
        chunks = sorted((stored for _, stored in group), key=lambda s: s.chunk.ordinal)
        document_id = chunks[0].document_id
        if document_id not in names:
            names[document_id] = self._store.document(document_id).name
        text, lines = merge_chunks(chunks)
        number = chunks[0].chunk.figure
        figure = None if number is None else self._store.figure(document_id, number)
        if figure is not None:
            # As stored: its lines all have one box, so merging would drop those that say the same.
            text, lines = chunks[0].chunk.text, chunks[0].chunk.lines
        return Passage(
            document_id,
            names[document_id],
            tuple(chunk.id for chunk in chunks),
            text,
            chunks[0].chunk.heading,
            lines,
            best.score,
            max(rank.similarity for rank, _ in group),
            figure,
            chunks[0].chunk.by,
        )


_MOST_MERGED = 3
_FIGURES = 30  # of a ranking, beside the text
_SEEN = 10  # figures that are taken for what they show
_RERANKED = 30
_RARE = 20  # chunks: what more of them hold tells them no longer apart
_MOST_LITERALS = 8
_MOST_LOOKED_AT = 60  # chunks that have a literal's words, to see whether they hold it


def fuse(
    rankings: Sequence[tuple[Sequence[Hit], float]], fusion: Fusion
) -> list[tuple[int, float]]:
    """Chunk ids with fused scores, best first; ties by chunk id.

    A hit counts by its reciprocal rank (1 for the first) and by its score relative to the
    ranking's best and last (1 to 0): ranks alone forget how far the best stands out. Figures
    are scored as if each stood alone among the text, whose scores they leave as they are.
    """
    scores: dict[int, float] = {}
    for hits, weight in rankings:
        hosts = [hit for hit in hits if not hit.figure][: fusion.depth] or hits
        if not hits:
            continue
        lowest = hosts[-1].score
        spread = hosts[0].score - lowest
        rank = 0
        for hit in hits:
            if rank >= fusion.depth:
                break
            by_rank = fusion.rank_weight * (fusion.constant + 1) / (fusion.constant + 1 + rank)
            # The only hit of a ranking, or one of several alike, is the best there is.
            relative = min((hit.score - lowest) / spread, 1.0) if spread else 1.0
            share = weight * (by_rank + max(relative, 0.0))
            scores[hit.chunk_id] = scores.get(hit.chunk_id, 0.0) + share
            rank += not hit.figure
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def merge_chunks(chunks: Sequence[StoredChunk]) -> tuple[str, tuple[ChunkLine, ...]]:
    """The text and lines of consecutive chunks, lines that two of them share taken once."""
    text, lines = "", []
    seen: set[tuple[int, tuple[float, ...], str]] = set()
    for stored in chunks:
        for line in stored.chunk.lines:
            words = stored.chunk.text[line.start : line.end]
            key = (line.page, line.box, words)
            if key in seen:
                continue
            seen.add(key)
            start = len(text) + 1 if text else 0
            text = f"{text}\n{words}" if text else words
            lines.append(
                ChunkLine(
                    line.page, line.box, start, start + len(words), line.source, line.confidence
                )
            )
    return text, tuple(lines)


def _beside(place: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    document_id, ordinal = place
    return (document_id, ordinal - 1), (document_id, ordinal + 1)
