"""The search index: vectors and full text of each collection, in LanceDB.

Built from the store: in memory, so that nothing readable lies on a disk, or at a path that a
person has chosen on an encrypted volume. A table holds one collection, so that no query can
reach into another. Knows chunk ids, texts and vectors, nothing of documents or pages.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.lance import FTS, BooleanQuery, MatchQuery, Occur, connect
from ingest.store import IndexRows
from ingest.words import content_words

Vectors = NDArray[np.float32]

_BESIDE = 0.4


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a query found. ``score`` is a cosine for vectors, BM25 for full text."""

    chunk_id: int
    document_id: int
    score: float


class SearchIndex:
    """One LanceDB table per collection; every method is safe to call from several threads."""

    def __init__(self, uri: str, *, dimension: int) -> None:
        """Opens the index at ``uri``, a folder or object store on an encrypted volume.

        ``dimension`` is that of the vectors.
        """
        self._connection = connect(uri)
        self._dimension = dimension
        self._lock = threading.RLock()
        self._tables: dict[int, Any] = {}

    def chunk_ids(self, collection_id: int) -> set[int]:
        """The chunks that a collection's table holds; empty when there is no table."""
        table = self._table(collection_id)
        if table is None:
            return set()
        rows = table.search().select(["chunk_id"]).limit(table.count_rows() or 1).to_arrow()
        return set(rows["chunk_id"].to_pylist())

    def build(
        self,
        collection_id: int,
        batches: Iterable[IndexRows],
        *,
        expected: int = 0,  # noqa: ARG002 - for those that keep the rows themselves
    ) -> None:
        """Makes a collection's table anew; ``expected`` says about how many rows come."""
        with self._lock:
            parts = [pa.table(self._columns(rows)) for rows in batches]
            empty = IndexRows([], [], [], np.empty((0, self._dimension), np.float32))
            table = self._connection.create_table(
                _table_name(collection_id),
                pa.concat_tables(parts or [pa.table(self._columns(empty))]),
                mode="overwrite",
            )
            table.create_index("words", config=_full_text())
            self._tables[collection_id] = table

    def add(self, collection_id: int, batches: Iterable[IndexRows]) -> None:
        """Adds rows; they are found at once."""
        with self._lock:
            table = self._table(collection_id)
            if table is None:
                self.build(collection_id, batches)
                return
            for rows in batches:
                table.add(pa.table(self._columns(rows)))

    def optimize(self, collection_id: int) -> None:
        """Takes rows added lately into the full-text index, and forgets removed ones."""
        with self._lock:
            table = self._table(collection_id)
            if table is not None:
                table.optimize()

    def remove_documents(self, collection_id: int, document_ids: Sequence[int]) -> None:
        """Removes the rows of documents."""
        with self._lock:
            table = self._table(collection_id)
            if table is not None and document_ids:
                table.delete(f"document_id IN ({_numbers(document_ids)})")

    def remove_chunks(self, collection_id: int, chunk_ids: Sequence[int]) -> None:
        """Removes rows by chunk."""
        with self._lock:
            table = self._table(collection_id)
            if table is not None and chunk_ids:
                table.delete(f"chunk_id IN ({_numbers(chunk_ids)})")

    def remove_collection(self, collection_id: int) -> None:
        """Removes a collection's table."""
        with self._lock:
            self._tables.pop(collection_id, None)
            if _table_name(collection_id) in self._connection.list_tables().tables:
                self._connection.drop_table(_table_name(collection_id))

    def nearest(
        self,
        collection_id: int,
        vector: Vectors,
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        """The chunks whose vectors are closest to ``vector``, by cosine, exactly."""
        table = self._table(collection_id)
        if table is None:
            return []
        query = table.search(vector, vector_column_name="vector").distance_type("dot")
        rows = _within(query, documents).select(["chunk_id", "document_id", "_distance"])
        # LanceDB's dot distance is one minus the product, which of unit vectors is the cosine.
        return _hits(rows.limit(limit).to_arrow(), "_distance", lambda distance: 1 - distance)

    def matching(
        self,
        collection_id: int,
        words: str,
        limit: int,
        documents: Sequence[int] | None = None,
        *,
        beside: str = "",
    ) -> list[Hit]:
        """The chunks that share words with the query, by BM25.

        Words ``beside`` the query count as well, but less than half as much.
        """
        table = self._table(collection_id)
        asked = " ".join(content_words(words))
        if table is None or not asked:
            return []
        wanted: Any = MatchQuery(asked, "words")
        if beside:
            added = MatchQuery(" ".join(content_words(beside)), "words", boost=_BESIDE)
            wanted = BooleanQuery([(Occur.SHOULD, wanted), (Occur.SHOULD, added)])
        query = table.search(wanted, query_type="fts")
        rows = _within(query, documents).select(["chunk_id", "document_id", "_score"])
        return _hits(rows.limit(limit).to_arrow(), "_score", float)

    def holding(
        self,
        collection_id: int,
        words: Sequence[str],
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        """The chunks that have every one of some content words, by BM25."""
        table = self._table(collection_id)
        if table is None or not words:
            return []
        every: Any = BooleanQuery([(Occur.MUST, MatchQuery(word, "words")) for word in words])
        query = table.search(every, query_type="fts")
        rows = _within(query, documents).select(["chunk_id", "document_id", "_score"])
        return _hits(rows.limit(limit).to_arrow(), "_score", float)

    def _table(self, collection_id: int) -> Any:
        with self._lock:
            if collection_id not in self._tables:
                name = _table_name(collection_id)
                if name not in self._connection.list_tables().tables:
                    return None
                self._tables[collection_id] = self._connection.open_table(name)
            return self._tables[collection_id]

    def _columns(self, rows: IndexRows) -> dict[str, Any]:
        flat = pa.array(np.ascontiguousarray(rows.vectors, np.float32).reshape(-1))
        vectors = pa.FixedSizeListArray.from_arrays(flat, self._dimension)
        return {**text_columns(rows), "vector": vectors}


def text_columns(rows: IndexRows) -> dict[str, Any]:
    return {
        "chunk_id": pa.array(rows.chunk_ids, pa.int64()),
        "document_id": pa.array(rows.document_ids, pa.int64()),
        "words": _strings(rows.words),
    }


def _strings(texts: Sequence[str]) -> Any:
    """An Arrow array; of plain ASCII without looking at every text, which takes a third."""
    joined = "".join(texts)
    if not joined.isascii():
        return pa.array(texts, pa.string())
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    buffers = pa.py_buffer(ends), pa.py_buffer(joined.encode())
    return pa.StringArray.from_buffers(len(texts), *buffers)


def _table_name(collection_id: int) -> str:
    return f"collection_{collection_id}"


def _full_text() -> Any:
    # The words come stemmed, folded and without stop words from the store, so that unlocking a
    # library only has to sort them in: four times as fast as doing it then.
    return FTS(
        base_tokenizer="whitespace",
        stem=False,
        remove_stop_words=False,
        lower_case=False,
        ascii_folding=False,
    )


def _numbers(values: Sequence[int]) -> str:
    return ",".join(str(int(value)) for value in values)


def _within(query: Any, documents: Sequence[int] | None) -> Any:
    if documents is None:
        return query
    return query.where(f"document_id IN ({_numbers(documents) or '-1'})", prefilter=True)


def _hits(rows: Any, column: str, score: Any) -> list[Hit]:
    columns = (rows[name].to_pylist() for name in ("chunk_id", "document_id", column))
    return [Hit(i, document, score(value)) for i, document, value in zip(*columns, strict=True)]
