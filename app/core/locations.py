"""Where the program keeps things on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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


def resources_folder() -> Path:
    """Icons, glossaries, samples: the data that comes with the program."""
    return Path(__file__).resolve().parents[2] / "resources"
