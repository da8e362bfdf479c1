"""The file on disk: opened once, read-only, hashed, and checked not to change meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ingest.errors import FileUnreachable, LimitExceeded
from ingest.guest.limits import MEGABYTE, Limits

_PIECE = 1 << 20


class SourceFile:
    """An open regular file. ``descriptor`` is read-only; close the object when done."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._before = _fingerprint(descriptor)

    @property
    def size(self) -> int:
        """Bytes in the file when it was opened."""
        return self._before[0]

    @property
    def modified(self) -> float:
        """When the content was last changed, in seconds since 1970."""
        return self._before[1] / 1e9

    def content_hash(self) -> str:
        """SHA-256 of the content, hex.

        Raises:
            FileUnreachable: it cannot be read to its end.
        """
        digest = hashlib.sha256()
        try:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            while piece := os.read(self.descriptor, _PIECE):
                digest.update(piece)
        except OSError as error:
            raise _unreachable(self.path, error) from error
        self.check_unchanged()
        return digest.hexdigest()

    def content(self) -> bytes:
        """All of the content.

        Raises:
            FileUnreachable: it cannot be read to its end, or is not what it was.
        """
        try:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            with open(self.descriptor, "rb", buffering=0, closefd=False) as file:
                data = file.readall()
        except OSError as error:
            raise _unreachable(self.path, error) from error
        self.check_unchanged()
        return data

    def check_unchanged(self) -> None:
        """Raises `FileUnreachable` when the file is not what it was when it was opened."""
        if _fingerprint(self.descriptor) != self._before:
            raise FileUnreachable(
                str(self.path),
                "It changed while it was being read.",
                "Add it again when the program that writes it has finished.",
            )

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


class MemoryFile:
    """Bytes that have not come from a file, in the place of a `SourceFile`."""

    def __init__(self, name: str, data: bytes, modified: float = 0.0) -> None:
        self.path = Path(name)
        self.descriptor = data
        self.modified = modified
        self.size = len(data)

    def content(self) -> bytes:
        """All of the content."""
        return self.descriptor


def open_source(path: Path, limits: Limits) -> SourceFile:
    """Opens ``path`` without ever waiting for it (a FIFO would).

    Raises:
        FileUnreachable: missing, no regular file, locked, or no permission.
        LimitExceeded: larger than a file may be.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise _no_file(path, kind)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(path, status.st_mode)
        if status.st_size > limits.max_file_bytes:
            cause = f"It has {status.st_size // MEGABYTE} MB."
            remedy = f"Split it into files of at most {limits.max_file_bytes // MEGABYTE} MB."
            raise LimitExceeded(str(path), cause, remedy)
        return SourceFile(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _fingerprint(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _no_file(path: Path, mode: int) -> FileUnreachable:
    if stat.S_ISDIR(mode):
        return FileUnreachable(str(path), "It is a folder.", "Add the files in it.")
    return FileUnreachable(str(path), "It is no regular file.", "Add documents only.")


def _unreachable(path: Path, error: Exception) -> FileUnreachable:
    if isinstance(error, FileNotFoundError):
        cause, remedy = "There is no such file.", "Check whether it was moved or renamed."
    elif isinstance(error, PermissionError):
        cause = "It may not be read."
        remedy = "Close the program that holds it open, or ask for the right to read it."
    else:
        reason = getattr(error, "strerror", None) or str(error)
        cause, remedy = f"It cannot be opened ({reason}).", "Check the disk or the connection."
    return FileUnreachable(str(path), cause, remedy)
