"""The search over what figures show: a matrix of their vectors for each collection, in memory.

Figures are few, so the search is one product with the vector of the words. Filled from the store;
nothing of it is written to a disk. Knows chunk ids and vectors, nothing of pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from ingest.image_embedder import ImageEmbedder
from ingest.index import Hit
from ingest.records import FigureRows, Vectors


class FigureIndex:
    """The figures of each collection; every method is safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[int, FigureRows] = {}

    def fill(self, collection_id: int, rows: FigureRows) -> None:
        """Takes a collection's rows in place of those it had."""
        with self._lock:
            self._rows[collection_id] = rows

    def has(self, collection_id: int) -> bool:
        """Whether a collection was filled, be it with nothing."""
        with self._lock:
            return collection_id in self._rows

    def forget(self, collection_id: int) -> None:
        """Lets go of a collection, which has to be filled again."""
        with self._lock:
            self._rows.pop(collection_id, None)

    def nearest(
        self,
        collection_id: int,
        vector: Callable[[], Vectors],
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        """The figures closest to a vector, by cosine; it is asked for only if there are any."""
        with self._lock:
            rows = self._rows.get(collection_id)
        if rows is None or not rows.chunk_ids:
            return []
        places = np.arange(len(rows.chunk_ids))
        if documents is not None:
            places = places[np.isin(rows.document_ids, list(documents))]
        if not len(places):
            return []
        scores = rows.vectors[places] @ vector()
        best = np.lexsort((np.array(rows.chunk_ids)[places], -scores))[: max(limit, 0)]
        return [
            Hit(rows.chunk_ids[i], rows.document_ids[i], float(score))
            for i, score in zip(places[best].tolist(), scores[best].tolist(), strict=True)
        ]


class Sight:
    """Finds figures of filled collections by what they show."""

    def __init__(self, embedder: ImageEmbedder, index: FigureIndex) -> None:
        self._embedder = embedder
        self._index = index

    def nearest(
        self, collection_id: int, words: str, limit: int, documents: Sequence[int] | None = None
    ) -> list[Hit]:
        """The figures that show most nearly what the words say, best first."""
        return self._index.nearest(
            collection_id, lambda: self._embedder.embed_words([words])[0], limit, documents
        )
