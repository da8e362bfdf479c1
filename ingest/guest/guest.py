"""One running guest, as the program sees it: send, receive within a time, kill.

Frames come back unjudged; `wire` checks what they say. Time counts only while somebody waits for
the guest, so a slow consumer does not cost a file its life.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from ingest.guest.frames import EndOfFrames, Header, decode, encode
from ingest.guest.limits import FORBIDDEN_CALL
from ingest.guest.server import REPORT

_PATIENCE = 2.0


class GuestError(Exception):
    """The guest failed as a process, whatever the file."""


class GuestDied(GuestError):
    """It ended without being asked. ``exceeded`` is true when the kernel ended it for its
    processor time."""

    def __init__(self, how: str, exceeded: bool = False) -> None:
        super().__init__(how)
        self.exceeded = exceeded


class GuestTimedOut(GuestError):
    """It did not answer in time, and was killed."""


class Guest(ABC):
    """A child process with one job. Use as a context manager, or call `close`."""

    def send(self, header: Header) -> None:
        """Sends one frame without a body.

        Raises:
            GuestDied: nobody is there to read it.
        """
        self.write(encode(header))

    def receive(self, seconds: float, max_body: int) -> tuple[Header, bytes]:
        """The next frame.

        Raises:
            GuestTimedOut: not complete within ``seconds``; the guest has been killed.
            GuestDied: the stream ended.
            FrameError: what came is no frame.
        """
        try:
            return self._receive(seconds, max_body)
        except EndOfFrames:
            raise self._died() from None

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Sends raw bytes; raises `GuestDied` when nobody reads them."""

    @abstractmethod
    def close(self) -> None:
        """Ends the guest if it still runs, and waits for its end. May be called again."""

    @abstractmethod
    def _receive(self, seconds: float, max_body: int) -> tuple[Header, bytes]: ...

    @abstractmethod
    def _died(self) -> GuestDied: ...

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ForkedGuest(Guest):
    """A child of the fork server."""

    def __init__(self, channel: socket.socket, report: int, kill: Callable[[int], None]) -> None:
        self._channel = channel
        self._report = report
        self._kill_process = kill
        self._pid: int | None = None
        self._exit: int | None = None
        self._closed = False

    def write(self, data: bytes) -> None:
        self._channel.settimeout(60)
        try:
            self._channel.sendall(data)
        except TimeoutError as error:
            self.close()
            raise GuestTimedOut("it does not take its request") from error
        except OSError as error:
            raise self._died() from error

    def _receive(self, seconds: float, max_body: int) -> tuple[Header, bytes]:
        deadline = time.monotonic() + seconds

        def read(count: int) -> bytearray:
            buffer = bytearray(count)
            view = memoryview(buffer)
            while view:
                self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
                received = self._channel.recv_into(view)
                if received == 0:
                    raise EndOfFrames
                view = view[received:]
            return buffer

        try:
            return decode(read, max_body)
        except TimeoutError as error:
            self.close()
            raise GuestTimedOut(f"no answer within {seconds:.0f} seconds") from error
        except ConnectionError as error:
            raise EndOfFrames from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._channel.close()
        if self._status(0.0) is None:
            if self._learn_pid(_PATIENCE) is not None:
                self._kill(self._pid or 0)
            self._status(_PATIENCE)
        os.close(self._report)

    def _kill(self, pid: int) -> None:
        try:
            self._kill_process(pid)
        except OSError:
            return  # the server is gone, and its guests with it

    def _died(self) -> GuestDied:
        status = None if self._closed else self._status(_PATIENCE)
        if status is None and self._pid is None:
            return GuestDied("the readers' own process ended; its error output says why")
        if status is None:
            return GuestDied("it ended without a word")
        if os.WIFSIGNALED(status):
            return _died_by(os.WTERMSIG(status))
        return _ended_with(os.WEXITSTATUS(status))

    def _learn_pid(self, seconds: float) -> int | None:
        if self._pid is None:
            self._pid = self._next_report(seconds)
        return self._pid

    def _status(self, seconds: float) -> int | None:
        """The exit status, if it is known within ``seconds``."""
        if self._exit is None and self._learn_pid(seconds) is not None:
            self._exit = self._next_report(seconds)
        return self._exit

    def _next_report(self, seconds: float) -> int | None:
        poller = select.poll()
        poller.register(self._report, select.POLLIN)
        if not poller.poll(seconds * 1000):
            return None
        data = os.read(self._report, REPORT.size)
        return int(REPORT.unpack(data)[0]) if len(data) == REPORT.size else None


class SpawnedGuest(Guest):
    """A process of its own, reached through pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._timed_out = False

    def write(self, data: bytes) -> None:
        stream = self._process.stdin
        if stream is None:
            raise GuestDied("it has no standard input")
        try:
            stream.write(data)
            stream.flush()
        except OSError as error:
            raise self._died() from error

    def _receive(self, seconds: float, max_body: int) -> tuple[Header, bytes]:
        stream = self._process.stdout
        if stream is None:
            raise GuestDied("it has no standard output")

        def read(count: int) -> bytes:
            data = stream.read(count)
            if len(data) < count:
                raise EndOfFrames
            return data

        timer = threading.Timer(seconds, self._expire)
        timer.start()
        try:
            return decode(read, max_body)
        except EndOfFrames:
            if self._timed_out:
                raise GuestTimedOut(f"no answer within {seconds:.0f} seconds") from None
            raise
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._timed_out = True
        self.kill()

    def kill(self) -> None:
        """Ends it from any thread; who waits for it gets `GuestDied`."""
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue  # what was still to be flushed has no reader any more
        self._process.wait()

    def _died(self) -> GuestDied:
        status = self._process.wait()
        return _died_by(-status) if status < 0 else _ended_with(status)


def _ended_with(status: int) -> GuestDied:
    if status == FORBIDDEN_CALL:
        return GuestDied("it was ended for a system call that no reader may make")
    return GuestDied(f"it ended with status {status}")


def _died_by(number: int) -> GuestDied:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return GuestDied(f"it was ended by {name}", exceeded=name == "SIGXCPU")
