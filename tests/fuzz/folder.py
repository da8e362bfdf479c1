"""A folder for parsers that want a path, in memory where the system has such a place."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")


@functools.cache
def own_folder() -> Path:
    """One folder for this process, gone when it ends."""
    place = tempfile.mkdtemp(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Path(place)
