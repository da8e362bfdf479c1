"""The far side of the service: the child process that holds the model and writes.

One thread listens to the pipe, so that a cancellation is heard while the model works, and so that
the process ends at once when the near side is gone. The main thread loads and writes. torch is
imported by the factory, after the guard has run; not here.
"""

import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from engine.errors import EngineError, MemoryExceeded
from engine.options import Event, ModelFacts, Options
from engine.protocol import (
    Cancel,
    Count,
    Counted,
    Ended,
    Failed,
    Forget,
    Generate,
    Load,
    Loaded,
    Prompt,
    Said,
    receive,
    send,
)

_log = logging.getLogger(__name__)


class Model(Protocol):
    """What a factory returns."""

    @property
    def facts(self) -> ModelFacts:
        """What was loaded."""

    def generate(self, prompt: Prompt, options: Options) -> Generator[Event, None, None]:
        """Writes after ``prompt``."""

    def count(self, prompt: Prompt) -> int:
        """How many tokens ``prompt`` has."""

    def forget(self, owner: str) -> None:
        """Forgets what was read last if it was this owner's."""


def main(handle: int) -> None:
    """Entry of the child process; ``handle`` is its end of the pipe. Does not return."""
    # Ctrl+C in a terminal reaches the whole group; the near side says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Between the steps that torch does, its threads would spin beside those of our kernels.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    code = 1
    try:
        serve(_connection(handle))
        code = 0
    except (EOFError, OSError):
        code = 0  # the near side is gone
    except Exception:  # noqa: BLE001 - the reason has to be written before the process ends
        _log.exception("The engine's process ends")
    finally:
        sys.stderr.flush()
        # Not through the interpreter's end: native threads may be at work.
        os._exit(code)


def serve(connection: Connection) -> None:
    """Loads what the first message says, then answers requests until the pipe ends."""
    order = receive(connection)
    if not isinstance(order, Load):
        raise TypeError(f"The first message was {order!r}.")
    desk = _Desk()
    threading.Thread(target=_listen, args=(connection, desk), daemon=True).start()
    try:
        model = _load(order)
        send(connection, Loaded(model.facts))
    except Exception as error:  # noqa: BLE001 - whatever it is, the near side has to show it
        send(connection, Failed(0, _crossing(error)))
        return
    while True:
        request = desk.next()
        if isinstance(request, Forget):
            model.forget(request.owner)
            send(connection, Ended(request.request))
        elif isinstance(request, Count):
            _count(connection, model, request)
        else:
            _answer(connection, model, request, desk)


class _Desk:
    """Requests in order, and which of them were cancelled. Shared by the two threads."""

    def __init__(self) -> None:
        self._requests: SimpleQueue[Generate | Forget | Count] = SimpleQueue()
        self._cancelled_up_to = 0

    def take(self, message: object) -> None:
        if isinstance(message, Generate | Forget | Count):
            self._requests.put(message)
        elif isinstance(message, Cancel):
            # Requests are numbered upwards and answered one at a time.
            self._cancelled_up_to = max(self._cancelled_up_to, message.request)

    def next(self) -> Generate | Forget | Count:
        return self._requests.get()

    def cancelled(self, request: int) -> bool:
        return request <= self._cancelled_up_to


def _listen(connection: Connection, desk: _Desk) -> None:
    try:
        while True:
            desk.take(receive(connection))
    except (EOFError, OSError):
        os._exit(0)  # the near side is gone: nobody wants what is being written


def _load(order: Load) -> Model:
    if order.guard is not None:
        _imported(order.guard)()
    model: Model = _imported(order.factory)(
        Path(order.folder),
        context=order.context,
        memory=order.memory,
        device=order.device,
        kv=order.kv,
        tables=None if order.tables is None else Path(order.tables),
        snapshots=order.snapshots,
    )
    return model


def _answer(connection: Connection, model: Model, request: Generate, desk: _Desk) -> None:
    number = request.request
    try:
        events = model.generate(request.prompt, request.options)
        try:
            while not desk.cancelled(number):
                event = next(events, None)
                if event is None:
                    break
                if not desk.cancelled(number):
                    send(connection, Said(number, event))
        finally:
            events.close()
    except OSError as error:
        if isinstance(error, BrokenPipeError | ConnectionError):
            raise
        send(connection, Failed(number, _crossing(error)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the near side has to show it
        send(connection, Failed(number, _crossing(error)))
    else:
        send(connection, Ended(number))


def _count(connection: Connection, model: Model, request: Count) -> None:
    try:
        answer: object = Counted(request.request, model.count(request.prompt))
    except Exception as error:  # noqa: BLE001 - whatever it is, the near side has to show it
        answer = Failed(request.request, _crossing(error))
    send(connection, answer)


def _crossing(error: Exception) -> Exception:
    """The error as the near side can take it: our own kinds and ValueError as they are."""
    if isinstance(error, EngineError) and type(error).__module__ == "engine.errors":
        return error
    if type(error) is ValueError:
        return ValueError(str(error))
    if isinstance(error, MemoryError):
        return MemoryExceeded(
            "The model",
            "The system gave it no more memory.",
            "Close other programs, or choose a smaller model or a shorter context.",
        )
    _log.error("In the engine's process", exc_info=error)
    return EngineError(
        "The engine",
        f"Something unexpected happened ({type(error).__name__}: {error}).",
        "Ask again. If it happens again, report it with this text.",
    )


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _connection(handle: int) -> Connection:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    return Connection(handle)
