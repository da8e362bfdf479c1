"""The search index in memory: full text in LanceDB, vectors as one matrix per collection.

A product of that matrix with the query's vector is an exact search. On two cores with AVX2 and
100,000 vectors of 384 numbers it took 18 ms of processor time, LanceDB's own exact scan 160 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.index import Hit, SearchIndex, Vectors, text_columns
from ingest.store import IndexRows

_COPY_COST = 8


class _Matrix:
    """Vectors with their ids; rows are appended in place, removal compacts."""

    def __init__(self, dimension: int, room: int = 0) -> None:
        self._size = 0
        self._chunk_ids = np.empty(room, np.int64)
        self._document_ids = np.empty(room, np.int64)
        self._figures = np.empty(room, np.bool_)
        self._rows = np.empty((room, dimension), np.float32)

    @property
    def chunk_ids(self) -> NDArray[np.int64]:
        return self._chunk_ids[: self._size]

    @property
    def document_ids(self) -> NDArray[np.int64]:
        return self._document_ids[: self._size]

    @property
    def figures(self) -> NDArray[np.bool_]:
        return self._figures[: self._size]

    @property
    def rows(self) -> Vectors:
        return self._rows[: self._size]

    def append(self, rows: IndexRows) -> None:
        needed = self._size + len(rows.chunk_ids)
        if needed > len(self._rows):
            capacity = max(needed, len(self._rows) * 3 // 2)
            self._chunk_ids = _grown(self._chunk_ids, capacity)
            self._document_ids = _grown(self._document_ids, capacity)
            self._figures = _grown(self._figures, capacity)
            self._rows = _grown(self._rows, capacity)
        new = slice(self._size, needed)
        self._chunk_ids[new] = rows.chunk_ids
        self._document_ids[new] = rows.document_ids
        self._figures[new] = rows.figures
        self._rows[new] = rows.vectors
        self._size = needed

    def keep(self, kept: NDArray[np.bool_]) -> None:
        self._chunk_ids = self.chunk_ids[kept]
        self._document_ids = self.document_ids[kept]
        self._figures = self.figures[kept]
        self._rows = self.rows[kept]
        self._size = len(self._rows)


class MemoryIndex(SearchIndex):
    """Nothing of it is ever written to a disk."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__("memory://", dimension=dimension)
        self._matrices: dict[int, _Matrix] = {}

    def chunk_ids(self, collection_id: int) -> set[int]:
        matrix = self._matrices.get(collection_id)
        return set() if matrix is None else set(matrix.chunk_ids.tolist())

    def build(self, collection_id: int, batches: Iterable[IndexRows], *, expected: int = 0) -> None:
        with self._lock:
            matrix = _Matrix(self._dimension, expected)
            super().build(collection_id, _kept_by(matrix, batches))
            self._matrices[collection_id] = matrix

    def add(self, collection_id: int, batches: Iterable[IndexRows]) -> None:
        with self._lock:
            kept = list(batches)
            if collection_id in self._matrices:
                for rows in kept:
                    self._matrices[collection_id].append(rows)
            super().add(collection_id, kept)

    def remove_documents(self, collection_id: int, document_ids: Sequence[int]) -> None:
        with self._lock:
            super().remove_documents(collection_id, document_ids)
            matrix = self._matrices.get(collection_id)
            if matrix is not None:
                matrix.keep(~np.isin(matrix.document_ids, list(document_ids)))

    def remove_chunks(self, collection_id: int, chunk_ids: Sequence[int]) -> None:
        with self._lock:
            super().remove_chunks(collection_id, chunk_ids)
            matrix = self._matrices.get(collection_id)
            if matrix is not None:
                matrix.keep(~np.isin(matrix.chunk_ids, list(chunk_ids)))

    def remove_collection(self, collection_id: int) -> None:
        with self._lock:
            super().remove_collection(collection_id)
            self._matrices.pop(collection_id, None)

    def nearest(
        self,
        collection_id: int,
        vector: Vectors,
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        with self._lock:
            matrix = self._matrices.get(collection_id)
            if matrix is None or limit < 1:
                return []
            chunk_ids, document_ids, rows = matrix.chunk_ids, matrix.document_ids, matrix.rows
            figures = matrix.figures
        if documents is None:
            scores = rows @ vector
        else:
            places = np.flatnonzero(np.isin(document_ids, list(documents)))
            # Copying many rows takes longer than multiplying all of them.
            few = len(places) * _COPY_COST < len(rows)
            scores = rows[places] @ vector if few else (rows @ vector)[places]
            chunk_ids, document_ids = chunk_ids[places], document_ids[places]
            figures = figures[places]
        limit = min(limit, len(scores))
        best = np.argpartition(-scores, limit - 1)[:limit] if limit else np.empty(0, np.int64)
        best = best[np.lexsort((chunk_ids[best], -scores[best]))]
        columns = (column[best].tolist() for column in (chunk_ids, document_ids, scores, figures))
        return [Hit(*row) for row in zip(*columns, strict=True)]

    def _columns(self, rows: IndexRows) -> dict[str, Any]:
        return text_columns(rows)


def _kept_by(matrix: _Matrix, batches: Iterable[IndexRows]) -> Iterator[IndexRows]:
    """Passes batches on, their vectors taken into the matrix."""
    for rows in batches:
        matrix.append(rows)
        yield rows


def _grown(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    grown = np.empty((capacity, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
