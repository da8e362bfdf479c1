"""One program at a time holds a library: the lock beside its vault."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import StoreBusy, StoreReadOnly
from ingest.file_lock import lock
from ingest.library_files import LOCK_NAME


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the library in ``folder`` as `Database` does, without opening its vault.

    Raises:
        StoreBusy: another program holds it.
        StoreReadOnly: its folder cannot be written.
    """
    try:
        descriptor = take_lock(folder)
    except OSError as error:
        raise StoreReadOnly(
            str(folder), "The library cannot be written.", "Check the rights on its folder."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def take_lock(folder: Path) -> int:
    """Holds the library for this process; the system lets go when the process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock(descriptor)
    except OSError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise StoreBusy(
            str(folder),
            f"The library is open in another Muniment (process {holder or 'unknown'}).",
            "Close it there, or choose another library.",
        ) from error
    # Only a courtesy to the other program: on a full disk it stays unknown.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
