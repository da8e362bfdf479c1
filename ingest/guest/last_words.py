"""What a guest says before it ends because of a system call: frames made beforehand.

They are sent from within the call, when the C library may hold any lock of its own.
"""

from __future__ import annotations

import sys

from ingest.guest.frames import encode


def _frame(call: str) -> bytes:
    cause = f"The reader was ended: it made a system call that no reader may make ({call})."
    remedy = "Do not trust this file. If all files end so, `muniment doctor` says more."
    return encode({"kind": "error", "error": "DamagedFile", "cause": cause, "remedy": remedy})


def _known() -> dict[int, bytes]:
    if sys.platform != "linux":
        return {}
    from ingest.guest.seccomp import this_machine

    try:
        names = this_machine().names()
    except OSError:
        return {}  # the same error ends the guest before it reads anything
    return {number: _frame(name) for number, name in names.items()}


_FRAMES = _known()


def forbidden_call(number: int) -> bytes:
    """The frame that names this call."""
    return _FRAMES.get(number) or _frame(f"number {number}")
