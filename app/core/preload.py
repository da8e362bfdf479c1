"""What every library needs, loaded before one is unlocked: code, and the default embedding model.

A person takes seconds to type a passphrase; loading in that time makes the first search quick.
Knows nothing of any library.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.embedder import Embedder


class Preload:
    """Loads in a thread of its own, from the moment it is made."""

    def __init__(self) -> None:
        self._embedder: Future[Embedder] = Future()
        threading.Thread(target=self._load, name="preload", daemon=True).start()

    def embedder(self) -> Embedder:
        """The default model; waits until it is loaded.

        Raises:
            ModelError: as `open_embedder`.
        """
        return self._embedder.result()

    def _load(self) -> None:
        try:
            import app.core.workspace  # noqa: F401 - brings the store and the readers
            import ingest.memory_index  # noqa: F401 - brings LanceDB
            from ingest.embedder import open_embedder

            self._embedder.set_result(open_embedder())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the model
            self._embedder.set_exception(error)
