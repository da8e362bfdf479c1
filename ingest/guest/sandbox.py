"""What holds the readers on this machine, tried out: for doctor and the privacy report.

`sandbox_report` starts guests that try what no reader may, and says how that went. Nothing is
taken from what was meant to be in force.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ingest.guest.child import Task
from ingest.guest.frames import Header
from ingest.guest.guest import GuestDied
from ingest.guest.launch import Launcher, default_launcher
from ingest.guest.limits import Limits
from ingest.guest.syscalls import ALLOWED, CHECKED
from ingest.guest.wire import integer

_JOB = "ingest.guest.sandbox:{}"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """``tried`` maps what a guest tried to how it went: True where it was stopped.

    ``landlock`` is the version in force, 0 for none; ``missing`` are whole sentences.
    """

    system: str
    limits: bool
    system_calls: bool
    allowed_calls: int
    landlock: int
    missing: tuple[str, ...]
    tried: dict[str, bool]

    @property
    def holds(self) -> bool:
        """Whether everything that was tried was stopped."""
        return bool(self.tried) and all(self.tried.values())

    def sentence(self) -> str:
        """All of it in a line or two, for people."""
        parts = []
        if self.system_calls:
            parts.append(f"readers may make {self.allowed_calls} system calls and open no file")
        if self.landlock:
            parts.append(f"Landlock {self.landlock} is in force")
        if not parts:
            parts.append("readers run in a process of their own")
        stopped = [name for name, held in self.tried.items() if held]
        escaped = [name for name, held in self.tried.items() if not held]
        if stopped:
            parts.append(f"tried and stopped: {', '.join(stopped)}")
        if escaped:
            parts.append(f"tried and NOT stopped: {', '.join(escaped)}")
        return " ".join(["; ".join(parts) + ".", *self.missing])


def sandbox_report(launcher: Launcher | None = None) -> SandboxReport:
    """Starts a guest for each attempt and says what holds them.

    Raises:
        GuestError: guests cannot be started, or do not answer.
    """
    launcher = launcher or default_launcher()
    measures = _ask(launcher, "tell", "")
    limits, calls = measures.get("limits") is True, measures.get("system_calls") is True
    tried = {}
    if sys.platform == "linux":
        tried = {name: _is_stopped(launcher, name) for name in ATTEMPTS}
    return SandboxReport(
        f"{platform.system()} {platform.release()} {platform.machine()}",
        limits,
        calls,
        len(ALLOWED) + len(CHECKED) if calls else 0,
        integer(measures, "landlock", 0, 1000),
        tuple(map(str, measures.get("missing", ()))),
        tried,
    )


def tell(task: Task) -> None:
    """In a guest: sends what holds it."""
    held = task.measures
    task.channel.send(
        {
            "limits": held.limits,
            "system_calls": held.system_calls,
            "landlock": held.landlock,
            "missing": list(held.missing),
        }
    )


def attempt(task: Task) -> None:
    """In a guest: tries one of `ATTEMPTS`, and says whether it was let."""
    try:
        ATTEMPTS[task.request["attempt"]]()
    except PermissionError:
        task.channel.send({"stopped": True})
    else:
        task.channel.send({"stopped": False})


def _ask(launcher: Launcher, job: str, name: str) -> Header:
    request = {"job": _JOB.format(job), "limits": Limits().to_wire(), "attempt": name}
    with launcher.start(request, b"") as guest:
        return guest.receive(_SECONDS, 0)[0]


def _is_stopped(launcher: Launcher, name: str) -> bool:
    """Only an answer that says so counts: a program that was started could not say so either."""
    try:
        answer = _ask(launcher, "attempt", name)
    except GuestDied as error:
        return "system call" in str(error) or "SIGSYS" in str(error)
    return answer.get("stopped") is True or "system call" in str(answer.get("cause"))


def _socket() -> None:
    import _socket as plain  # the audit hook of the offline guard must not be what stops it

    plain.socket(plain.AF_INET, plain.SOCK_STREAM).close()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "reading a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "writing a file": lambda: os.open("/tmp", os.O_TMPFILE | os.O_WRONLY),
    "opening a socket": _socket,
    "starting a program": lambda: os.execv("/bin/true", ["/bin/true"]),
    "a process of its own": os.fork,
}
