"""The near side of the service: a model in a child process, with a generator's interface.

The child is started on first use and ends with this process, however that ends. When it is killed,
the request under way raises EngineStopped and the next one starts a new child. Imports no torch.
"""

import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Literal

from engine.errors import EngineBusy, EngineStopped
from engine.options import Event, Message, ModelFacts, Options, SnapshotPlace
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
    check_sizes,
    receive,
    send,
)
from engine.snapshot_folder import SnapshotFolder
from engine.widths import KVBits

_CLOSE_SECONDS = 5
_DEFAULT = Options()
_START = "import sys; sys.path[:] = {path!r}; from engine.worker import main; main({handle})"


class Engine:
    """A model folder or file, run in a process of its own.

    ``memory`` is in bytes. ``guard`` names a function, ``package.module:function``, that the child
    calls before it imports anything heavy; ``factory`` what loads the model there. ``kv`` is the
    width of keys and values, by default the smallest that was measured to be enough; ``tables`` is
    a folder with measurements, for models whose own place cannot be written. ``snapshots`` is where
    what ``Options.keep`` names stays read; without, it is read each time.

    One answer at a time: while one is being read, a second request raises EngineBusy. Methods may
    be called from any thread. After :meth:`close` the next request starts a child again.
    """

    def __init__(
        self,
        folder: Path | str,
        context: int | None = None,
        memory: int | None = None,
        device: str = "auto",
        *,
        guard: str | None = None,
        factory: str = "engine.model:load",
        kv: KVBits | Literal["auto"] | None = "auto",
        tables: Path | str | None = None,
        snapshots: SnapshotPlace | None = None,
    ) -> None:
        kept = None if tables is None else str(tables)
        self._order = Load(
            str(folder), context, memory, device, factory, guard, kv, kept, snapshots
        )
        self._owner = ""
        self._numbers = itertools.count(1)
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._child: _Child | None = None
        self._loading: _Child | None = None
        self._finalizer: weakref.finalize[[], Engine] | None = None

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def facts(self) -> ModelFacts:
        """What the model is; loads it if it is not loaded.

        Raises whatever of ``engine.errors`` loading it raises.
        """
        return self._running().facts

    def generate(
        self, prompt: Sequence[Message] | Sequence[int] | str, options: Options = _DEFAULT
    ) -> Generator[Event, None, None]:
        """Writes after ``prompt``: PromptRead while reading, Written while writing, Finished last.

        Closing the generator stops the child within one token; closing does not wait for it.
        Raises EngineBusy, EngineStopped, and what loading and writing raise of ``engine.errors``.
        """
        sent = _as_sent(prompt)
        self._begin()
        try:
            child = self._running()
            number = next(self._numbers)
            self._owner = options.keep.owner if options.keep else ""
            child.send(Generate(number, sent, options))
            over = False
            try:
                while True:
                    message = child.receive()
                    match message:
                        case Said(request, event) if request == number:
                            yield event
                        case Ended(request) if request == number:
                            over = True
                            return
                        case Failed(request, error) if request == number:
                            over = True
                            raise error
                        case _:
                            pass  # the rest of an answer that nobody waited for
            finally:
                if not over:
                    child.cancel(number)
        finally:
            self._turn.release()

    def count(self, prompt: Sequence[Message] | Sequence[int] | str) -> int:
        """How many tokens a prompt has; loads the model if it is not loaded.

        Raises EngineBusy while an answer is being written, and what reading a prompt raises.
        """
        sent = _as_sent(prompt)
        self._begin()
        try:
            child = self._running()
            number = next(self._numbers)
            child.send(Count(number, sent))
            while True:
                match child.receive():
                    case Counted(request, tokens) if request == number:
                        return tokens
                    case Failed(request, error) if request == number:
                        raise error
                    case _:
                        pass  # the rest of an answer that nobody waited for
        finally:
            self._turn.release()

    def _begin(self) -> None:
        if not self._turn.acquire(blocking=False):
            raise EngineBusy(
                self._order.folder,
                "It is still writing another answer.",
                "Wait for that answer, or stop it, and ask again.",
            )

    def forget(self, owner: str) -> None:
        """Deletes what is kept of an owner, in memory and on disk; for when a document is deleted.

        An answer over it that is under way ends with EngineStopped. Raises OSError if a file cannot
        be deleted.
        """
        if self._turn.acquire(blocking=False):
            try:
                self._forget_in_child(owner)
            finally:
                self._turn.release()
        elif self._owner == owner:
            self.close()
        elif child := self._child:
            # After the answer under way, whose reader skips what is said of this.
            child.send(Forget(next(self._numbers), owner))
        if self._order.snapshots:
            SnapshotFolder(self._order.snapshots).forget(owner)

    def _forget_in_child(self, owner: str) -> None:
        child = self._child
        if child is None or child.ended:
            return
        number = next(self._numbers)
        child.send(Forget(number, owner))
        while child.receive() != Ended(number):
            pass  # the rest of an answer that nobody waited for

    def close(self) -> None:
        """Ends the child, also in the middle of an answer, whose reader gets EngineStopped."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()
        self.stop_loading()

    def stop_loading(self) -> None:
        """Ends a child that is still loading: whoever waits for it gets EngineStopped."""
        child = self._loading
        if child is not None:
            child.stop()

    def _running(self) -> "_Child":
        with self._starting:
            if self._child is None or self._child.ended:
                self._child = None
                child = self._loading = _Child(self._order)
                try:
                    child.load()
                except BaseException:
                    child.stop()
                    raise
                finally:
                    self._loading = None
                if self._finalizer is not None:
                    self._finalizer.detach()
                self._finalizer = weakref.finalize(self, child.stop)
                self._child = child
            return self._child


def _as_sent(prompt: Sequence[Message] | Sequence[int] | str) -> Prompt:
    sent: Prompt = prompt if isinstance(prompt, str) else tuple(prompt)  # type: ignore[assignment]
    check_sizes(sent)
    return sent


class _Child:
    """One child process and the pipe to it."""

    facts: ModelFacts

    def __init__(self, order: Load) -> None:
        self._order = order
        self._stopping = False
        self._connection, theirs = Pipe()
        try:
            self._process = _start(theirs)
        except OSError as error:
            self._connection.close()
            raise EngineStopped(
                order.folder,
                f"The process for the model could not be started ({error}).",
                "Close other programs and try again.",
            ) from error
        finally:
            theirs.close()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def load(self) -> None:
        """Waits until the model is loaded; raises what went wrong."""
        self.send(self._order)
        message = self.receive()
        if isinstance(message, Failed):
            raise message.error
        if not isinstance(message, Loaded):
            raise self._not_understood(repr(message))
        self.facts = message.facts

    def send(self, message: object) -> None:
        try:
            send(self._connection, message)
        except OSError:
            raise self._stopped() from None

    def receive(self) -> object:
        try:
            # Waiting may be interrupted by Ctrl+C and taken up again; reading may not.
            self._connection.poll(None)
            try:
                return receive(self._connection)
            except KeyboardInterrupt:
                self.stop()
                raise
        except (EOFError, OSError):
            raise self._stopped() from None
        except pickle.UnpicklingError as error:
            self.stop()
            raise self._not_understood(str(error)) from error

    def cancel(self, request: int) -> None:
        """Tells it that nobody reads on; what it still says is skipped by the next reader."""
        try:
            send(self._connection, Cancel(request))
        except OSError:
            return  # it is gone, and with it what was to be stopped

    def stop(self) -> None:
        """Ends the process; nothing in it needs saving."""
        self._stopping = True
        self._process.kill()
        self._process.wait()
        # A reader in another thread sees the end of the pipe; its end of it is left to it.

    def _stopped(self) -> EngineStopped:
        stopping = self._stopping
        try:
            code = self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if stopping or self._stopping:
            return EngineStopped(
                self._order.folder, "The model was closed.", "Ask again to load it anew."
            )
        remedy = "Ask again: the model is loaded anew."
        if code == -getattr(signal, "SIGKILL", 9):
            remedy += (
                " If it happens again, the memory is too small for it:"
                " choose a smaller model or a shorter context."
            )
        return EngineStopped(
            self._order.folder, f"The process that ran the model has ended ({_how(code)}).", remedy
        )

    def _not_understood(self, what: str) -> EngineStopped:
        return EngineStopped(
            self._order.folder,
            f"The process that ran the model sent what is not understood ({what}).",
            "Report it with this text; the program's parts do not fit each other.",
        )


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _start(theirs: Connection) -> "subprocess.Popen[bytes]":
    """A fresh interpreter, which does not import this program's main module."""
    handle = theirs.fileno()
    root = str(Path(__file__).resolve().parents[1])
    path = [root, *(entry for entry in sys.path if entry and entry != root)]
    command = [sys.executable, "-I", "-c", _START.format(path=path, handle=handle)]
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO()
        startup.lpAttributeList = {"handle_list": [handle]}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            startupinfo=startup,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[handle]
    )
