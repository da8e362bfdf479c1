"""What a child gives up before it looks at the first byte of a file.

Resource limits everywhere Unix has them; on Linux also no new privileges, no core dumps and no
tracing (the process holds a person's document), death with the parent, and the deny-list of
``syscalls``. On Windows the spawned child has its own clean process and nothing more yet.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ingest.guest.limits import Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_OPEN_FILES = 64
_GRACE = 5
KEPT_VARIABLES = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


def clean_environment() -> dict[str, str]:
    """The few variables that a guest needs; one thread for every numeric library."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    single = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return kept | dict.fromkeys(single, "1")


def harden(limits: Limits, file_bytes: int) -> None:
    """Limits this process for good.

    Raises:
        OSError: the system refuses one of the measures. The guest must not go on then.
    """
    if sys.platform == "win32":
        return
    if sys.platform == "linux":
        # When memory runs out on the whole machine, let it be the guest that goes.
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    _limit_resources(limits, file_bytes)
    if sys.platform == "linux":
        from ingest.guest import syscalls

        prctl(_PR_SET_DUMPABLE, 0)
        syscalls.deny()


def die_with_parent() -> None:
    """Asks the kernel to kill this process when the process that forked it ends (Linux)."""
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def prctl(option: int, value: int) -> None:
    """Linux's ``prctl``, raising `OSError`."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _limit_resources(limits: Limits, file_bytes: int) -> None:
    import resource

    cpu = limits.cpu_seconds(file_bytes)
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
    }
    if sys.platform == "linux":
        # macOS accepts RLIMIT_AS and ignores it.
        wanted[resource.RLIMIT_AS] = _address_space() + limits.memory_bytes + file_bytes
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))
    # The soft limit ends the child by SIGXCPU, which tells this limit from other deaths.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + _GRACE))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
