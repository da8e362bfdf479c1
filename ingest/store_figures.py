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

from ingest.database import Database
from ingest.records import FigureRows, Vectors

_KIND = "figures by "


class FigureStore:
    """Reads and writes by document and model."""

    _database: Database

    def unseen_figures(self, model: str, collection_id: int | None = None) -> dict[int, list[int]]:
        """The figures that a model has not looked at: their numbers by document."""
        rows = self._figure_rows(
            "SELECT f.document_id, f.number FROM document d "
            "JOIN figure f ON f.document_id = d.id "
            "LEFT JOIN original o ON o.document_id = d.id AND o.kind = ? AND o.piece = f.number "
            "WHERE o.piece IS NULL AND (? IS NULL OR d.collection_id = ?) "
            "ORDER BY f.document_id, f.number",
            (_KIND + model, collection_id, collection_id),
        )
        unseen: dict[int, list[int]] = {}
        for document_id, number in rows:
            unseen.setdefault(document_id, []).append(number)
        return unseen

    def put_figure_vectors(
        self, document_id: int, content_hash: str, model: str, vectors: Mapping[int, Vectors | None]
    ) -> None:
        """Keeps vectors by the figures' numbers; None notes that a figure cannot be drawn.

        Nothing is kept where the document has been removed, or replaced by another content.
        """
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO original SELECT d.id, ?, f.number, ? FROM document d "
                "JOIN figure f ON f.document_id = d.id "
                "WHERE d.id = ? AND d.content_hash = ? AND f.number = ?",
                (
                    (
                        _KIND + model,
                        b"" if vector is None else np.asarray(vector, np.float32).tobytes(),
                        document_id,
                        content_hash,
                        number,
                    )
                    for number, vector in vectors.items()
                ),
            )

    def forget_figure_vectors(self, *, but: str = "") -> None:
        """Removes the vectors of every model, ``but`` of one."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM original WHERE substr(kind, 1, ?) = ? AND kind <> ?",
                (len(_KIND), _KIND, _KIND + but),
            )

    def figure_rows(
        self, collection_id: int, model: str, *, document_id: int | None = None
    ) -> FigureRows:
        """What the index needs of all a collection's figures, or of one document's."""
        rows = self._figure_rows(
            "SELECT c.id, c.document_id, o.data FROM document d "
            "JOIN chunk c ON c.document_id = d.id AND c.figure IS NOT NULL "
            "JOIN original o ON o.document_id = d.id AND o.kind = ? AND o.piece = c.figure "
            "WHERE d.collection_id = ? AND (? IS NULL OR d.id = ?) AND length(o.data) > 0 "
            "ORDER BY c.id",
            (_KIND + model, collection_id, document_id, document_id),
        )
        data = np.frombuffer(b"".join(row[2] for row in rows), np.float32)
        return FigureRows(
            [row[0] for row in rows],
            [row[1] for row in rows],
            data.reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32),
        )

    def has_figures(self, collection_id: int) -> bool:
        """Whether a collection has any figure."""
        return bool(
            self._figure_rows(
                "SELECT 1 FROM document d JOIN figure f ON f.document_id = d.id "
                "WHERE d.collection_id = ? LIMIT 1",
                (collection_id,),
            )
        )

    def count_figures(self, model: str) -> tuple[int, int, int]:
        """All figures of the library; those a model has seen; those it could not be shown."""
        rows = self._figure_rows(
            "SELECT count(*), coalesce(sum(length(o.data) > 0), 0), "
            "coalesce(sum(length(o.data) = 0), 0) FROM figure f LEFT JOIN original o "
            "ON o.document_id = f.document_id AND o.kind = ? AND o.piece = f.number",
            (_KIND + model,),
        )
        total, seen, failed = rows[0]
        return total, seen, failed

    def _figure_rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(query, values).fetchall()
