"""Ctrl-C: once asks long work to stop at the next safe place, twice ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class Stopping:
    """While entered, takes the interrupt signal. ``event`` is set from the first one on."""

    def __init__(self, on_stop: Callable[[], None]) -> None:
        self.event = threading.Event()
        self._on_stop = on_stop
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Stopping:
        if self._before is not signal.SIG_IGN:  # nohup, a job in the background
            signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        self.event.set()
        self._on_stop()
