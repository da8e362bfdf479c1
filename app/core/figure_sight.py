"""A library's figures and the model that looks at them, kept in step.

Ties the store, the models and the index together; knows nothing of how a figure is drawn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.core.events import Progressed
from app.core.ingestion import sizes_for, title_of
from app.core.library_index import LibraryIndex
from app.core.models import Models
from ingest.figure_chunks import is_mute, mute_chunks
from ingest.store import Store
from ingest.types import FileInfo


@dataclass(frozen=True, slots=True)
class FiguresSeen:
    """Which model looks at a library's figures ("" for none), and how far it came.

    ``seen`` of all ``figures`` have a vector; ``failed`` of them cannot be drawn.
    """

    model: str
    figures: int
    seen: int
    failed: int


class FigureSight:
    """Looks at figures; one caller at a time, as whoever adds."""

    def __init__(self, store: Store, models: Models, index: LibraryIndex) -> None:
        self._store = store
        self._models = models
        self._index = index

    def use(self, folder: Path | None) -> None:
        """Figures are looked at by the model in ``folder`` from now on; None: by none.

        What other models made of them is removed; `catch_up` looks at them anew.

        Raises:
            ModelError: it cannot be loaded; all stays as it was.
        """
        self._models.use_image_embedder(folder)
        embedder = self._models.image_embedder
        self._store.forget_figure_vectors(but=embedder.model if embedder else "")
        if embedder is None:
            self._without_mute_figures()
        self._index.forget()

    def catch_up(
        self, collection_id: int | None = None, stop: threading.Event | None = None
    ) -> Iterator[Progressed]:
        """Looks at all figures that the model has not seen yet, of one collection or of all.

        Goes on where it was when it was stopped; each document is found by what its figures
        show as soon as it is done.

        Raises:
            ModelError: the library's model for pictures cannot be loaded.
        """
        if not self._models.sees_figures or not self._any_figures(collection_id):
            return
        embedder = self._models.image_embedder
        if embedder is None:
            return
        from ingest.seeing import look_at

        unseen = self._store.unseen_figures(embedder.model, collection_id)
        total = sum(len(numbers) for numbers in unseen.values())
        done = 0
        for document_id, numbers in unseen.items():
            self._with_mute_figures(document_id)
            with closing(look_at(self._store, document_id, numbers, embedder)) as looking:
                for count in looking:
                    yield Progressed("figures looked at", done + count, total)
                    if stop is not None and stop.is_set():
                        break
            done += len(numbers)
            self._index.put(self._store.document(document_id).collection_id, document_id)
            if stop is not None and stop.is_set():
                return

    def state(self) -> FiguresSeen:
        """See `FiguresSeen`.

        Raises:
            ModelError: the library's model for pictures cannot be loaded.
        """
        embedder = self._models.image_embedder
        model = embedder.model if embedder else ""
        return FiguresSeen(model, *self._store.count_figures(model))

    def _any_figures(self, collection_id: int | None) -> bool:
        wanted = [c.id for c in self._store.collections() if collection_id in (None, c.id)]
        return any(self._store.has_figures(number) for number in wanted)

    def _with_mute_figures(self, document_id: int) -> None:
        """Gives a chunk to the figures that nothing is said about: seen, they can be found."""
        figures = [stored.figure for stored in self._store.figures(document_id)]
        chunks = [stored.chunk for stored in self._store.document_chunks(document_id)]
        held = {chunk.figure for chunk in chunks}
        if all(number in held or not is_mute(f) for number, f in enumerate(figures)):
            return
        document = self._store.document(document_id)
        info = FileInfo(document.media_type, document.pages, document.title)
        title, embedder = title_of(Path(document.path), info), self._models.embedder
        if document.model != embedder.model:
            return  # its chunks are made anew with the change of model
        count = embedder.count_tokens
        new = [
            chunk
            for chunk in mute_chunks(figures, chunks, title, count, sizes_for(embedder))
            if chunk.figure not in held
        ]
        vectors = embedder.embed([chunk.search_text for chunk in new])
        self._store.replace_chunks(document_id, (), new, vectors)

    def _without_mute_figures(self) -> None:
        for collection in self._store.collections():
            if not self._store.has_figures(collection.id):
                continue
            for document in self._store.documents(collection.id):
                mute = {s.number for s in self._store.figures(document.id) if is_mute(s.figure)}
                chunks = self._store.document_chunks(document.id) if mute else []
                gone = [stored.id for stored in chunks if stored.chunk.figure in mute]
                if gone:
                    self._store.replace_chunks(document.id, gone, (), np.empty((0, 0), np.float32))
