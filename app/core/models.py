"""The models of one library, loaded when they are first needed: which ones, its settings say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.core import policy
from ingest.embedder import Embedder, open_embedder
from ingest.store import Store

if TYPE_CHECKING:
    from ingest.image_embedder import ImageEmbedder
    from ingest.reranker import Reranker

_MODEL = "embedding_model_folder"
_RERANKER = "reranker_folder"
_IMAGES = "image_model_folder"


class Models:
    """``chosen`` overrides the library's embedding model; ``default`` gives the program's own."""

    def __init__(
        self,
        store: Store,
        chosen: Path | None = None,
        default: Callable[[], Embedder] | None = None,
    ) -> None:
        self._store = store
        self._chosen = chosen
        self._default = default or open_embedder
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self._reranker: Reranker | None = None
        self._images: ImageEmbedder | None = None

    @property
    def embedder(self) -> Embedder:
        """The embedding model in use."""
        with self._lock:
            if self._embedder is None:
                chosen = self._chosen
                if chosen is None and (kept := self._store.setting(_MODEL)):
                    chosen = Path(kept)
                if chosen is not None:
                    policy.check_model(chosen)
                self._embedder = self._default() if chosen is None else open_embedder(chosen)
            return self._embedder

    def use_embedder(self, folder: Path | None) -> None:
        """Embeds with the model in ``folder`` from now on; None: the default.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        if folder is not None:
            policy.check_model(folder)
        embedder = open_embedder(folder)
        self._store.set_setting(_MODEL, str(folder.resolve()) if folder else "")
        with self._lock:
            self._embedder, self._chosen = embedder, folder

    @property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that orders the best chunks, if the library has one."""
        with self._lock:
            folder = self._store.setting(_RERANKER)
            if folder and self._reranker is None:
                from ingest.reranker import Reranker

                policy.check_model(Path(folder))
                self._reranker = Reranker(Path(folder))
            return self._reranker

    def use_reranker(self, folder: Path | None) -> None:
        """Lets a cross-encoder order the best chunks from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        from ingest.reranker import Reranker

        if folder is not None:
            policy.check_model(folder)
        reranker = Reranker(folder) if folder else None
        self._store.set_setting(_RERANKER, str(folder.resolve()) if folder else "")
        with self._lock:
            self._reranker = reranker

    @property
    def sees_figures(self) -> bool:
        """Whether the library has a model for pictures; it may not be loaded yet."""
        return bool(self._store.setting(_IMAGES))

    @property
    def image_embedder(self) -> ImageEmbedder | None:
        """The model that looks at figures, if the library has one.

        Raises:
            ModelError: it has, and it cannot be loaded.
        """
        with self._lock:
            folder = self._store.setting(_IMAGES)
            if folder and self._images is None:
                from ingest.image_embedder import open_image_embedder

                policy.check_model(Path(folder))
                self._images = open_image_embedder(Path(folder))
            return self._images

    def use_image_embedder(self, folder: Path | None) -> None:
        """Looks at figures with the model in ``folder`` from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        from ingest.image_embedder import open_image_embedder

        if folder is not None:
            policy.check_model(folder)
        images = open_image_embedder(folder) if folder else None
        self._store.set_setting(_IMAGES, str(folder.resolve()) if folder else "")
        with self._lock:
            self._images = images
