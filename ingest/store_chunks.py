"""What the vault keeps of documents to be searched: chunks, and their words and vectors.

The part of `ingest.store.Store` that a search reads. Chunks are sealed one by one; words and
vectors, which are all read when a library is unlocked, in blocks. Knows nothing of searching.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import apsw
import numpy as np

from ingest.codec import pack_index_rows, unpack_chunk, unpack_index_rows
from ingest.records import IndexRows, StoredChunk, Vectors
from ingest.sealing import OwnSeal
from ingest.store_pages import PageStore
from ingest.store_writing import count_chunks, note_removal, put_chunks
from ingest.types import Chunk


class ChunkStore(PageStore):
    """Reads and writes by chunk."""

    def put_chunks(
        self, document_id: int, chunks: Sequence[Chunk], vectors: Vectors, model: str
    ) -> None:
        """Puts a document's chunks and vectors anew, as after a change of embedding model."""
        with self._database.writing() as connection:
            seal = self._keys.document(connection, document_id)
            for table in ("chunk", "vector_block"):
                connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))
            put_chunks(connection, seal, document_id, chunks, vectors)
            connection.execute(
                "UPDATE document SET model = ?, chunk_count = ? WHERE id = ?",
                (model, len(chunks), document_id),
            )

    def replace_chunks(
        self, document_id: int, older: Sequence[int], chunks: Sequence[Chunk], vectors: Vectors
    ) -> None:
        """Puts chunks in place of some of a document's; the others stay as they are.

        Raises:
            StoreError: the document was removed.
        """
        gone = set(older)
        with self._database.writing() as connection:
            seal = self._keys.document(connection, document_id)
            if gone:
                self._drop_rows(connection, seal, document_id, gone)
                connection.execute(
                    "DELETE FROM chunk WHERE document_id = ? "
                    "AND id IN (SELECT value FROM json_each(?))",
                    (document_id, json.dumps(sorted(gone))),
                )
                note_removal(connection)
            put_chunks(connection, seal, document_id, chunks, vectors)
            count_chunks(connection, document_id)

    @staticmethod
    def _drop_rows(
        connection: apsw.Connection, seal: OwnSeal, document_id: int, gone: Collection[int]
    ) -> None:
        """Takes chunks out of the blocks of words and vectors that hold them."""
        blocks: list[Any] = connection.execute(
            "SELECT number, data FROM vector_block WHERE document_id = ? ORDER BY number",
            (document_id,),
        ).fetchall()
        for number, sealed in blocks:
            ids, figures, words, vectors = unpack_index_rows(seal.open(sealed, "vectors", number))
            kept = [place for place, chunk_id in enumerate(ids) if chunk_id not in gone]
            if len(kept) == len(ids):
                continue
            block = pack_index_rows(
                [ids[i] for i in kept],
                [figures[i] for i in kept],
                [words[i] for i in kept],
                vectors[kept],
            )
            connection.execute(
                "UPDATE vector_block SET data = ? WHERE document_id = ? AND number = ?",
                (seal.seal(block, "vectors", number), document_id, number),
            )

    def chunks(self, chunk_ids: Sequence[int]) -> list[StoredChunk]:
        """Chunks in the order of their ids as given; ids that are gone are left out."""
        marks = ",".join("?" * len(chunk_ids))
        found = {s.id: s for s in self._chunks(f"c.id IN ({marks})", *chunk_ids)}
        return [found[i] for i in chunk_ids if i in found]

    def document_chunks(self, document_id: int) -> list[StoredChunk]:
        """All chunks of a document in order."""
        return self._chunks("c.document_id = ? ORDER BY c.ordinal", document_id)

    def _chunks(self, which: str, *values: int) -> list[StoredChunk]:
        rows = self._read(
            "SELECT c.id, c.document_id, c.ordinal, c.body, d.collection_id, k.wrapped "
            "FROM chunk c JOIN document d ON d.id = c.document_id "
            f"JOIN document_key k ON k.document_id = d.id WHERE {which}",
            values,
        )
        collections = {i: self._collection_seal(i) for i in {row[4] for row in rows}}
        found = []
        for chunk_id, document_id, ordinal, body, collection_id, wrapped in rows:
            seal = collections[collection_id].own("document", document_id, wrapped)
            chunk = unpack_chunk(ordinal, seal.open(body, "chunk", ordinal))
            found.append(StoredChunk(chunk_id, document_id, chunk))
        return found

    def chunk_ids(self, collection_id: int) -> list[int]:
        """The ids of a collection's chunks, ascending."""
        rows = self._read(
            "SELECT c.id FROM chunk c JOIN document d ON d.id = c.document_id "
            "WHERE d.collection_id = ? ORDER BY c.id",
            (collection_id,),
        )
        return [row[0] for row in rows]

    def count_chunks(self, collection_id: int) -> int:
        """How many chunks a collection's documents have."""
        rows = self._read(
            "SELECT coalesce(sum(chunk_count), 0) FROM document WHERE collection_id = ?",
            (collection_id,),
        )
        return int(rows[0][0])

    def index_rows(
        self, collection_id: int, *, document_id: int | None = None, batch: int = 500
    ) -> Iterator[IndexRows]:
        """What the search index needs, of all a collection or of one document.

        Whole documents at a time, in batches of about ``batch`` rows: so few that they stay in
        the processor's cache until they are taken in.
        """
        sizes = self._read(
            "SELECT id, chunk_count FROM document "
            "WHERE collection_id = ? AND (? IS NULL OR id = ?) ORDER BY id",
            (collection_id, document_id, document_id),
        )
        group: list[int] = []
        waiting = 0
        for number, chunks in sizes:
            group.append(number)
            waiting += chunks
            if waiting >= batch:
                yield from self._rows_of(group)
                group, waiting = [], 0
        yield from self._rows_of(group)

    def _rows_of(self, document_ids: Sequence[int]) -> Iterator[IndexRows]:
        rows = self._read(
            "SELECT d.collection_id, d.id, k.wrapped, v.number, v.data FROM json_each(?) wanted "
            "CROSS JOIN document d ON d.id = wanted.value "
            "JOIN document_key k ON k.document_id = d.id "
            "JOIN vector_block v ON v.document_id = d.id ORDER BY wanted.key, v.number",
            (json.dumps(list(document_ids)),),
        )
        if not rows:
            return
        collection = self._collection_seal(rows[0][0])
        ids: list[int] = []
        documents: list[int] = []
        words: list[str] = []
        figures: list[bool] = []
        vectors = []
        for _, document_id, wrapped, number, sealed in rows:
            seal = collection.own("document", document_id, wrapped)
            block = unpack_index_rows(seal.open(sealed, "vectors", number))
            ids += block[0]
            documents += [document_id] * len(block[0])
            figures += block[1]
            words += block[2]
            vectors.append(block[3])
        yield IndexRows(ids, documents, words, np.concatenate(vectors), figures)
