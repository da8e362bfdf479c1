"""A hold on an open file, which the system ends with the process. Standard library only."""

from __future__ import annotations

import os

if os.name == "nt":
    import msvcrt

    # Far beyond what is written in such a file, which must stay readable to others.
    _PLACE = 1 << 20

    def lock(descriptor: int) -> None:
        """Holds the file behind ``descriptor`` until that is closed; never waits.

        Raises:
            OSError: another program holds it, or the file system knows no locks.
        """
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Holds the file behind ``descriptor`` until that is closed; never waits.

        Raises:
            OSError: another program holds it, or the file system knows no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
