"""Who is at this computer, as its operating system knows them; no variable can say otherwise."""

from __future__ import annotations

import os
import sys

_LONGEST = 100


def user_name() -> str:
    """The name of the user that the process runs as; on Linux and macOS with its number."""
    if sys.platform == "win32":
        name = os.getlogin()
    else:
        import pwd

        number = os.getuid()
        try:
            name = f"{pwd.getpwuid(number).pw_name} ({number})"
        except KeyError:
            name = f"({number})"
    return name.encode("utf-8", "backslashreplace").decode()[:_LONGEST]
