"""A backup becomes a library again, in a folder of its own; never over one that is there.

It is copied into a folder beside, checked there as `muniment check` does, and takes its name only
when it is whole and on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core import audit
from app.core.backup import KeyOf, check_file_size, check_room, copied_vault, key_of_backup
from app.core.backup_file import Manifest, read_keys, read_manifest
from app.core.checking import examine
from app.core.events import Checked, Event, Restored
from app.core.partial import clear_abandoned, held, partial_beside, remove, unmark
from app.core.private_file import make_private_folder, sync_folder, write_whole
from app.core.vault_file import KEYS_FILE, make_folder, storage_error
from ingest.errors import StoreError
from ingest.library_files import FILE_NAME, LOCK_NAME
from ingest.store import Store


def restore(path: Path, folder: Path, key_of: KeyOf) -> Generator[Event, None, None]:
    """Makes a library in ``folder``, which is missing or empty, of the backup at ``path``.

    A backup of an older version is brought up to date. ``key_of`` gets a folder with the backup's
    ``keys.json`` and says what opens it. Closing the generator leaves everything as it was.

    Raises:
        StoreError: there is something in ``folder``; the backup is damaged; the class says.
        StoreFull: there is no room for it.
    """
    check_empty(folder)
    manifest = read_manifest(path)
    data_key, cipher = key_of_backup(path, manifest, key_of)
    with new_library(folder) as partial:
        yield from _fill(partial, path, manifest)
        documents = yield from _checked(partial, path, data_key, cipher)
        with audit.opened(partial, data_key, cipher) as log:
            log.restored(path)
            log.keep_head()  # without one, the log would seem to be cut off
    yield Restored(str(folder), manifest.vault_bytes, manifest.made, documents)


@contextmanager
def new_library(folder: Path) -> Iterator[Path]:
    """A folder to put a library's files in; at the end it becomes ``folder``, whole or not at all.

    Raises:
        StoreError: there is something in ``folder``, or it cannot be written.
    """
    check_empty(folder)
    # abspath, as the folder's name is what the person gave.
    place = Path(os.path.abspath(folder))  # noqa: PTH100
    make_folder(place.parent)
    clear_abandoned(place)
    partial = partial_beside(place)
    try:
        try:
            make_private_folder(partial)
            with held(partial):
                yield partial
                (partial / LOCK_NAME).unlink(missing_ok=True)
                unmark(partial)
                sync_folder(partial)
                _take_name(partial, place)
        except OSError as error:
            raise storage_error(place, error) from error
    finally:
        remove(partial)


def check_empty(folder: Path) -> None:
    """Says so when a library cannot be restored into ``folder``.

    Raises:
        StoreError: it is a file, or holds anything.
    """
    if not os.path.lexists(folder):
        return
    cause = "It is a file; a library is a folder."
    if folder.is_dir():
        try:
            if not any(folder.iterdir()):
                return
        except OSError as error:
            raise storage_error(folder, error) from error
        cause = "The folder is not empty; a backup is never restored over anything."
    raise StoreError(str(folder), cause, "Name a new folder.")


def _fill(partial: Path, path: Path, manifest: Manifest) -> Iterator[Event]:
    vault = partial / FILE_NAME
    vault.touch(mode=0o600)
    check_room(vault, manifest.vault_bytes, "The library")
    check_file_size(vault, manifest.vault_bytes, "The library")
    with vault.open("r+b") as file:
        yield from copied_vault(path, manifest, file)
        file.flush()
        os.fsync(file.fileno())
    write_whole(partial / KEYS_FILE, read_keys(path, manifest))


def _checked(
    partial: Path, path: Path, data_key: bytes | bytearray, cipher: str
) -> Generator[Event, None, int]:
    """Tells what was found, which is no worse than the library was; returns its documents."""
    documents = 0
    try:
        Store(partial, data_key, cipher=cipher).close()  # brings an older one up to date
    except StoreError as error:
        raise type(error)(str(path), error.cause, error.remedy) from error
    for event in examine(
        lambda: Store(partial, data_key, cipher=cipher, read_only=True), str(path)
    ):
        yield event
        if isinstance(event, Checked):
            documents = event.documents
    return documents


def _take_name(partial: Path, place: Path) -> None:
    if os.name == "nt" and place.exists():
        place.rmdir()
    partial.rename(place)
    sync_folder(place.parent)
