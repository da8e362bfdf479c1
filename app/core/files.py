"""The files that a person means: those named, and those in the folders named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.core.events import FileFailed, FileSkipped
from app.core.watching import is_ignored
from ingest.formats.detect import READABLE_SUFFIXES

# A log or a table of figures can be read, but in a folder it would crowd out the documents.
ONLY_NAMED = frozenset({".csv", ".log"})
SUFFIXES = READABLE_SUFFIXES - ONLY_NAMED


def expand(paths: Sequence[Path]) -> Iterator[Path | FileSkipped | FileFailed]:
    """Absolute paths of the files; of a folder, those with a known ending, at any depth.

    A file that is named itself is taken whatever its ending. Of a folder, the other files come
    as `FileSkipped`, and folders in it that cannot be looked into as `FileFailed`. Left out
    without a word are hidden files, traces of other programs, links to folders, and the same
    path twice.
    """
    seen: set[str] = set()
    for path in paths:
        # abspath, as resolve() would follow links.
        for found in _files(Path(os.path.abspath(path))):  # noqa: PTH100
            name = str(found) if isinstance(found, Path) else found.path
            if name not in seen:
                seen.add(name)
                yield found


def _files(path: Path) -> Iterator[Path | FileSkipped | FileFailed]:
    # os.path rather than Path, which raises where a folder above may not be looked into.
    if not os.path.isdir(path):  # noqa: PTH112
        yield path
        return
    closed: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        for name in sorted(names):
            if not is_ignored(name):
                found = Path(folder) / name
                reason = _why_not(found)
                yield FileSkipped(str(found), reason) if reason else found
    for error in closed:
        cause = f"This folder cannot be looked into ({error.strerror})."
        yield FileFailed(str(error.filename), cause, "Ask for the right to read it.")


def _why_not(path: Path) -> str:
    """Why a file of a folder is not taken; empty when it is."""
    suffix = path.suffix.casefold()
    if suffix in ONLY_NAMED:
        return f"Files of type {suffix} are added only when they are named themselves."
    if not suffix:
        return "Its name has no ending that tells its type."
    if suffix not in SUFFIXES:
        return f"Files of type {suffix} are not supported."
    return "" if os.path.isfile(path) else "It is no file that can be read."  # noqa: PTH113
