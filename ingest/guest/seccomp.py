"""Puts the list of system calls into force (Linux), and says what a guest died of.

A call that ends a guest comes to it as SIGSYS first. The handler tells the parent which call it
was and ends the process; the call itself is never made. A guest that a file has taken over can
do without that handler, and gains nothing by it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
from collections.abc import Callable

from ingest.guest.limits import FORBIDDEN_CALL
from ingest.guest.syscalls import ARCHITECTURES, Filter

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_SA_SIGINFO = 4
_SI_SYSCALL = 24  # offset of the call's number in siginfo_t, where pointers have eight bytes

_libc = ctypes.CDLL(None, use_errno=True)
_say: Callable[[int], None] = lambda _: None  # noqa: E731 - replaced in every guest


class _Action(ctypes.Structure):
    """``struct sigaction`` of glibc and of musl, which agree on these processors."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_char * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def no_new_privileges() -> None:
    """From now on no program gives this process more rights; Landlock and the filter want it."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(NO_NEW_PRIVS)")


def apply(last_words: Callable[[int], None]) -> None:
    """Installs the filter in this process and its threads, for good.

    ``last_words`` gets the number of a forbidden call before the process ends because of it. The
    C library may hold its memory's locks then, so that it should not need memory to speak of.

    Raises:
        OSError: the kernel refuses it, or the processor is not known. A guest must not go on.
    """
    global _say
    known = this_machine()
    _say = last_words
    action = _Action(ctypes.cast(_handler, ctypes.c_void_p), b"", _SA_SIGINFO, None)
    if _libc.sigaction(int(signal.SIGSYS), ctypes.byref(action), None) != 0:
        raise OSError(ctypes.get_errno(), "sigaction")
    program = b"".join(struct.pack("=HBBI", *step) for step in known.steps(os.getpid()))
    instructions = ctypes.create_string_buffer(program, len(program))
    loaded = _Program(len(program) // 8, ctypes.addressof(instructions))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(SECCOMP)")


def this_machine() -> Filter:
    """The list for this processor. Raises OSError where there is none."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOTSUP, f"no list of system calls is known for {machine}")
    return Filter(*ARCHITECTURES[machine])


def _on_forbidden_call(_signal: int, info: int, _context: int) -> None:
    try:
        _say(int.from_bytes(ctypes.string_at(info + _SI_SYSCALL, 4), "little"))
    finally:
        os._exit(FORBIDDEN_CALL)


# Made while executable memory may still be had; kept, or it would be freed.
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_handler = _Handler(_on_forbidden_call)
