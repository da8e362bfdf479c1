"""Which models a library uses: for text, for order, for pictures, for writing; where its index is.

The part of `app.core.workspace.Workspace` that changes them, under the computer's policy and with
an entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.core.audit import Audit
from app.core.events import Event, Progressed
from app.core.figure_sight import FigureSight, FiguresSeen
from app.core.ingestion import chunks_of, title_of
from app.core.language_model import LanguageModel
from app.core.library_index import LibraryIndex
from app.core.models import Models
from engine.options import ModelFacts
from ingest.embedder import Embedder
from ingest.store import Store
from ingest.types import FileInfo


class ModelChoosing:
    """Changes the models of one store."""

    _store: Store
    _models: Models
    _index: LibraryIndex
    _sight: FigureSight
    audit: Audit
    language: LanguageModel

    @property
    def embedder(self) -> Embedder:
        """The model in use; loaded when first needed."""
        return self._models.embedder

    def change_model(self, folder: Path | None) -> Iterator[Event]:
        """Embeds every document anew with the model in ``folder`` (None: the default).

        Each document changes over on its own, so that an interruption loses nothing: opening
        the library again and searching goes on with those that are left.
        """
        with self.audit.refusals("model"):
            self._models.use_embedder(folder)
        self.audit.model_changed("embedding", folder)
        self._index.forget()
        yield from self.embed_outdated()

    def embed_outdated(self) -> Iterator[Event]:
        """Embeds the documents whose vectors are of another model."""
        embedder = self.embedder
        outdated = [
            document
            for collection in self._store.collections()
            for document in self._store.documents(collection.id)
            if document.model != embedder.model
        ]
        for done, document in enumerate(outdated, start=1):
            info = FileInfo(document.media_type, document.pages, document.title)
            chunks = chunks_of(
                self._store.pages(document.id),
                [stored.figure for stored in self._store.figures(document.id)],
                title_of(Path(document.path), info),
                embedder,
                seen=self._models.sees_figures,
                readings=self._store.model_readings(document.id),
            )
            vectors = embedder.embed([chunk.search_text for chunk in chunks])
            self._store.put_chunks(document.id, chunks, vectors, embedder.model)
            yield Progressed("embedding", done, len(outdated))

    def use_reranker(self, folder: Path | None) -> None:
        """Lets a cross-encoder order the best chunks from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
            PolicyForbids: this model may not be used.
        """
        with self.audit.refusals("model"):
            self._models.use_reranker(folder)
        self.audit.model_changed("reranker", folder)

    def look_at_figures(self, folder: Path | None) -> Iterator[Event]:
        """Figures are also found by what they show, seen by the model in ``folder``; None: not.

        Each figure is kept as it is seen, so that an interruption loses nothing: choosing the
        folder again goes on with those that are left, and so does adding to a collection.

        Raises:
            ModelError: it cannot be loaded; all stays as it was.
            PolicyForbids: this model may not be used.
        """
        with self.audit.refusals("model"):
            self._sight.use(folder)
        self.audit.model_changed("pictures", folder)
        yield from self._sight.catch_up()

    def figures_seen(self) -> FiguresSeen:
        """Which model looks at figures, and how far it came.

        Raises:
            ModelError: it cannot be loaded.
        """
        return self._sight.state()

    def use_language_model(self, path: Path | None, *, for_now: bool = False) -> ModelFacts | None:
        """Answers are written by the model at ``path`` from now on; None goes without.

        ``for_now``: only until the library is closed.

        Raises:
            EngineError: it cannot be loaded; the choice stays as it was.
            PolicyForbids: this model may not be used.
        """
        with self.audit.refusals("model"):
            facts = self.language.use(path, for_now=for_now)
        mark = facts.fingerprint if facts else None
        self.audit.model_changed("language", path, mark, for_now=for_now)
        return facts

    def language_model(self) -> str:
        """The path of the model that writes, or nothing."""
        return str(self.language.path or "")

    def stop_loading(self) -> None:
        """Ends the loading of the model that writes; what waits for it fails. Never waits long."""
        self.language.stop_loading()

    def use_index(self, uri: str) -> None:
        """Keeps the search index at ``uri`` (an encrypted volume), or in memory when empty."""
        self._index.move_to(uri)
