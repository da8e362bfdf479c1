"""Nothing leaves: refuses every network socket in this process and its children.

Standard library only, so that each entry point can call `enforce` before any other import.
Three layers: switches that silence the libraries we load, an audit hook that refuses sockets
with a Python traceback, and on Linux a seccomp filter, inherited by every child, that makes
the kernel refuse ``socket`` for all families but AF_UNIX, and ``io_uring_setup``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from dataclasses import dataclass

SWITCHES = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OTEL_SDK_DISABLED": "true",
    "LANCEDB_TELEMETRY_DISABLED": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_GET_SECCOMP = 21
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW = 0x7FFF0000
_RET_EACCES = 0x00050000 | errno.EACCES
_RET_ENOSYS = 0x00050000 | errno.ENOSYS
_RET_KILL = 0x80000000
# Architecture token, socket, socketpair's twin is not needed: pairs are AF_UNIX only.
_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425
_X32_BIT = 0x40000000


class OfflineError(RuntimeError):
    """The promise cannot be kept on this machine, or was about to be broken."""


@dataclass(frozen=True, slots=True)
class OfflineState:
    """What protects this process: the audit hook, and the kernel's filter where there is one."""

    audit_hook: bool
    kernel_filter: bool
    reason: str


_state: OfflineState | None = None


def enforce() -> OfflineState:
    """Sets the switches, the hook and the filter; later calls return the first one's state.

    Raises:
        OfflineError: a Linux kernel that refuses the filter. The program must not go on then.
    """
    global _state
    if _state is not None:
        return _state
    os.environ.update(SWITCHES)
    sys.addaudithook(_refuse_network)
    if sys.platform != "linux":
        _state = OfflineState(True, False, f"no kernel filter on {sys.platform}")
        return _state
    _install_filter()
    _state = OfflineState(True, True, "seccomp")
    return _state


def self_test() -> bool:
    """True when the kernel, not only Python, refuses an AF_INET socket to this process."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    for family in (socket.AF_INET, socket.AF_INET6):
        descriptor = libc.socket(int(family), int(socket.SOCK_STREAM), 0)
        if descriptor >= 0:
            os.close(descriptor)
            return False
        if ctypes.get_errno() != errno.EACCES:
            return False
    return True


def _refuse_network(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.__new__" and args[1] != getattr(socket, "AF_UNIX", None):
        raise OfflineError("Muniment opens no network sockets.")
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        raise OfflineError("Muniment looks up no names and opens no addresses.")


def _install_filter() -> None:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OfflineError(f"No socket filter is known for {machine} processors.")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OfflineError(f"prctl(NO_NEW_PRIVS): {os.strerror(ctypes.get_errno())}")
    architecture, socket_number = _ARCHITECTURES[machine]
    program = _filter_program(architecture, socket_number)
    instructions = ctypes.create_string_buffer(program, len(program))

    class SockFprog(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    fprog = SockFprog(len(program) // 8, ctypes.addressof(instructions))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0) != 0:
        raise OfflineError(f"prctl(SECCOMP): {os.strerror(ctypes.get_errno())}")


def _filter_program(architecture: int, socket_number: int) -> bytes:
    """Classic BPF over ``struct seccomp_data``: number at 0, architecture at 4, arguments at 16."""
    load, jump_equal, jump_bits, ret = 0x20, 0x15, 0x45, 0x06
    steps = [
        (load, 0, 0, 4),
        (jump_equal, 1, 0, architecture),
        (ret, 0, 0, _RET_KILL),
        (load, 0, 0, 0),
        (jump_bits, 0, 1, _X32_BIT),
        (ret, 0, 0, _RET_ENOSYS),
        (jump_equal, 0, 1, _IO_URING_SETUP),
        (ret, 0, 0, _RET_ENOSYS),
        (jump_equal, 0, 3, socket_number),
        (load, 0, 0, 16),
        (jump_equal, 1, 0, int(socket.AF_UNIX)),
        (ret, 0, 0, _RET_EACCES),
        (ret, 0, 0, _RET_ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
