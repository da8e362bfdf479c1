"""The fork server: a small process that has every reader loaded and forks a guest on request.

Loading the readers takes a third of a second; forking from here takes milliseconds. The server
itself never looks at a file. It is single-threaded and ends when the program does (its control
socket reaches its end); its children die with it.

Control messages are five bytes: ``R`` with descriptors attached (the guest's socket, the pipe on
which to report, and the file if there is one) runs a guest; ``K`` and a process number kills one.
The report is the child's process number, then its exit status as `os.waitpid` gives it, four
bytes each. Only the server waits for the children, so it never kills a number that is no longer
its child's.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import struct
import warnings

from ingest.guest import child, hardening
from ingest.guest.channel import Channel

MESSAGE = struct.Struct(">cI")
REPORT = struct.Struct(">i")
RUN, KILL = b"R", b"K"


def main(control_descriptor: int, preload: tuple[str, ...]) -> None:
    """Imports ``preload``, calls their ``warm_up`` if they have one, and serves until the
    control socket is closed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in preload:
            prepare = getattr(importlib.import_module(module), "warm_up", None)
            if prepare is not None:
                prepare()
    gc.collect()
    gc.freeze()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=control_descriptor)
    _Server(control).loop()


class _Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._reports: dict[int, int] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def loop(self) -> None:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        going_on = True
        while going_on:
            for descriptor, _ in poller.poll():
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 4096)
                else:
                    going_on = self._obey()
            self._reap()
        for pid in self._reports:
            os.kill(pid, signal.SIGKILL)
        for pid in self._reports:
            os.waitpid(pid, 0)

    def _obey(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE.size, 3)
        if not message:
            return False
        command, pid = MESSAGE.unpack(message)
        if command == RUN:
            self._fork(descriptors)
        elif pid in self._reports:
            os.kill(pid, signal.SIGKILL)
        return True

    def _fork(self, descriptors: list[int]) -> None:
        guest, report, *file = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_guest(guest, report, file[0] if file else None)
        for descriptor in (guest, *file):
            os.close(descriptor)
        self._reports[pid] = report
        self._report(report, pid)

    def _become_guest(self, guest: int, report: int, file: int | None) -> None:
        status = 1
        try:
            hardening.die_with_parent()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (report, self._wake_read, self._wake_write, *self._reports.values()):
                os.close(descriptor)
            self._control.close()
            nothing = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nothing, standard)
            os.close(nothing)
            child.serve(Channel(guest, guest), file)
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for pid in list(self._reports):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                report = self._reports.pop(pid)
                self._report(report, status)
                os.close(report)

    def _report(self, report: int, value: int) -> None:
        try:
            os.write(report, REPORT.pack(value))
        except BrokenPipeError:
            return  # the program no longer wants to know
