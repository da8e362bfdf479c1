"""The search index: vectors and full text of each collection, in LanceDB.

Built from the store: in memory, so that nothing readable lies on a disk, or at a path that a
person has chosen on an encrypted volume. A collection has tables of its own, so that no query can
reach into another: one of its text and one of its figures, so that what figures say does not change
how rare a word of the text is. Knows chunk ids, words and vectors, nothing of documents or pages.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.lance import FTS, BooleanQuery, MatchQuery, Occur, connect
from ingest.rarity import SAMPLE, Rarity
from ingest.store import IndexRows
from ingest.words import content_words

Vectors = NDArray[np.float32]

_BESIDE = 0.4
_KINDS = (False, True)  # of tables: of text, of figures


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a query found. ``score`` is a cosine for vectors, BM25 for full text."""

    chunk_id: int
    document_id: int
    score: float
    figure: bool = False


class SearchIndex:
    """Two LanceDB tables a collection; every method is safe to call from several threads."""

    def __init__(self, uri: str, *, dimension: int) -> None:
        """Opens the index at ``uri``, a folder or object store on an encrypted volume.

        ``dimension`` is that of the vectors.
        """
        self._connection = connect(uri)
        self._dimension = dimension
        self._lock = threading.RLock()
        self._tables: dict[tuple[int, bool], Any] = {}
        self._counted: dict[int, tuple[Rarity, Rarity]] = {}

    def chunk_ids(self, collection_id: int) -> set[int]:
        """The chunks that a collection's tables hold; empty when there are none."""
        found: set[int] = set()
        for _, table in self._both(collection_id):
            rows = table.search().select(["chunk_id"]).limit(table.count_rows() or 1).to_arrow()
            found.update(rows["chunk_id"].to_pylist())
        return found

    def build(
        self,
        collection_id: int,
        batches: Iterable[IndexRows],
        *,
        expected: int = 0,  # noqa: ARG002 - for those that keep the rows themselves
    ) -> None:
        """Makes a collection's tables anew; ``expected`` says about how many rows come."""
        with self._lock:
            empty = IndexRows([], [], [], np.empty((0, self._dimension), np.float32), [])
            parts: dict[bool, list[Any]] = {kind: [] for kind in _KINDS}
            self._counted.pop(collection_id, None)
            for rows in batches:
                for kind, some in _by_kind(rows):
                    parts[kind].append(pa.table(self._columns(some)))
            for kind in _KINDS:
                rows = pa.concat_tables(parts[kind] or [pa.table(self._columns(empty))])
                self._create(collection_id, kind, rows)

    def add(self, collection_id: int, batches: Iterable[IndexRows]) -> None:
        """Adds rows; they are found at once."""
        with self._lock:
            tables = dict(self._both(collection_id))
            if not tables:
                self.build(collection_id, batches)
                return
            self._counted.pop(collection_id, None)
            for rows in batches:
                for kind, some in _by_kind(rows):
                    tables[kind].add(pa.table(self._columns(some)))

    def optimize(self, collection_id: int) -> None:
        """Takes rows added lately into the full-text index, and forgets removed ones."""
        with self._lock:
            for _, table in self._both(collection_id):
                table.optimize()

    def remove_documents(self, collection_id: int, document_ids: Sequence[int]) -> None:
        """Removes the rows of documents."""
        with self._lock:
            self._counted.pop(collection_id, None)
            for _, table in self._both(collection_id) if document_ids else ():
                table.delete(f"document_id IN ({_numbers(document_ids)})")

    def remove_chunks(self, collection_id: int, chunk_ids: Sequence[int]) -> None:
        """Removes rows by chunk."""
        with self._lock:
            self._counted.pop(collection_id, None)
            for _, table in self._both(collection_id) if chunk_ids else ():
                table.delete(f"chunk_id IN ({_numbers(chunk_ids)})")

    def remove_collection(self, collection_id: int) -> None:
        """Removes a collection's tables."""
        with self._lock:
            there = self._connection.list_tables().tables
            self._counted.pop(collection_id, None)
            for kind in _KINDS:
                self._tables.pop((collection_id, kind), None)
                if _table_name(collection_id, kind) in there:
                    self._connection.drop_table(_table_name(collection_id, kind))

    def erase(self, kept: Collection[int]) -> None:
        """Leaves nothing on the disk of rows and collections that were removed; for an index there.

        ``kept`` are the collections that the library has. Tables are written anew: LanceDB's own
        compaction leaves removed rows where they are until a tenth of a file is removed.
        """
        with self._lock:
            found = {_collection_of(name) for name in self._connection.list_tables().tables}
            for collection_id in [number for number in found if number is not None]:
                tables = self._both(collection_id)
                if collection_id not in kept or not tables:
                    self.remove_collection(collection_id)
                    continue
                for kind, table in tables:
                    fresh = self._create(collection_id, kind, table.to_arrow())
                    _forget_versions(fresh)

    def nearest(
        self,
        collection_id: int,
        vector: Vectors,
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        """The chunks whose vectors are closest to ``vector``, by cosine, exactly."""
        hits: list[Hit] = []
        for kind, table in self._both(collection_id) if limit > 0 else ():
            query = table.search(vector, vector_column_name="vector").distance_type("dot")
            rows = _within(query, documents).select(["chunk_id", "document_id", "_distance"])
            # LanceDB's dot distance is one minus the product, which of unit vectors is the cosine.
            found = rows.limit(limit).to_arrow()
            hits += _hits(found, "_distance", lambda distance: 1 - distance, figure=kind)
        return _best_first(hits)[:limit]

    def matching(
        self,
        collection_id: int,
        words: str,
        limit: int,
        documents: Sequence[int] | None = None,
        *,
        beside: str = "",
    ) -> list[Hit]:
        """The chunks that share words with the query, by BM25: ``limit`` of text and of figures.

        Words ``beside`` the query count as well, but less than half as much. A word counts as much
        in a figure as in the text.
        """
        asked, more = content_words(words), content_words(beside)
        if not asked:
            return []
        hits: list[Hit] = []
        for figure, table in self._both(collection_id):
            if not figure:
                wanted = _any_of(asked, more)
            elif table.count_rows():
                wanted = _any_weighted(asked, more, *self._rarities(collection_id))
            else:
                continue
            hits += self._found(table, wanted, limit, documents, figure=figure)
        return _best_first(hits)

    def holding(
        self,
        collection_id: int,
        words: Sequence[str],
        limit: int,
        documents: Sequence[int] | None = None,
    ) -> list[Hit]:
        """The chunks that have every one of some content words, by BM25: ``limit`` of each kind."""
        if not words:
            return []
        every: Any = BooleanQuery([(Occur.MUST, MatchQuery(word, "words")) for word in words])
        hits: list[Hit] = []
        for figure, table in self._both(collection_id):
            hits += self._found(table, every, limit, documents, figure=figure)
        return _best_first(hits)

    def _create(self, collection_id: int, kind: bool, rows: Any) -> Any:
        name = _table_name(collection_id, kind)
        table = self._connection.create_table(name, rows, mode="overwrite")
        table.create_index("words", config=_full_text())
        self._tables[collection_id, kind] = table
        return table

    def _found(
        self,
        table: Any,
        wanted: Any,
        limit: int,
        documents: Sequence[int] | None,
        *,
        figure: bool,
    ) -> list[Hit]:
        query = table.search(wanted, query_type="fts")
        rows = _within(query, documents).select(["chunk_id", "document_id", "_score"])
        return _hits(rows.limit(limit).to_arrow(), "_score", float, figure=figure)

    def _rarities(self, collection_id: int) -> tuple[Rarity, Rarity]:
        """How rare words are in a collection's text and in its figures."""
        with self._lock:
            found = self._counted.get(collection_id)
            if found is None:
                text, figures = (Rarity(_some_words(t)) for _, t in self._both(collection_id))
                found = self._counted[collection_id] = text, figures
            return found

    def _both(self, collection_id: int) -> list[tuple[bool, Any]]:
        """A collection's tables with their kinds, or none."""
        with self._lock:
            if (collection_id, False) not in self._tables:
                names = {kind: _table_name(collection_id, kind) for kind in _KINDS}
                if not set(names.values()) <= set(self._connection.list_tables().tables):
                    return []
                for kind, name in names.items():
                    self._tables[collection_id, kind] = self._connection.open_table(name)
            return [(kind, self._tables[collection_id, kind]) for kind in _KINDS]

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


def _table_name(collection_id: int, figures: bool) -> str:
    return f"{'figures' if figures else 'text'}_{collection_id}"


def _collection_of(table: str) -> int | None:
    """The collection that a table is of; None when it is not one of ours."""
    kind, _, number = table.partition("_")
    return int(number) if kind in ("text", "figures") and number.isdecimal() else None


def _forget_versions(table: Any) -> None:
    """Deletes all files but those of the newest version. One program at a time holds a library."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*removes every version", category=UserWarning)
        table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)


def _any_of(words: Sequence[str], beside: Sequence[str]) -> Any:
    wanted: Any = MatchQuery(" ".join(words), "words")
    if not beside:
        return wanted
    added = MatchQuery(" ".join(beside), "words", boost=_BESIDE)
    return BooleanQuery([(Occur.SHOULD, wanted), (Occur.SHOULD, added)])


def _any_weighted(
    words: Sequence[str], beside: Sequence[str], text: Rarity, figures: Rarity
) -> Any:
    """As `_any_of`, over figures: each word counts as much as it does in the text."""
    weighted = [(word, text.beside(figures, word)) for word in words]
    weighted += [(word, _BESIDE * text.beside(figures, word)) for word in beside]
    return BooleanQuery([(Occur.SHOULD, MatchQuery(w, "words", boost=b)) for w, b in weighted])


def _by_kind(rows: IndexRows) -> list[tuple[bool, IndexRows]]:
    """The rows of text and those of figures; without what there is none of."""
    if len(set(rows.figures)) < 2:
        return [(rows.figures[0], rows)] if rows.figures else []
    return [(kind, _some(rows, [f is kind for f in rows.figures])) for kind in _KINDS]


def _some(rows: IndexRows, wanted: Sequence[bool]) -> IndexRows:
    return IndexRows(
        list(compress(rows.chunk_ids, wanted)),
        list(compress(rows.document_ids, wanted)),
        list(compress(rows.words, wanted)),
        rows.vectors[np.array(wanted)],
        list(compress(rows.figures, wanted)),
    )


def _some_words(table: Any) -> list[str]:
    """The words of some rows, spread over the table; of all where there are few."""
    count = table.count_rows()
    if count <= SAMPLE:
        rows = table.search().select(["words"]).limit(count or 1)
    else:
        rows = table.take_offsets(np.linspace(0, count - 1, SAMPLE, dtype=np.int64).tolist())
        rows = rows.select(["words"])
    found: list[str] = rows.to_arrow()["words"].to_pylist()
    return found


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


def _hits(rows: Any, column: str, score: Callable[[float], float], *, figure: bool) -> list[Hit]:
    columns = (rows[name].to_pylist() for name in ("chunk_id", "document_id", column))
    return [Hit(i, d, score(value), figure) for i, d, value in zip(*columns, strict=True)]


def _best_first(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))
