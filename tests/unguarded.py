"""For tests that show what the guard changes: they need a process that has none."""

from __future__ import annotations

import ctypes
import os
import socket
import sys

import pytest


def need_no_guard() -> None:
    """Skips where this process, and so each child, was already refused the network.

    Importing ``app.cli`` does that for good. `make test` runs these tests by themselves first.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    if descriptor < 0:
        pytest.skip(
            "the guard is on in this process: run tests/privacy and tests/ingest/hostile "
            "by themselves, as make test does"
        )
    os.close(descriptor)
