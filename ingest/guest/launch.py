"""Starting guests and talking to them, from the program's side.

Two launchers with one interface: `ForkServer` where there is ``fork`` (a few milliseconds a
guest), `Spawner` everywhere (a fresh interpreter each, half a second). Both are safe to use from
several threads and leave no process behind.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from ingest.guest.frames import EndOfFrames, Header, encode
from ingest.guest.guest import ForkedGuest, Guest, GuestDied, SpawnedGuest
from ingest.guest.hardening import clean_environment
from ingest.guest.server import KILL, MESSAGE, RUN

PRELOAD = ("ingest.guest.jobs",)
_START = "import sys; sys.path[:] = {path!r}; from ingest.guest.{module} import main; main({args})"


class Launcher(ABC):
    """Starts guests."""

    @abstractmethod
    def start(self, request: Header, source: int | bytes) -> Guest:
        """A guest that works on ``source``: an open file's descriptor, or the bytes themselves.

        The caller closes the guest. The descriptor stays the caller's.

        Raises:
            GuestDied: it could not be started, or ended before it had its request.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends what the launcher keeps running. It starts again by itself when needed."""


class Spawner(Launcher):
    """A fresh interpreter for every guest; the file's bytes travel through its standard input."""

    def start(self, request: Header, source: int | bytes) -> Guest:
        process = subprocess.Popen(
            _command("spawned", ""),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )
        guest = SpawnedGuest(process)
        with _closing_on_failure(guest):
            _send_request(guest, request, source)
        return guest

    def close(self) -> None:
        """Nothing is kept running."""


class ForkServer(Launcher):
    """Forks guests from one small server process that has every reader loaded."""

    def __init__(self, preload: tuple[str, ...] = PRELOAD) -> None:
        self._preload = preload
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, request: Header, source: int | bytes) -> Guest:
        ours, theirs = socket.socketpair()
        report_read, report_write = os.pipe()
        descriptors = [theirs.fileno(), report_write]
        if isinstance(source, int):
            descriptors.append(source)
        try:
            self._command(RUN, 0, descriptors)
        except OSError as error:
            ours.close()
            os.close(report_read)
            raise GuestDied("the readers' process could not be started") from error
        finally:
            theirs.close()
            os.close(report_write)
        guest = ForkedGuest(ours, report_read, lambda pid: self._command(KILL, pid, []))
        with _closing_on_failure(guest):
            _send_request(guest, request, b"" if isinstance(source, int) else source)
        return guest

    def warm_up(self) -> None:
        """Starts the server now, without waiting for it."""
        with self._lock:
            self._ensure_running()

    def close(self) -> None:
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """In a forked copy of the program: the server belongs to the original."""
        self._lock = threading.Lock()
        if self._control is not None:
            self._control.close()
        self._process = self._control = None

    def _command(self, command: bytes, pid: int, descriptors: list[int]) -> None:
        message = MESSAGE.pack(command, pid)
        with self._lock:
            if command == KILL and self._control is None:
                return
            for attempt in (1, 2):
                control = self._ensure_running()
                try:
                    socket.send_fds(control, [message], descriptors)
                except (BrokenPipeError, ConnectionResetError):
                    # The server is gone. Its guests are too, so there is nothing left to kill.
                    self._stop()
                    if attempt == 2 or command == KILL:
                        raise
                else:
                    return

    def _ensure_running(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            ours, theirs = socket.socketpair()
            arguments = f"{theirs.fileno()}, {self._preload!r}"
            with theirs:
                self._process = subprocess.Popen(
                    _command("server", arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=clean_environment(),
                )
            self._control = ours
        return self._control

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._control = None


def _command(module: str, arguments: str) -> list[str]:
    root = str(Path(__file__).resolve().parents[2])
    path = [root, *(entry for entry in sys.path if entry and entry != root)]
    code = _START.format(path=path, module=module, args=arguments)
    return [sys.executable, "-I", "-c", code]


def _send_request(guest: Guest, request: Header, source: int | bytes) -> None:
    """The request's frame with the file as its body, read piece by piece from a descriptor."""
    if isinstance(source, bytes):
        guest.write(encode(request, len(source)))
        guest.write(source)
        return
    size = os.fstat(source).st_size
    guest.write(encode(request, size))
    os.lseek(source, 0, os.SEEK_SET)
    while size > 0:
        piece = os.read(source, min(size, 1 << 20))
        if not piece:
            raise EndOfFrames("the file became shorter")
        guest.write(piece)
        size -= len(piece)


@contextlib.contextmanager
def _closing_on_failure(guest: Guest) -> Iterator[None]:
    try:
        yield
    except BaseException:
        guest.close()
        raise


_default: Launcher | None = None
_default_lock = threading.Lock()


def default_launcher() -> Launcher:
    """The program's launcher, made on first use and closed when the program ends."""
    global _default
    with _default_lock:
        if _default is None:
            _default = ForkServer() if hasattr(os, "fork") else Spawner()
            atexit.register(_default.close)
            if isinstance(_default, ForkServer):
                os.register_at_fork(after_in_child=_default.forget)
        return _default
