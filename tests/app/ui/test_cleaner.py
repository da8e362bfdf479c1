"""The background process cleans up by itself, and stops when the window closes."""

from __future__ import annotations

import threading
import time

from app.ui.cleaner import Cleaner
from app.ui.messages import UNASKED, Failed
from ingest.errors import StoreFull


class Library:
    """Stands for a workspace; cleaning takes until it is told to stop, or ends at once."""

    def __init__(self, *, slow: bool = False, full: bool = False) -> None:
        self.has_remains = True
        self.cleaned = threading.Event()
        self.calls = 0
        self._slow, self._full = slow, full

    def erase_remains(self, stop: threading.Event) -> bool:
        self.calls += 1
        self.cleaned.set()
        if self._full:
            raise StoreFull("vault.db", "No space.", "Free some.")
        if self._slow:
            stop.wait(20)
            return False
        self.has_remains = False
        return True


def test_it_cleans_once_what_there_is() -> None:
    library, sent = Library(), []
    cleaner = Cleaner(library, sent.append, seconds=0.01)
    assert library.cleaned.wait(10)
    time.sleep(0.1)
    cleaner.stop(10)
    assert (library.calls, sent) == (1, [])


def test_it_stops_in_the_middle() -> None:
    library = Library(slow=True)
    cleaner = Cleaner(library, lambda _: None, seconds=0.01)
    assert library.cleaned.wait(10)
    started = time.monotonic()
    cleaner.stop(10)
    assert time.monotonic() - started < 5
    assert library.has_remains


def test_a_full_disk_is_told_once() -> None:
    library, sent, told = Library(full=True), [], threading.Event()

    def send(message: object) -> None:
        sent.append(message)
        told.set()

    cleaner = Cleaner(library, send, seconds=0.01)
    assert told.wait(10)
    cleaner.stop(10)
    (message,) = sent
    assert isinstance(message, Failed)
    assert message.request == UNASKED
    assert library.calls == 1
