"""The user's folder for this program's data. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """Where the system wants programs to keep what is theirs."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(base) / "Muniment"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Muniment"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "muniment"
