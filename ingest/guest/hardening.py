"""What a child gives up before it looks at the first byte of a file.

Resource limits everywhere Unix has them; on Linux also no new privileges, no core dumps and no
tracing (the process holds a person's document), death with the parent, and the deny-list of
``syscalls``. On Windows the spawned child has its own clean process and nothing more yet.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from ingest.guest.limits import Limits

if sys.platform != "win32":
    # Loaded before the fork, like everything here: a guest's time is a file's time.
    import resource

    from ingest.guest import syscalls

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
        _write("/proc/self/oom_score_adj", b"500")
    _limit_resources(limits, file_bytes)
    if sys.platform == "linux":
        prctl(_PR_SET_DUMPABLE, 0)
        syscalls.deny()


def die_with_parent() -> None:
    """Asks the kernel to kill this process when the process that forked it ends (Linux)."""
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def prctl(option: int, value: int) -> None:
    """Linux's ``prctl``, raising `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _limit_resources(limits: Limits, file_bytes: int) -> None:
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
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    last = cpu + _GRACE if hard == resource.RLIM_INFINITY else min(cpu + _GRACE, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (min(cpu, last), last))


def _address_space() -> int:
    # Without pathlib and codecs: every page of memory they touch would be copied in each child.
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    pages = int(os.read(descriptor, 100).split()[0])
    os.close(descriptor)
    return pages * os.sysconf("SC_PAGE_SIZE")


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, data)
    os.close(descriptor)
