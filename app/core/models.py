"""The models of one library, loaded when they are first needed: which ones, its settings say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from app.core import policy
from ingest.embedder import Embedder, open_embedder
from ingest.store import Store

if TYPE_CHECKING:
    from ingest.image_embedder import ImageEmbedder
    from ingest.reranker import Reranker

M = TypeVar("M")

_MODEL = "embedding_model_folder"
_RERANKER = "reranker_folder"
_IMAGES = "image_model_folder"


def _open_reranker(folder: Path) -> Reranker:
    from ingest.reranker import Reranker

    return Reranker(folder)


def _open_images(folder: Path) -> ImageEmbedder:
    from ingest.image_embedder import open_image_embedder

    return open_image_embedder(folder)


class _Optional(Generic[M]):
    """A model that a library may have or go without; its folder is kept as a setting."""

    def __init__(self, store: Store, setting: str, open_: Callable[[Path], M]) -> None:
        self._store = store
        self._setting = setting
        self._open = open_
        self._lock = threading.Lock()
        self._model: M | None = None

    @property
    def folder(self) -> str:
        """Where it lies; empty where the library goes without."""
        return self._store.setting(self._setting) or ""

    @property
    def model(self) -> M | None:
        """The model, loaded by now; None without.

        Raises:
            ModelError: there is one, and it cannot be loaded.
        """
        with self._lock:
            folder = self.folder
            if folder and self._model is None:
                policy.check_model(Path(folder))
                self._model = self._open(Path(folder))
            return self._model

    def use(self, folder: Path | None) -> None:
        """Takes the model in ``folder`` from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        if folder is not None:
            policy.check_model(folder)
        model = self._open(folder) if folder else None
        self._store.set_setting(self._setting, str(folder.resolve()) if folder else "")
        with self._lock:
            self._model = model


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
        self._reranker = _Optional(store, _RERANKER, _open_reranker)
        self._images = _Optional(store, _IMAGES, _open_images)

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
        return self._reranker.model

    def use_reranker(self, folder: Path | None) -> None:
        """Lets a cross-encoder order the best chunks from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        self._reranker.use(folder)

    @property
    def sees_figures(self) -> bool:
        """Whether the library has a model for pictures; it may not be loaded yet."""
        return bool(self._images.folder)

    @property
    def image_embedder(self) -> ImageEmbedder | None:
        """The model that looks at figures, if the library has one.

        Raises:
            ModelError: it has, and it cannot be loaded.
        """
        return self._images.model

    def use_image_embedder(self, folder: Path | None) -> None:
        """Looks at figures with the model in ``folder`` from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        self._images.use(folder)
