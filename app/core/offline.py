"""Nothing leaves: refuses every network socket in this process and its children.

Standard library only, so that each entry point can call `enforce` before any other import.
Three layers: variables that silence the libraries we load, an audit hook that refuses sockets
with a Python traceback, and on Linux a seccomp filter, inherited by every child, that makes
the kernel refuse ``socket`` for all families but AF_UNIX, and ``io_uring_setup``.

On other systems a process cannot take the network from itself for good: there the hook stands,
the installer's firewall rules are the second layer, and `OfflineState` says so.

Sources: Linux, Documentation/userspace-api/seccomp_filter.rst; seccomp(2); PEP 578.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import stat
import struct
import sys
from dataclasses import dataclass

# What each silences: resources/privacy/libraries.toml.
SWITCHES = {
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_XET_TELEMETRY_ENABLED": "0",
    "LANCEDB_TELEMETRY_DISABLED": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_TRACES_EXPORTER": "none",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
# Set by somebody else, these would make a library send what it does to an address.
REMOVED = (
    "ARROW_TRACING_BACKEND",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "KINETO_CONFIG",
    "KINETO_USE_DAEMON",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)

_REFUSED_EVENTS = {
    "ftplib.connect",
    "http.client.connect",
    "imaplib.open",
    "poplib.connect",
    "smtplib.connect",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "urllib.Request",
    "webbrowser.open",
}

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_SO_DOMAIN = 39
_RET_ALLOW = 0x7FFF0000
_RET_EACCES = 0x00050000 | errno.EACCES
_RET_ENOSYS = 0x00050000 | errno.ENOSYS
_RET_KILL = 0x80000000
_IO_URING_SETUP = 425
_X32_BIT = 0x40000000


@dataclass(frozen=True, slots=True)
class _Processor:
    """What the kernel calls an architecture, and the numbers of two system calls there.

    ``socketpair`` needs no rule: Linux makes pairs of AF_UNIX only.
    """

    token: int
    socket: int
    seccomp: int


_PROCESSORS = {
    "x86_64": _Processor(0xC000003E, 41, 317),
    "aarch64": _Processor(0xC00000B7, 198, 277),
}


class OfflineError(RuntimeError):
    """The promise cannot be kept on this machine, or was about to be broken."""


@dataclass(frozen=True, slots=True)
class OfflineState:
    """What protects this process: the audit hook, and the kernel's filter where there is one."""

    audit_hook: bool
    kernel_filter: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to reach the network, made to show that it fails."""

    what: str
    refused: bool
    detail: str


_state: OfflineState | None = None


def enforce() -> OfflineState:
    """Sets the switches, the hook and the filter; later calls return the first one's state.

    Raises:
        OfflineError: a Linux kernel that refuses the filter, or a network socket that whoever
            started the program has handed to it. The program must not go on then.
    """
    global _state
    if _state is not None:
        return _state
    os.environ.update(SWITCHES)
    for name in REMOVED:
        os.environ.pop(name, None)
    sys.addaudithook(_refuse_network)
    if sys.platform == "linux":
        _refuse_inherited()
        _install_filter()
        _state = OfflineState(True, True, "seccomp, in every thread and child")
    else:
        _state = OfflineState(True, False, f"a process on {sys.platform} has no such filter")
    return _state


def attempts() -> list[Attempt]:
    """Tries to open network sockets past Python's hook, through the C library itself.

    Nothing is sent, also where a socket could be opened: it is closed at once.
    """
    if sys.platform == "win32":
        return [_try_through_python()]
    libc = ctypes.CDLL(None, use_errno=True)
    kinds = [
        ("an IPv4 socket", socket.AF_INET, socket.SOCK_STREAM),
        ("an IPv4 datagram socket, as for names", socket.AF_INET, socket.SOCK_DGRAM),
        ("an IPv6 socket", socket.AF_INET6, socket.SOCK_STREAM),
    ]
    if sys.platform == "linux":
        kinds += [
            ("a raw packet socket", socket.AF_PACKET, socket.SOCK_RAW),
            ("a kernel routing socket", socket.AF_NETLINK, socket.SOCK_RAW),
        ]
    made = [_try_socket(libc, *kind) for kind in kinds]
    return [*made, _try_through_python()]


def self_test() -> bool:
    """True when the kernel, not only Python, refuses network sockets to this process."""
    if _state is None or not _state.kernel_filter:
        return False
    return all(attempt.refused for attempt in attempts())


def _try_socket(libc: ctypes.CDLL, what: str, family: int, kind: int) -> Attempt:
    descriptor = libc.socket(int(family), int(kind), 0)
    if descriptor >= 0:
        os.close(descriptor)
        return Attempt(what, False, "it could be opened")
    number = ctypes.get_errno()
    # Without the filter a person who is not root gets EPERM for raw ones: that proves nothing.
    refused = number == errno.EACCES
    name = errno.errorcode.get(number, str(number))
    return Attempt(what, refused, f"{'refused by the kernel' if refused else 'failed'} ({name})")


def _try_through_python() -> Attempt:
    what = "a socket through Python"
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OfflineError:
        return Attempt(what, True, "refused by Muniment's hook")
    except OSError as error:
        return Attempt(what, error.errno == errno.EACCES, f"refused by the system ({error})")
    return Attempt(what, False, "it could be opened")


def _refuse_network(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.__new__" and args[1] != getattr(socket, "AF_UNIX", None):
        raise OfflineError("Muniment opens no network sockets.")
    if event in _REFUSED_EVENTS:
        raise OfflineError("Muniment looks up no names and opens no addresses.")


def _refuse_inherited() -> None:
    """The filter stops new sockets only: one that came with the process would go on working."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - before any other import
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
        except OSError:
            continue  # the listing's own descriptor, closed by now
        family, size = ctypes.c_int(), ctypes.c_uint(ctypes.sizeof(ctypes.c_int))
        answer = libc.getsockopt(
            int(name), socket.SOL_SOCKET, _SO_DOMAIN, ctypes.byref(family), ctypes.byref(size)
        )
        if answer != 0 or family.value != socket.AF_UNIX:
            raise OfflineError(
                f"Descriptor {name} is a network socket that was handed to Muniment. Start it "
                "from a desktop or a terminal, not from a network service."
            )


def _install_filter() -> None:
    machine = platform.machine()
    if machine not in _PROCESSORS:
        raise OfflineError(f"No socket filter is known for {machine} processors.")
    processor = _PROCESSORS[machine]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OfflineError(f"prctl(NO_NEW_PRIVS): {os.strerror(ctypes.get_errno())}")
    program = filter_program(processor.token, processor.socket)
    instructions = ctypes.create_string_buffer(program, len(program))

    class SockFprog(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    fprog = SockFprog(len(program) // 8, ctypes.addressof(instructions))
    libc.syscall.restype = ctypes.c_long
    answer = libc.syscall(
        ctypes.c_long(processor.seccomp),
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(fprog),
    )
    if answer > 0:
        raise OfflineError(f"Thread {answer} could not be given the socket filter.")
    if answer < 0:
        raise OfflineError(f"seccomp(SET_MODE_FILTER): {os.strerror(ctypes.get_errno())}")


def filter_program(token: int, socket_number: int) -> bytes:
    """Classic BPF over ``struct seccomp_data``: number at 0, architecture at 4, arguments at 16.

    Each argument has 64 bits; the kernel takes the lower 32 of a socket's family, and so do we.
    """
    load, jump_equal, jump_bits, ret = 0x20, 0x15, 0x45, 0x06
    steps = [
        (load, 0, 0, 4),
        (jump_equal, 1, 0, token),
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
