"""Files for the person's eyes only: written whole or not at all, readable by no one else."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Writes ``path``, mode 0600, by way of a file beside it, so that a crash leaves the old file
    or the new one. Without ``replace`` a file that is there stays.

    Raises:
        FileExistsError: there is one, and ``replace`` is false.
        OSError: it cannot be written; nothing is left behind.
    """
    # mkstemp's file has mode 0600.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _place_new(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def _place_new(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # fails, unlike a renaming, where there is a file
    except FileExistsError:
        raise
    except OSError:  # a file system without second names
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        temporary.replace(path)


def make_private_folder(folder: Path) -> None:
    """Makes a folder, mode 0700, where it is missing, and those above it; they survive a power cut.

    Raises:
        OSError: it cannot be made.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in reversed(missing):
        sync_folder(part.parent)


def sync_folder(folder: Path) -> None:
    """Has the disk keep which files are in a folder, and their names.

    Raises:
        OSError: it cannot.
    """
    if os.name == "nt":  # Windows cannot sync a folder; NTFS journals the rename itself.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
