"""The model that writes in one library: which one, and the engine that runs it.

The engine is started with the first question and ends with the library. Loads no torch here: that
is in the engine's own process.
"""

from __future__ import annotations

import threading
from pathlib import Path

from app.core import policy
from app.core.measuring import tables_folder
from app.core.snapshots import LibrarySnapshots
from engine import Engine
from engine.options import ModelFacts
from ingest.errors import ModelError
from ingest.store import Store

_MODEL = "language_model"
_PACE = "language_model_pace"
_GUARD = "app.core.process_guard:enforce_child"
# Tokens a second that are read before anything was measured here: a small model, no graphics card.
_GUESSED_PACE = 60.0
_LEAST_MEASURED = 256  # tokens read at once that tell how fast reading is


class LanguageModel:
    """The language model of one library, or none."""

    def __init__(self, store: Store, snapshots: LibrarySnapshots) -> None:
        self._store = store
        self._snapshots = snapshots
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._running: Path | None = None
        self._for_now: Path | None = None
        self._pace: float | None = None

    @property
    def path(self) -> Path | None:
        """The model in use; None without."""
        if self._for_now is not None:
            return self._for_now
        kept = self._store.setting(_MODEL)
        return Path(kept) if kept else None

    def use(self, path: Path | None, *, for_now: bool = False) -> ModelFacts | None:
        """Answers with a model from now on, or without (None).

        It is loaded to see that it can be; what it is comes back. ``for_now``: only while the
        library is open this time.

        Raises:
            EngineError: it cannot be loaded; the choice stays as it was.
        """
        facts = None
        if path is not None and not path.exists():
            raise ModelError(str(path), "There is no such model.", "Name a model's folder or file.")
        if path is not None:
            path = path.resolve()
            before = self._for_now
            self._for_now = path
            try:
                facts = self.engine().facts()
            except BaseException:
                self._for_now = before
                self.close()
                raise
        if not for_now:
            self._store.set_setting(_MODEL, str(path) if path else "")
            self._for_now = None
        if path is None:
            self._for_now = None
            self.close()
        return facts

    def engine(self) -> Engine:
        """The engine of the model in use.

        Raises:
            ModelError: no model is chosen, or it is no longer where it was.
            PolicyForbids: this model may not, or no longer, be used.
        """
        path = self.path
        if path is None:
            raise ModelError(
                "language model", "None is chosen.", "Choose one: muniment models use MODEL"
            )
        if not path.exists():
            raise ModelError(
                str(path),
                "The library's language model is no longer there.",
                "Choose another (muniment models use MODEL) or go without (muniment models use).",
            )
        policy.check_model(path)
        with self._lock:
            if self._engine is None or self._running != path:
                if self._engine is not None:
                    self._engine.close()
                self._engine = Engine(
                    path, guard=_GUARD, tables=tables_folder(), snapshots=self._snapshots.place
                )
                self._running, self._pace = path, None
            return self._engine

    def forget(self, document_id: int) -> None:
        """A document is gone: what was read of it leaves memory and disk."""
        with self._lock:
            engine = self._engine
        if engine is not None:
            engine.forget(self._snapshots.owner(document_id))

    @property
    def pace(self) -> float:
        """Tokens a second that this machine reads with the model; a guess before the first."""
        if self._pace is None:
            name, _, kept = (self._store.setting(_PACE) or "").rpartition(" ")
            self._pace = float(kept) if kept and name == str(self.path) else _GUESSED_PACE
        return self._pace

    def measured(self, tokens: int, seconds: float) -> None:
        """So many tokens were read in so many seconds."""
        if tokens >= _LEAST_MEASURED and seconds > 0:
            self._pace = tokens / seconds
            if not self._store.read_only:
                self._store.set_setting(_PACE, f"{self.path} {self._pace:.1f}")

    def stop_loading(self) -> None:
        """Ends the loading of the model, if it is being loaded; who waits gets EngineStopped."""
        # Without the lock: nothing that takes long is ever done under it.
        engine = self._engine
        if engine is not None:
            engine.stop_loading()

    def close(self) -> None:
        """Ends the engine's process, also in the middle of an answer."""
        with self._lock:
            engine, self._engine, self._running = self._engine, None, None
        if engine is not None:
            engine.close()
