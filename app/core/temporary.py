"""Temporary files lie in a folder that only this user can read, and that is emptied.

Each running program has a folder of its own below the data folder, mode 0700, and holds the lock
beside it for as long as it lives. A start removes every folder whose lock nobody holds: what a
crash has left. A child finds its parent's folder in TMPDIR and uses it too. Standard library only.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from app.core.folders import data_folder
from ingest import file_lock

_VARIABLES = ("TMPDIR", "TEMP", "TMP")
_FOLDER = "temporary"
_LOCK = ".lock"


def use_private_folder() -> Path:
    """Makes this program's folder and lets `tempfile` and every library use it.

    Raises:
        OSError: none can be made, also not in the system's place for temporary files.
    """
    root = _root()
    if (inherited := _inherited(root)) is not None:
        tempfile.tempdir = str(inherited)
        return inherited
    _remove_left_over(root)
    folder = _make(root)
    for variable in _VARIABLES:
        os.environ[variable] = str(folder)
    tempfile.tempdir = str(folder)
    return folder


def _root() -> Path:
    root = data_folder() / _FOLDER
    try:
        data = root.parent
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name != "nt" and data.stat().st_mode & 0o077:
            data.chmod(0o700)
        root.mkdir(exist_ok=True, mode=0o700)
        _check(root)
        os.close(os.open(root / ".try", os.O_CREAT | os.O_RDWR, 0o600))
        (root / ".try").unlink()
    except OSError:  # a home that may not be written: a folder that is no less private, elsewhere
        root = Path(tempfile.gettempdir()) / f"muniment-{_user()}"
        root.mkdir(exist_ok=True, mode=0o700)
        _check(root)
    return root


def _check(root: Path) -> None:
    """Nobody else may have put a folder, or a link to one, in this place."""
    found = root.lstat()
    if os.name == "nt":
        return
    if root.is_symlink() or found.st_uid != os.getuid():
        raise PermissionError(f"{root} belongs to another user, or is a link.")
    if found.st_mode & 0o077:
        root.chmod(0o700)


def _user() -> str:
    return str(os.getuid()) if os.name != "nt" else os.environ.get("USERNAME", "user")


def _inherited(root: Path) -> Path | None:
    """The folder of the program that started this one, if it is one of ours and still held."""
    named = os.environ.get("TMPDIR")
    if not named or Path(named).parent != root or not Path(named).is_dir():
        return None
    lock = _take(root / (Path(named).name + _LOCK))
    if lock is None:
        return Path(named)
    os.close(lock)
    return None


def _make(root: Path) -> Path:
    while True:
        name = secrets.token_hex(8)
        path = root / (name + _LOCK)
        lock = _take(path)
        # Another start may have taken the file for a left-over between its making and its locking.
        if lock is not None and path.exists() and os.fstat(lock).st_ino == path.stat().st_ino:
            break
        if lock is not None:
            os.close(lock)
    folder = root / name
    folder.mkdir(mode=0o700)
    atexit.register(_remove, folder, lock, os.getpid())
    return folder


def _remove_left_over(root: Path) -> None:
    for path in root.glob("*" + _LOCK):
        lock = _take(path)
        if lock is not None:
            _remove(path.with_suffix(""), lock, os.getpid())


def _remove(folder: Path, lock: int, owner: int) -> None:
    if os.getpid() != owner:  # a forked copy of the program ends
        return
    shutil.rmtree(folder, ignore_errors=True)
    path = folder.with_name(folder.name + _LOCK)
    with contextlib.suppress(OSError):
        if os.name == "nt":  # an open file cannot be removed there
            os.close(lock)
            path.unlink()
        else:
            path.unlink()
            os.close(lock)


def _take(path: Path) -> int | None:
    """Holds the lock until this process ends; None when another does."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError:
        return None
    try:
        file_lock.lock(lock)
    except OSError:
        os.close(lock)
        return None
    return lock
