"""Runs command lines of the program in forked copies of itself, and kills them on order.

Started once, it loads everything that ``python -m app`` and its readers' process load; a trial
then costs forks instead of seconds. A trial is the real ``app.cli.main`` with a readers' process
of its own. One JSON object a line comes in (``arguments``, and ``kill`` or null), one goes out.
``kill`` is one of

- ``{"seconds": s}``: SIGKILL from outside, s seconds after the start;
- ``{"step": n}``: SIGKILL at the n-th progress call of SQLite inside a write transaction;
- ``{"commit": n, "seconds": s}``: SIGKILL s seconds after the n-th commit begins;
- ``{"roots": [...], "operation": n, "when": "before", "after" or "half"}``: SIGKILL at the n-th
  operation that changes something on the disk below the roots (see ``shim.c``);
- ``{"roots": [...], "operation": n, "when": ..., "span": m, "error": e}``: n operations from there
  on fail with that errno;
- ``{"roots": [...], "record": path}``: every operation is written down there.

With ``roots`` the result counts ``operations``. The argument ``@rekey`` stands for changing the
library's passphrase (`fault_rekey`).

Processes that a trial leaves behind become children of this one, which is their subreaper: they
are waited for, and those that are still there after `PATIENCE` seconds are named and killed.
"""

from __future__ import annotations

from app.core import offline

offline.enforce()

import atexit  # noqa: E402 - the guard comes first
import ctypes  # noqa: E402
import functools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
import types  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import IO, Any  # noqa: E402

import apsw  # noqa: E402
import fault_rekey  # noqa: E402
import shim  # noqa: E402

import app.core.models  # noqa: E402
import ingest.embedder  # noqa: E402
from app.cli import main as command_line  # noqa: E402
from ingest.guest import jobs, launch, server  # noqa: E402

PATIENCE = 5.0
STEP = 2
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    # One thread, so that the loaded model works in a forked copy.
    embedder = ingest.embedder.open_embedder(threads=1)
    vars(app.core.models)["open_embedder"] = lambda *_: embedder
    jobs.warm_up()
    vars(launch)["subprocess"] = types.SimpleNamespace(
        Popen=_ForkedServer,
        DEVNULL=subprocess.DEVNULL,
        TimeoutExpired=subprocess.TimeoutExpired,
    )
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(trial(order["arguments"], order["kill"])), flush=True)


def trial(arguments: list[str], kill: dict[str, Any] | None) -> dict[str, Any]:
    """Runs one command line to its end or its death."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        read, write = os.pipe()
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _become_program(arguments, kill or {}, write, out, err)
        os.close(write)
        if kill and "seconds" in kill and "commit" not in kill:
            _kill_later(pid, kill["seconds"])
        _, status = os.waitpid(pid, 0)
        seconds = time.monotonic() - started
        with os.fdopen(read) as report:
            counted = json.loads(report.read() or "{}")
        return {
            "seconds": seconds,
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "left": _left_behind(),
            "stdout": _text(out),
            "stderr": _text(err),
            **counted,
        }


def _kill_later(pid: int, seconds: float) -> None:
    """Kills the process unless it ends before. It is not reaped here, so the number is its own."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(min(left, 0.002))
    os.kill(pid, signal.SIGKILL)


def _become_program(
    arguments: list[str], kill: dict[str, Any], report: int, out: IO[bytes], err: IO[bytes]
) -> None:
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, standard in ((nothing, 0), (out.fileno(), 1), (err.fileno(), 2)):
            os.dup2(descriptor, standard)
        counter = _Counter(kill)
        apsw.connection_hooks.append(counter.attach)
        sys.argv = ["muniment", *arguments]
        _arm(kill)
        try:
            if "@rekey" in arguments:
                fault_rekey.main(arguments)
            else:
                command_line()
        except SystemExit as end:
            code = int(end.code or 0)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        counted = {"steps": counter.steps, "commits": counter.commits}
        if "roots" in kill:
            counted["operations"] = shim.count()
        os.write(report, json.dumps(counted).encode())
    except BaseException:  # noqa: BLE001 - the fork must never go on as the driver
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _arm(kill: dict[str, Any]) -> None:
    """Tells the preloaded shim what is to happen to the disk from now on."""
    if "roots" not in kill:
        return
    if "record" in kill:
        shim.record(kill["roots"], Path(kill["record"]))
    elif "error" in kill:
        shim.fail(kill["roots"], kill["operation"], kill["when"], kill["span"], kill["error"])
    else:
        shim.kill(kill["roots"], kill.get("operation", 0), kill.get("when", "before"))


class _ForkedServer:
    """The readers' process, forked with the readers loaded; what `launch` needs of a ``Popen``."""

    def __init__(self, _: object, *, pass_fds: list[int], env: dict[str, str], **__: object):
        (control,) = pass_fds
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.environ.clear()
                os.environ.update(env)
                os.closerange(3, control)
                os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))
                server.main(control, ())
            except BaseException:  # noqa: BLE001 - the fork must never go on as the program
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(0)

    def poll(self) -> int | None:
        return None

    def wait(self, timeout: float | None = None) -> int:  # noqa: ARG002 - it ends by itself
        return os.waitpid(self.pid, 0)[1]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class _Counter:
    """Counts what SQLite does in write transactions, and dies where it is told to."""

    def __init__(self, kill: dict[str, Any]) -> None:
        self.steps = self.commits = 0
        self._last_step = kill.get("step")
        self._last_commit = kill.get("commit")
        self._delay = kill.get("seconds", 0.0)

    def attach(self, connection: apsw.Connection) -> None:
        connection.set_progress_handler(functools.partial(self._step, connection), STEP)
        connection.set_commit_hook(self._commit)

    def _step(self, connection: apsw.Connection) -> bool:
        if connection.in_transaction:
            self.steps += 1
            if self.steps == self._last_step:
                os.kill(os.getpid(), signal.SIGKILL)
        return False

    def _commit(self) -> bool:
        self.commits += 1
        if self.commits == self._last_commit:
            threading.Timer(self._delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return False


def _left_behind() -> list[str]:
    """Command lines of the trial's processes that do not end by themselves; they are killed."""
    deadline = time.monotonic() + PATIENCE
    while _reap() and time.monotonic() < deadline:
        time.sleep(0.01)
    left = []
    while (children := _children()) and _reap():
        for pid in children:
            left.append(_command_of(pid))
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return left


def _reap() -> bool:
    """Takes leave of ended children; false when none is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def _command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[-200:]


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
