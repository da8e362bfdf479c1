"""Landlock (Linux 5.13 and later): no path, no port, no process outside, whatever the filter says.

The second wall behind the list of system calls. A guest needs nothing by name, so the rule set
handles every right that the kernel knows and grants none. Standard library only.
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_CREATE, _RESTRICT = 444, 446  # the same on every processor
_VERSION = 1
# Rights on files by the ABI version that brought them: 13 at first, then moving files between
# folders, truncating, and device ioctls.
_FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_TCP = 0b11  # bind and connect, from ABI 4
_SCOPES = 0b11  # abstract UNIX sockets and signals to the outside, from ABI 6

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The kernel's version of Landlock; 0 where it has none or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))))


def restrict() -> str:
    """Takes everything from this process and its threads-to-be, for good.

    Wants `seccomp.no_new_privileges` before. Gives why it is not in force; empty where it is.
    """
    version = abi()
    if version == 0:
        return "This kernel has no Landlock, or it is switched off"
    rules = struct.pack("<Q", sum(right for since, right in _FILES.items() if since <= version))
    if version >= 4:
        rules += struct.pack("<Q", _TCP)
    if version >= 6:
        rules += struct.pack("<Q", _SCOPES)
    attributes = ctypes.create_string_buffer(rules, len(rules))
    made = _libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(rules)), ctypes.c_uint(0))
    if made < 0:
        return f"The kernel refuses Landlock ({_reason()})"
    try:
        if _libc.syscall(_RESTRICT, ctypes.c_int(made), ctypes.c_uint(0)) != 0:
            return f"The kernel refuses Landlock ({_reason()})"
    finally:
        os.close(made)
    return ""


def _reason() -> str:
    number = ctypes.get_errno()
    return errno.errorcode.get(number, str(number))
