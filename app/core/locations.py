"""Where the program keeps things on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ingest.errors import StoreError


def data_folder() -> Path:
    """The user's folder for this program's data."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(base) / "Muniment"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Muniment"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "muniment"


def default_library() -> Path:
    """The library that is opened when none is named."""
    return data_folder() / "library"


def check_library_folder(folder: Path) -> None:
    """Says so when a library can neither be at ``folder`` nor be made there.

    Raises:
        StoreError: it, or a part of the path to it, is a file.
    """
    # Of the path, the part that exists is looked at; os.path says no where Path would raise.
    for part in (folder, *folder.parents):
        if os.path.lexists(part):
            if not os.path.isdir(part):  # noqa: PTH112
                raise StoreError(
                    str(part),
                    "It is a file; a library is a folder.",
                    "Name a folder with --library or MUNIMENT_LIBRARY; it is made when needed.",
                )
            return


def resources_folder() -> Path:
    """Icons, glossaries, samples: the data that comes with the program."""
    return Path(__file__).resolve().parents[2] / "resources"
