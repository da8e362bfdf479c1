"""Backups of an encrypted library: one encrypted file, whole or not there; see `backup_file`.

The library may be in use meanwhile, also by another program: what is copied is one state of it.
Pages go from one encrypted file to the other, so nothing readable is on a disk at any moment.
A backup is written beside its place under another name, and takes the place of an older one when
it is complete and on the disk. What a killed attempt leaves is cleared away by the next.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import apsw

from app.core import vault
from app.core.backup_file import (
    SUFFIX,
    Manifest,
    append_foot,
    damaged,
    read_keys,
    read_manifest,
    room_of_foot,
    vault_blocks,
)
from app.core.checking import examine
from app.core.events import BackedUp, Checked, Event, Progressed
from app.core.partial import clear_abandoned, held, partial_beside, remove
from app.core.private_file import sync_folder, write_whole
from app.core.process_guard import wipe
from app.core.vault_file import KEYS_FILE, read_keys_file, storage_error
from ingest.database import explained, use_key
from ingest.errors import IngestError, StoreBusy, StoreError, StoreFull, WrongKey
from ingest.store import Store

KeyOf = Callable[[Path], vault.KeySource]
COPYING, READING_BACK = "copying", "reading back"
_STEP = 64
_BLOCK = 1 << 20
_SPARE = 1 << 20
# FAT32, as most USB sticks come, holds no larger file.
FAT_LIMIT = (4 << 30) - 1


def back_up(
    folder: Path, data_key: bytes | bytearray, target: Path, *, verify: bool = False
) -> Generator[Event, None, None]:
    """Writes a backup of the library in ``folder`` to ``target``, a file, or a folder to put it in.

    With ``verify`` it is read back from the disk and checked before it counts. Closing the
    generator leaves everything as it was.

    Raises:
        StoreFull: there is no room, or the disk takes no file of that size.
        StoreError: ``target`` is something else, or of another library; the library is damaged.
    """
    own = bytearray(data_key)  # the library's may be wiped meanwhile
    try:
        yield from _backed_up(folder, own, target, verify=verify)
    finally:
        wipe(own)


def _backed_up(folder: Path, data_key: bytearray, target: Path, *, verify: bool) -> Iterator[Event]:
    keys = read_keys_file(folder)
    path = backup_path(folder, target)
    _check_place(folder, keys.library, path)
    try:
        clear_abandoned(path)
        partial = partial_beside(path)
        partial.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        with held(partial):
            yield from _write(folder, data_key, partial, verify=verify)
            replaced = path.exists()
            made = read_manifest(partial).made
            try:
                partial.replace(path)
                sync_folder(path.parent)
            except OSError as error:
                raise storage_error(path, error) from error
    finally:
        remove(partial)
    yield BackedUp(str(path), path.stat().st_size, made, replaced, verify)


def check_backup(path: Path, key_of: KeyOf) -> Generator[Event, None, None]:
    """Reads a backup through: is it what was written, and is the library in it sound?

    ``key_of`` gets a folder with the backup's ``keys.json`` and says what opens it.

    Raises:
        StoreError: it is no whole backup, or damaged; `WrongKey`, when the key does not open it.
    """
    manifest = read_manifest(path)
    data_key, cipher = key_of_backup(path, manifest, key_of)
    yield from copied_vault(path, manifest, None)
    yield from _check_vault(path, data_key, cipher)


def key_of_backup(path: Path, manifest: Manifest, key_of: KeyOf) -> tuple[bytearray, str]:
    """The data key in a backup and the cipher of its vault; its manifest is then known to be true.

    Raises:
        WrongKey, KeysMissing, KeysDamaged: as for a library.
        StoreError: the manifest or the keys were changed.
    """
    with TemporaryDirectory(prefix="muniment-") as name:
        folder = Path(name)
        write_whole(folder / KEYS_FILE, read_keys(path, manifest))
        try:
            data_key = vault.open_keys(folder, key_of(folder))
            cipher = vault.vault_cipher(folder)
        except IngestError as error:
            if str(folder) not in error.subject:
                raise
            raise type(error)(str(path), error.cause, error.remedy) from error
    if not manifest.is_sealed_with(data_key):
        raise damaged(path, "Its manifest was changed, or its parts are of different backups.")
    return data_key, cipher


def copied_vault(path: Path, manifest: Manifest, to: IO[bytes] | None) -> Iterator[Event]:
    """Reads the vault of a backup, compares it with the manifest, and writes it ``to``.

    Raises:
        StoreError: it is not what was written.
        OSError: ``to`` cannot be written.
    """
    digest, done = hashlib.sha256(), 0
    what = READING_BACK if to is None else COPYING
    for block in vault_blocks(path, manifest):
        digest.update(block)
        if to is not None:
            to.write(block)
        done += len(block)
        yield Progressed(what, done, manifest.vault_bytes)
    if digest.hexdigest() != manifest.vault_sha256:
        raise damaged(path, "It is not what was written.")


def backup_path(folder: Path, target: Path) -> Path:
    """The file that a backup of ``folder`` at ``target`` is.

    Raises:
        KeysMissing, KeysDamaged: there is no library in ``folder``.
    """
    # abspath, as a link to a folder stays what the person named.
    place = Path(os.path.abspath(target))  # noqa: PTH100
    if not place.is_dir():
        return place.resolve()
    name = Path(os.path.abspath(folder)).name or "library"  # noqa: PTH100
    return place / f"{name}-{read_keys_file(folder).library[:8]}{SUFFIX}"


def check_room(path: Path, size: int, what: str) -> None:
    """Says so when ``size`` bytes do not fit beside ``path``.

    Raises:
        StoreFull: with how much is wanted and how much there is.
    """
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise storage_error(path.parent, error) from error
    if free < size + _SPARE:
        raise StoreFull(
            str(path.parent),
            f"{what} needs {_megabytes(size)}, and {_megabytes(free)} are free on this disk.",
            "Free some space, or choose another disk. Nothing was changed.",
        )


def check_file_size(path: Path, size: int, what: str) -> None:
    """Says so when the disk takes no file of ``size`` bytes; ``path`` is an empty file on it.

    Raises:
        StoreFull: it is formatted as FAT32, or files are limited in size.
    """
    if size <= FAT_LIMIT:
        return
    try:
        with path.open("r+b") as file:
            # Without a byte being written; FAT refuses at once.
            file.truncate(size)
            file.truncate(0)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise storage_error(path, error) from error
        raise StoreFull(
            str(path.parent),
            f"{what} is one file of {_megabytes(size)}, and this disk takes no file of that size: "
            "it is probably formatted as FAT32, which holds none over 4 GB.",
            "Use a disk formatted as exFAT, NTFS or ext4. Nothing was changed.",
        ) from error


def _megabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 10**9 else f"{max(1, round(size / 1e6)):,} MB"


def _check_place(folder: Path, library: str, path: Path) -> None:
    if folder.resolve() in path.resolve().parents:
        raise StoreError(
            str(path),
            "A backup inside the library's own folder would be lost with it.",
            "Choose another folder, best on another disk.",
        )
    # Where a disk should be and is not, nothing is made in its place.
    if not path.parent.is_dir():
        raise StoreError(
            str(path),
            f"There is no folder {path.parent}.",
            "Connect the disk it is on, make the folder, or name another one.",
        )
    if not os.path.lexists(path):
        if path.suffix != SUFFIX:
            raise StoreError(
                str(path),
                "There is no such folder.",
                "Connect the disk it is on, or make it. To name a file, let its name end in "
                f"{SUFFIX}.",
            )
        return
    there = read_manifest(path) if path.is_file() and path.stat().st_size else None
    if there is None:
        raise StoreError(
            str(path), "There is something else of that name.", "Choose another name for it."
        )
    if there.library != library:
        raise StoreError(
            str(path),
            "It is the backup of another library, which is not written over.",
            "Choose another name, or a folder to put it in.",
        )


def _write(
    folder: Path, data_key: bytes | bytearray, partial: Path, *, verify: bool
) -> Iterator[Event]:
    """Makes ``partial`` a complete backup that is on the disk."""
    keys = (folder / KEYS_FILE).read_bytes()
    made = datetime.now(UTC).isoformat(timespec="seconds")
    yield from _copy_pages(folder, data_key, partial, len(keys))
    try:
        with partial.open("r+b") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            size = file.tell()
            manifest = Manifest(
                library=read_keys_file(folder).library,
                made=made,
                vault_bytes=size,
                vault_sha256=digest.hexdigest(),
                keys_bytes=len(keys),
                keys_sha256=hashlib.sha256(keys).hexdigest(),
            ).sealed(data_key)
            append_foot(file, manifest, keys)
            file.flush()
            os.fsync(file.fileno())
            _forget_cached(file)
    except OSError as error:
        raise _not_written(partial, error) from error
    if verify:
        yield from _verify(partial, data_key, vault.vault_cipher(folder))


def _copy_pages(
    folder: Path, data_key: bytes | bytearray, partial: Path, keys: int
) -> Iterator[Event]:
    cipher = vault.vault_cipher(folder)
    store = Store(folder, data_key, cipher=cipher, beside=True)
    try:
        with store.snapshot() as source:
            size = source.pragma("page_count") * source.pragma("page_size")
            size += room_of_foot(b" " * keys)
            check_room(partial, size, "The backup")
            check_file_size(partial, size, "The backup")
            yield from _copied(source, data_key, cipher, partial, folder)
    finally:
        store.close()


def _copied(
    source: apsw.Connection,
    data_key: bytes | bytearray,
    cipher: str,
    partial: Path,
    library: Path,
) -> Iterator[Event]:
    copy = apsw.Connection(str(partial), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        copy.pragma("page_size", source.pragma("page_size"))
        use_key(copy, data_key, cipher)
        # Nothing is to be taken back: what is not completed is deleted. `_write` syncs.
        copy.pragma("journal_mode", "off")
        copy.pragma("synchronous", "off")
        copy.pragma("locking_mode", "exclusive")
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                with _explained(library, partial):
                    backup.step(_STEP)
                yield Progressed(COPYING, backup.page_count - backup.remaining, backup.page_count)
    finally:
        copy.close()


@contextlib.contextmanager
def _explained(library: Path, partial: Path) -> Iterator[None]:
    """Tells errors of the library that is read from those of the backup that is written."""
    try:
        with explained(library):
            yield
    except StoreFull as error:
        full = isinstance(error.__cause__, apsw.FullError)
        raise _not_written(partial, OSError(errno.ENOSPC if full else errno.EIO, "")) from error
    except (StoreBusy, WrongKey) as error:
        raise StoreError(
            str(partial.parent), f"The backup was not written: {error.cause}", error.remedy
        ) from error
    except StoreError as error:
        raise StoreError(
            str(library),
            "The library is damaged, so no backup was made of it; an older one stays as it is.",
            "See what is hurt: muniment check. Then restore an older backup.",
        ) from error


def _not_written(partial: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            str(partial.parent),
            "The disk became full before the backup was complete. An older one stays as it is.",
            "Free some space, or choose another disk, and run it again.",
        )
    return StoreError(
        str(partial.parent),
        "The disk refused to write the backup. An older one stays as it is.",
        "Check that the disk is connected and healthy, and run it again.",
    )


def _verify(partial: Path, data_key: bytes | bytearray, cipher: str) -> Iterator[Event]:
    manifest = read_manifest(partial)
    if not manifest.is_sealed_with(data_key):
        raise damaged(partial, "Its manifest is not what was written.")
    read_keys(partial, manifest)
    yield from copied_vault(partial, manifest, None)
    for event in _check_vault(partial, data_key, cipher):
        if isinstance(event, Checked):
            if not event.sound:
                raise _not_sound(event)
        else:
            yield event


def _not_sound(found: Checked) -> StoreError:
    what = [*found.faults, *(f"{h.name}: {', '.join(h.faults)}" for h in found.hurt)]
    return StoreError(
        found.subject,
        f"The backup is not sound, and was not kept: {'; '.join(what[:3])}.",
        "See what is hurt in the library: muniment check. Without --verify it is backed up as it "
        "is; give that backup another name, so that an older one stays.",
    )


def _check_vault(path: Path, data_key: bytes | bytearray, cipher: str) -> Iterator[Event]:
    """Is the library in it sound?"""
    yield from examine(
        lambda: Store(
            path.parent, data_key, cipher=cipher, read_only=True, beside=True, name=path.name
        ),
        str(path),
    )


def _forget_cached(file: IO[bytes]) -> None:
    """Lets the system forget what it wrote, so that reading back reads the disk, where it can."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
