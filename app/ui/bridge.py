"""The one bridge between the window and the background process.

It owns the process and the pipe, and turns messages into Qt signals and callbacks on the UI
thread. It knows requests, not what they mean. When the process dies, it says so, fails what was
pending, starts the process again and reopens the library.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from app.ui import background, wire
from app.ui.messages import (
    UNASKED,
    Call,
    Cancel,
    Close,
    Failed,
    Failure,
    Finished,
    Open,
    Opened,
    OpenFailed,
    Returned,
    Streamed,
)

Target = Callable[[Connection], None]

_CLOSE_SECONDS = 3
_RESTARTS, _RESTART_WINDOW = 3, 60.0


@dataclass(frozen=True, slots=True)
class _Handlers:
    event: Callable[[object], None] | None
    value: Callable[[object], None] | None
    finished: Callable[[bool], None] | None
    failed: Callable[[Failure], None] | None


class _Reader(QThread):
    """Waits on the pipe so that the UI thread does not; ends when the process does."""

    message_received = Signal(object)
    process_ended = Signal(object)

    def __init__(self, connection: Connection, process: SpawnProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._connection = connection
        self._process = process

    def run(self) -> None:
        try:
            while True:
                self.message_received.emit(self._receive())
        except (EOFError, OSError):
            self._process.join(_CLOSE_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self.process_ended.emit(self._process.exitcode)

    def _receive(self) -> object:
        """The next message, or the failure that stands for one of an unknown kind."""
        data = self._connection.recv_bytes()
        try:
            return wire.loads(data)
        except pickle.UnpicklingError as error:
            return Failed(UNASKED, wire.unknown(error))


class Bridge(QObject):
    """Requests in, signals out. All methods belong to the UI thread and return at once."""

    opened = Signal()
    open_failed = Signal(object)  # Failure
    event_received = Signal(int, object)
    value_returned = Signal(int, object)
    request_finished = Signal(int, bool)  # request, cancelled
    request_failed = Signal(int, object)  # request, Failure
    failure_unhandled = Signal(object)  # Failure that no caller took: shown in one place
    background_stopped = Signal(object)  # Failure
    background_restarted = Signal()

    def __init__(self, target: Target = background.main, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Handlers] = {}
        self._waiting: list[Call] = []  # until the library is open
        self._order: Open | None = None
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._reader: _Reader | None = None
        self._is_open = False
        self._closing = False
        self._reopening = False
        self._crashes: list[float] = []
        self._gave_up: Failure | None = None  # after too many crashes: why nothing is answered

    @property
    def is_open(self) -> bool:
        """Whether the library is open and requests go out at once."""
        return self._is_open

    @property
    def busy(self) -> bool:
        """Whether something was asked that is not answered yet."""
        return bool(self._pending)

    def start(self) -> None:
        """Starts the process, which loads what it needs while nothing is asked of it yet."""
        if self._reader is None:
            self._closing = False
            self._start()

    def open_library(self, order: Open) -> None:
        """Opens a library, in the process that waits or a new one.

        `opened` or `open_failed` follows.
        """
        self._order = order
        self._reopening = False
        self._gave_up = None
        self.start()
        self._send(order)

    def call(
        self,
        method: str,
        *args: object,
        on_event: Callable[[object], None] | None = None,
        on_value: Callable[[object], None] | None = None,
        on_finished: Callable[[bool], None] | None = None,
        on_failed: Callable[[Failure], None] | None = None,
        **kwargs: object,
    ) -> int:
        """Asks for a workspace method; returns the request's number.

        The callbacks run on the UI thread: ``on_event`` for each event of a stream, then
        ``on_finished`` with whether it was cancelled; or ``on_value``; or ``on_failed``. A
        failure that has no ``on_failed`` goes to `failure_unhandled`.
        """
        number = next(self._numbers)
        self._pending[number] = _Handlers(on_event, on_value, on_finished, on_failed)
        call = Call(number, method, args, kwargs)
        if self._is_open:
            self._send(call)
        elif self._gave_up is not None:
            gone = self._gave_up
            QTimer.singleShot(0, self, lambda: self._fail(number, gone))
        else:
            self._waiting.append(call)
        return number

    def cancel(self, request: int) -> None:
        """Nobody waits for this request any more; its stream ends at its next event."""
        if request not in self._pending:
            return
        for call in self._waiting:
            if call.request == request:
                self._waiting.remove(call)
                self._finish(request, cancelled=True)
                return
        self._send(Cancel(request))

    def drop(self, request: int) -> None:
        """Whoever asked is gone; what comes of it is let go."""
        if request in self._pending:
            self._pending[request] = _Handlers(None, None, None, lambda _failure: None)

    def close(self) -> None:
        """Closes the library and ends the process; waits for it, so call it last."""
        self._closing = True
        self._is_open = False
        self._order = None  # it holds the key
        if self._reader is None:
            return
        self._send(Close())
        if not self._reader.wait(_CLOSE_SECONDS * 1000) and self._process is not None:
            self._process.kill()
            self._reader.wait()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._target, args=(theirs,), name="muniment-background", daemon=False
        )
        process.start()
        theirs.close()
        reader = _Reader(ours, process, self)
        reader.message_received.connect(self._on_message)
        reader.process_ended.connect(self._on_process_ended)
        self._connection, self._process, self._reader = ours, process, reader
        reader.start()

    def _send(self, message: object) -> None:
        if self._connection is None:
            return
        try:
            self._connection.send(message)
        except OSError:
            return  # the process is gone; the reader reports it and fails what is pending

    @Slot(object)
    def _on_message(self, message: object) -> None:
        match message:
            case Streamed(request, event):
                self.event_received.emit(request, event)
                handlers = self._pending.get(request)
                if handlers is not None and handlers.event is not None:
                    handlers.event(event)
            case Returned(request, value):
                self.value_returned.emit(request, value)
                handlers = self._pending.pop(request, None)
                if handlers is not None and handlers.value is not None:
                    handlers.value(value)
            case Finished(request, cancelled):
                self._finish(request, cancelled)
            case Failed(request, failure):
                self._fail(request, failure)
            case Opened():
                self._on_opened()
            case OpenFailed(failure):
                self._order = None
                self._drop_pending(failure)
                self.open_failed.emit(failure)

    def _on_opened(self) -> None:
        self._is_open = True
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self._send(call)
        if self._reopening:
            self._reopening = False
            self.background_restarted.emit()
        else:
            self.opened.emit()

    @Slot(object)
    def _on_process_ended(self, exit_code: int | None) -> None:
        if self.sender() is not self._reader and self.sender() is not None:
            return  # an older process whose end arrives late
        self._reader = None
        self._connection = None
        self._is_open = False
        if self._closing or self._order is None:
            return  # nothing is open; the next order starts the process anew
        now = time.monotonic()
        self._crashes = [at for at in self._crashes if now - at < _RESTART_WINDOW] + [now]
        again = len(self._crashes) <= _RESTARTS
        failure = _crash(exit_code, again)
        self._drop_pending(failure)
        self.background_stopped.emit(failure)
        if again:
            self._order = Open(self._order.folder, self._order.key, create=False)
            self._reopening = True
            self._start()
            self._send(self._order)
        else:
            self._gave_up = failure

    def _drop_pending(self, failure: Failure) -> None:
        self._waiting.clear()
        for request in list(self._pending):
            self._fail(request, failure, shown=True)

    def _finish(self, request: int, cancelled: bool) -> None:
        handlers = self._pending.pop(request, None)
        self.request_finished.emit(request, cancelled)
        if handlers is not None and handlers.finished is not None:
            handlers.finished(cancelled)

    def _fail(self, request: int, failure: Failure, shown: bool = False) -> None:
        handlers = self._pending.pop(request, None)
        self.request_failed.emit(request, failure)
        if handlers is not None and handlers.failed is not None:
            handlers.failed(failure)
        elif not shown:
            self.failure_unhandled.emit(failure)


def _crash(exit_code: int | None, again: bool) -> Failure:
    how = f"signal {-exit_code}" if exit_code is not None and exit_code < 0 else f"{exit_code}"
    cause = f"The background process ended unexpectedly ({how})."
    if again:
        remedy = "It is being started again. What was saved is not lost; repeat what was under way."
    else:
        remedy = "It ended several times in a row. Close the window and start the program again."
    return Failure("Background process", cause, remedy, "BackgroundStopped")
