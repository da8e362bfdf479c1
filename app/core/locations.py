"""Where the program keeps things on this machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.core.folders import data_folder
from app.core.vault_file import KEYS_FILE, read_keys_file, write_private
from app.core.watching import is_ignored
from ingest.errors import StoreError
from ingest.library_files import FILE_NAME, LOCK_NAME

__all__ = [
    "VAULT_FILE",
    "check_is_library",
    "check_library_folder",
    "check_new_library",
    "data_folder",
    "default_library",
    "resources_folder",
]

VAULT_FILE = FILE_NAME
_BEGUN = ".begun"


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


def check_is_library(folder: Path) -> None:
    """Says so when ``folder`` holds other files and was never a library.

    A vault without its keys, or keys without a vault, once were one; opening says what is wrong.

    Raises:
        StoreError: nothing in it is a library's.
    """
    if _holds_others(folder):
        raise StoreError(
            str(folder),
            "This folder is not a library.",
            "Name the library's folder with --library or MUNIMENT_LIBRARY.",
        )


def check_new_library(folder: Path) -> None:
    """Says so when a new library in ``folder`` would lie among other files.

    Raises:
        StoreError: it holds something else, or a vault whose keys are lost.
    """
    if _holds_others(folder):
        raise StoreError(
            str(folder),
            "This folder is not a library, and it holds other files: none is made among them.",
            "Choose an empty or new folder.",
        )
    if (folder / VAULT_FILE).exists() and not (folder / KEYS_FILE).exists():
        read_keys_file(folder)  # says how a library without its keys may be saved


def begin_library(folder: Path) -> None:
    """Notes that a library is being made in ``folder``, which exists, until `library_is_there`.

    Raises:
        StoreError: it cannot be written.
    """
    write_private(folder / _BEGUN, "")


def library_is_there(folder: Path) -> None:
    """The vault is complete: from now on a missing one is a loss and not a beginning."""
    with contextlib.suppress(OSError):
        (folder / _BEGUN).unlink(missing_ok=True)


def check_vault(folder: Path) -> None:
    """Says so when the keys are there and the vault they open is not; an empty one is made never.

    Raises:
        StoreError: ``vault.db`` is missing or empty, though the library was made.
    """
    vault = folder / VAULT_FILE
    try:
        size = vault.stat().st_size
    except FileNotFoundError:
        size = -1
    except OSError:
        return  # opening says what is wrong
    if size > 0 or (folder / _BEGUN).exists():
        return
    raise StoreError(
        str(vault),
        f"The file with the library's documents is {'empty' if size == 0 else 'missing'}.",
        f"Put {VAULT_FILE} back, or restore the library from a backup: muniment restore.",
    )


def _holds_others(folder: Path) -> bool:
    if any((folder / name).exists() for name in (KEYS_FILE, VAULT_FILE)) or not folder.is_dir():
        return False
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return False  # opening says that it may not be looked into
    # What systems leave in every folder, and what a creation that was cut off leaves.
    return any(not is_ignored(name) and name != LOCK_NAME for name in names)


def resources_folder() -> Path:
    """Icons, glossaries, samples: the data that comes with the program."""
    return Path(__file__).resolve().parents[2] / "resources"
