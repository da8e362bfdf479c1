"""The names of a library's files. Loads nothing, as the window's process looks for them too."""

from __future__ import annotations

FILE_NAME = "vault.db"
LOCK_NAME = "lock"
