"""What figures show, as the vault keeps it: a vector for each figure, by an image embedder.

The part of `ingest.store.Store` beside the figures themselves. The vectors lie among the pieces
that belong to a document (the table ``original``): the kind names the model, the piece is the
figure's number. So they go with their document, whichever way it is removed or replaced, and no
vector of one model is taken for another's. Knows nothing of pixels or of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ingest.records import FigureRows, Vectors
from ingest.store_pages import PageStore
from ingest.store_writing import note_removal

_SEEN, _NOT_DRAWN = "figures by ", "figures not drawn for "  # and the model's name


class FigureStore(PageStore):
    """Reads and writes by document and model."""

    def unseen_figures(self, model: str, collection_id: int | None = None) -> dict[int, list[int]]:
        """The figures that a model has not looked at: their numbers by document."""
        rows = self._select(
            "SELECT f.document_id, f.number FROM document d "
            "JOIN figure f ON f.document_id = d.id "
            "WHERE (? IS NULL OR d.collection_id = ?) AND NOT EXISTS ("
            "SELECT 1 FROM original o "
            "WHERE o.document_id = d.id AND o.kind IN (?, ?) AND o.piece = f.number) "
            "ORDER BY f.document_id, f.number",
            (collection_id, collection_id, _SEEN + model, _NOT_DRAWN + model),
        )
        unseen: dict[int, list[int]] = {}
        for document_id, number in rows:
            unseen.setdefault(document_id, []).append(number)
        return unseen

    def put_figure_vectors(
        self, document_id: int, model: str, vectors: Mapping[int, Vectors | None]
    ) -> None:
        """Keeps vectors by the figures' numbers; None notes that a figure cannot be drawn.

        Nothing is kept of a figure that is not there.
        """
        with self._database.writing() as connection:
            seal = self._keys.document(connection, document_id)
            for number, vector in vectors.items():
                kind = (_NOT_DRAWN if vector is None else _SEEN) + model
                data = b"" if vector is None else np.asarray(vector, np.float32).tobytes()
                data = seal.seal(data, "original", kind, number)
                connection.execute(
                    "INSERT OR REPLACE INTO original SELECT document_id, ?, number, ? "
                    "FROM figure WHERE document_id = ? AND number = ?",
                    (kind, data, document_id, number),
                )

    def forget_figure_vectors(self, *, but: str = "") -> None:
        """Removes the vectors of every model, ``but`` of one."""
        with self._database.writing() as connection:
            for prefix in (_SEEN, _NOT_DRAWN):
                connection.execute(
                    "DELETE FROM original WHERE substr(kind, 1, ?) = ? AND kind <> ?",
                    (len(prefix), prefix, prefix + but),
                )
            note_removal(connection)

    def figure_rows(self, collection_id: int, model: str) -> FigureRows:
        """What the index needs of all a collection's figures."""
        rows = self._select(
            "SELECT c.id, c.document_id, c.figure, k.wrapped, o.data FROM document d "
            "JOIN document_key k ON k.document_id = d.id "
            "JOIN chunk c ON c.document_id = d.id AND c.figure IS NOT NULL "
            "JOIN original o ON o.document_id = d.id AND o.kind = ? AND o.piece = c.figure "
            "WHERE d.collection_id = ? ORDER BY c.id",
            (_SEEN + model, collection_id),
        )
        if not rows:
            return FigureRows([], [], np.empty((0, 0), np.float32))
        collection = self._collection_seal(collection_id)
        data = np.frombuffer(
            b"".join(
                collection.own("document", document_id, wrapped).open(
                    sealed, "original", _SEEN + model, number
                )
                for _, document_id, number, wrapped, sealed in rows
            ),
            np.float32,
        )
        return FigureRows(
            [row[0] for row in rows],
            [row[1] for row in rows],
            data.reshape(len(rows), -1),
        )

    def has_figures(self, collection_id: int) -> bool:
        """Whether a collection has any figure."""
        return bool(
            self._select(
                "SELECT 1 FROM document d JOIN figure f ON f.document_id = d.id "
                "WHERE d.collection_id = ? LIMIT 1",
                (collection_id,),
            )
        )

    def count_figures(self, model: str) -> tuple[int, int, int]:
        """All figures of the library; those a model has seen; those it could not be shown."""
        rows = self._select(
            "SELECT (SELECT count(*) FROM figure), "
            "(SELECT count(*) FROM original WHERE kind = ?), "
            "(SELECT count(*) FROM original WHERE kind = ?)",
            (_SEEN + model, _NOT_DRAWN + model),
        )
        total, seen, failed = rows[0]
        return total, seen, failed

    def _select(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(query, values).fetchall()
