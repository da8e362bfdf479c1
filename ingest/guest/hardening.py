"""What a child gives up before it looks at the first byte of a file.

Resource limits everywhere Unix has them; on Linux also no new privileges, no core dumps and no
tracing (the process holds a person's document), death with the parent, Landlock where the kernel
has it, and the list of system calls (``syscalls``). On Windows the spawned child has its own clean
process and nothing more yet. `Measures` says what is in force.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ingest.guest.limits import Limits

if sys.platform != "win32":
    # Loaded before the fork, like everything here: a guest's time is a file's time.
    import resource
if sys.platform == "linux":
    from ingest.guest import landlock, seccomp

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


@dataclass(frozen=True, slots=True)
class Measures:
    """What holds a guest. ``missing`` are whole sentences about what could not be used."""

    limits: bool
    system_calls: bool
    landlock: int
    missing: tuple[str, ...] = ()


def harden(limits: Limits, file_bytes: int, last_words: Callable[[int], None]) -> Measures:
    """Limits this process for good; ``last_words`` is told a forbidden system call's number.

    Raises:
        OSError: the system refuses one of the measures. The guest must not go on then. Landlock
            alone may be missing: all that it refuses the list of system calls refuses as well.
    """
    if sys.platform == "win32":
        return Measures(False, False, 0, ("On Windows readers have no limits yet.",))
    if sys.platform == "linux":
        # When memory runs out on the whole machine, let it be the guest that goes.
        _write("/proc/self/oom_score_adj", b"500")
    _limit_resources(limits, file_bytes)
    if sys.platform != "linux":
        return Measures(True, False, 0, ("System calls are filtered on Linux only.",))
    return close_in(last_words)


def close_in(last_words: Callable[[int], None]) -> Measures:
    """All but the resource limits, for processes that have loaded what they need (Linux).

    Raises:
        OSError: as `harden` does.
    """
    prctl(_PR_SET_DUMPABLE, 0)
    seccomp.no_new_privileges()
    missing = landlock.restrict()
    version = 0 if missing else landlock.abi()
    seccomp.apply(last_words)
    return Measures(True, True, version, (f"{missing}.",) if missing else ())


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
