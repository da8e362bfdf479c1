"""Cleans the library's files up after what was removed, inside the background process.

Runs in a thread of its own, some seconds after a removal, so that whoever removes several
documents waits for none of it, and after opening a library where it was interrupted before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from app.ui.failures import failure_of
from app.ui.messages import UNASKED, Failed

_SECONDS = 5.0  # between two looks


class Cleanable(Protocol):
    """What is needed of a workspace."""

    @property
    def has_remains(self) -> bool:
        """Whether there is something to clean up after."""

    def erase_remains(self, stop: threading.Event) -> bool:
        """Does so, until ``stop`` is set; whether nothing is left."""


class Cleaner:
    """Looks again and again, from the moment it is made until it is stopped."""

    def __init__(
        self, workspace: Cleanable, send: Callable[[object], None], seconds: float = _SECONDS
    ) -> None:
        self._workspace = workspace
        self._send = send
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cleaning", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Ends it; what it is at stops at its next step, waited for so long."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._seconds):
                if self._workspace.has_remains:
                    self._workspace.erase_remains(self._stop)
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
            # A full disk: said once, and done when the library is next opened.
            if not self._stop.is_set():
                self._send(Failed(UNASKED, failure_of(error, "Cleaning up")))
