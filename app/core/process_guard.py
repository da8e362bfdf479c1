"""What this process gives up so that others cannot look into it: core dumps, tracing, temp files.

Standard library only. Entry points call `enforce` right after `offline.enforce`, and the engine's
child calls `enforce_child`, which is both.

On Linux a process that is not dumpable leaves no core dump, also none through a program that the
kernel pipes it to, and other processes of the same user can neither trace it nor read its memory;
root can. The kernel takes the mark away when a program is started (``execve``), so each child of
ours sets it again. Elsewhere only the limit on core dumps is there, and `ProcessState` says so.

How far keys can be dropped from memory
---------------------------------------
The library's key is kept in a ``bytearray`` that `Workspace.close` fills with zeros, and it is
unwrapped straight into it. Python and its libraries keep copies that cannot be reached:

- ``apsw`` takes the key as text in a PRAGMA; that text and SQLite's copy of the statement are freed
  at once, but not overwritten. What SQLite itself keeps of the key goes when it is closed.
- A passphrase is a ``str``, in the window also one of Qt's; both are freed, not overwritten. What
  the window sends to its background process is pickled on the way.
- Argon2 and HKDF hand out ``bytes``, which are freed, not overwritten. The engine's process has a
  copy of the snapshots' key; it ends when the library is closed or locked.

Freed memory is soon used again, and a process that has ended gives all of it back to the system,
which clears it. Memory may have been swapped out before: encrypt the swap, or have none.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from app.core import offline, temporary

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_SEM_FAILCRITICALERRORS, _SEM_NOGPFAULTERRORBOX = 1, 2


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What holds for this process; ``reason`` where something is missing."""

    no_core_dumps: bool
    not_dumpable: bool
    temporary: str
    reason: str


_state: ProcessState | None = None


def enforce() -> ProcessState:
    """Takes the measures that this system has; later calls return the first one's state.

    Raises:
        OSError: Linux refuses one of them, or no private folder can be made.
    """
    global _state
    if _state is not None:
        return _state
    reasons = []
    if not (limited := _limit_core_dumps()):
        reasons.append(f"core dumps cannot be switched off on {sys.platform}")
    if not (hidden := _hide()):
        reasons.append(f"on {sys.platform} other programs of the same user can read its memory")
    folder = temporary.use_private_folder()
    _state = ProcessState(limited, hidden, str(folder), "; ".join(reasons))
    return _state


def current() -> ProcessState | None:
    """What holds for this process; None when `enforce` was not called here."""
    return _state


def enforce_child() -> None:
    """For children that are given one function to call: `offline.enforce`, then `enforce`."""
    offline.enforce()
    enforce()


def self_test() -> bool:
    """True when the system itself says that nothing is dumped and, on Linux, nothing traced."""
    if sys.platform == "win32":
        return False
    import resource

    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return False
    return sys.platform != "linux" or _prctl(_PR_GET_DUMPABLE, 0) == 0


def wipe(*secrets: bytearray) -> None:
    """Fills the key's bytes with zeros, in place."""
    for secret in secrets:
        secret[:] = bytes(len(secret))


def _limit_core_dumps() -> bool:
    if sys.platform == "win32":
        # No report of a crash, which could hold memory, is offered to be sent.
        ctypes.windll.kernel32.SetErrorMode(_SEM_FAILCRITICALERRORS | _SEM_NOGPFAULTERRORBOX)
        return False
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return True


def _hide() -> bool:
    if sys.platform != "linux":
        return False
    _prctl(_PR_SET_DUMPABLE, 0)
    return _prctl(_PR_GET_DUMPABLE, 0) == 0


def _prctl(option: int, value: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    answer = int(libc.prctl(option, value, 0, 0, 0))
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
    return answer
