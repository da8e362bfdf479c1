"""Things that are not complete yet: named as such, and cleared away once nobody works on them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ingest.file_lock import lock

_ENDING = ".partial"
_MARK = "under-way"


def partial_beside(path: Path) -> Path:
    """A new name beside ``path`` for what is to become it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{_ENDING}")


@contextlib.contextmanager
def held(partial: Path) -> Iterator[None]:
    """Marks a file or folder that exists as being worked on; the mark ends with the process."""
    if os.name == "nt":  # there an open file cannot be deleted, which says the same
        yield
        return
    descriptor = os.open(_marked(partial), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # A file system without locks: then another's unfinished work is never cleared away.
        with contextlib.suppress(OSError):
            lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def unmark(partial: Path) -> None:
    """Takes the mark of a folder out of it."""
    _marked(partial).unlink(missing_ok=True)


def clear_abandoned(path: Path) -> None:
    """Deletes what killed programs have left of earlier attempts at ``path``."""
    for found in path.parent.glob(f".{glob_literal(path.name)}.*{_ENDING}"):
        if _is_abandoned(found):
            remove(found)


def remove(partial: Path) -> None:
    """Deletes an incomplete file or folder, as far as it is there and can be."""
    with contextlib.suppress(OSError):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()


def glob_literal(name: str) -> str:
    """``name`` as a pattern that means itself."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _marked(partial: Path) -> Path:
    return partial / _MARK if partial.is_dir() else partial


if os.name == "nt":

    def _is_abandoned(partial: Path) -> bool:  # noqa: ARG001 - deleting what is open fails there
        return True

else:

    def _is_abandoned(partial: Path) -> bool:
        try:
            descriptor = os.open(_marked(partial), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True  # a folder whose making was cut off before it was marked
        except OSError:
            return False
        try:
            lock(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True
