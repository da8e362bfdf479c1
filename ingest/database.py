"""One encrypted SQLite file: opened, migrated, locked to one program, its errors explained.

Knows of connections and transactions, not of documents.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from ingest.codec import confidence_of
from ingest.errors import NewerStore, StoreBusy, StoreError, StoreFull, StoreReadOnly, WrongKey
from ingest.library_files import FILE_NAME, LOCK_NAME
from ingest.library_lock import take_lock
from ingest.schema import MIGRATIONS, VERSION
from ingest.sealing import ContentKeys

# With less, SQLite cannot keep its log and reports that as an error of input and output.
_TOO_LITTLE = 1 << 20
# A chunk's words and vector fill half a page of 4 KB, and the next ones do not fit into the rest:
# with these, a vault takes half the room, and half the time to decrypt.
_PAGE_BYTES = 16_384
_LOG_PAGES = 256
_INCREMENTAL = 2
_STOP_STEPS = 1_000  # of SQLite's machine, between two looks whether to stop


class Database:
    """A vault file, held by one program at a time.

    One connection writes, one reads; each is guarded by its own lock, so that a search need
    not wait for an ingest. WAL with ``synchronous=FULL``: what was committed survives a crash.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes | bytearray,
        *,
        cipher: str = "chacha20",
        read_only: bool = False,
        beside: bool = False,
        name: str = FILE_NAME,
    ) -> None:
        """Opens ``folder``'s vault, creating and migrating it when it may be written.

        ``cipher`` is a name of SQLite3 Multiple Ciphers, one that authenticates each page:
        ``chacha20`` or ``sqlcipher``. ``beside``: only reads, and also while another program
        holds the library; what that one commits meanwhile is seen by the next transaction, and
        nothing is migrated: ``format`` says of which version the file is. ``name``: of a vault
        that is kept under another one.

        Raises:
            StoreBusy, WrongKey, NewerStore, StoreReadOnly, StoreFull, StoreError.
        """
        self.path = folder / name
        self._cipher = cipher
        writable = not read_only and _writable(folder)
        self.read_only = beside or not writable
        self._beside = beside and writable
        self._as_it_is = beside
        self.format = 0
        self._lock_file = None if self.read_only else take_lock(folder)
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._full: StoreFull | None = None
        self._in_transaction = 0  # the thread that is in one
        self._committed: list[Callable[[], None]] = []
        try:
            try:
                self._open(key)
            except StoreFull as error:
                # Writing needs room for a log even before there is anything to write.
                if self.read_only or not self.path.exists() or self._has_log():
                    raise
                self._full, self.read_only = error, True
                self._open(key)
        except BaseException:
            self._release_lock()
            raise

    def check_writable(self) -> None:
        """Says why nothing can be written, if so.

        Raises:
            StoreReadOnly: the folder or file may not be written.
            StoreFull: the disk was already full when the library was opened.
        """
        if self._full is not None:
            raise StoreFull(self._full.subject, self._full.cause, self._full.remedy)
        if self.read_only:
            raise StoreReadOnly(
                str(self.path.parent),
                "The library cannot be written.",
                "Ask for write access to its folder, or use a copy of it.",
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """One transaction: all of it is stored, or nothing. One inside another is part of it."""
        self.check_writable()
        with self._write_lock:
            if self._in_transaction:
                yield self._writer
                return
            with explained(self.path):
                yield from self._transaction()
            while self._committed:
                self._committed.pop(0)()

    def _transaction(self) -> Iterator[apsw.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        self._in_transaction = threading.get_ident()
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException as error:
            self._committed.clear()
            # A full disk may have rolled back already.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            if isinstance(error, apsw.FullError):
                self._shorten_log()
            raise
        finally:
            self._in_transaction = 0

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is in a transaction."""
        return self._in_transaction == threading.get_ident()

    def when_committed(self, do: Callable[[], None]) -> None:
        """Inside a transaction: ``do`` is called once it is stored, before others may write."""
        if do not in self._committed:
            self._committed.append(do)

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A consistent view of what is committed; in a transaction, with what it has written."""
        if self.in_transaction:
            yield self._writer
            return
        with self._read_lock, explained(self.path):
            yield self._reader

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """One state of what is committed for all that is read within, whatever others commit.

        For a file that is opened ``beside`` or to be read only, and one thread.
        """
        with self._read_lock, explained(self.path):
            self._reader.execute("BEGIN")
            try:
                # SQLite takes the state that it finds with the first read.
                self._reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
                yield self._reader
            finally:
                self._reader.execute("ROLLBACK")

    @property
    def free_pages(self) -> int:
        """How many pages inside the file are of no use."""
        with self.reading() as connection:
            return int(connection.pragma("freelist_count"))

    @property
    def gives_back_pages(self) -> bool:
        """Whether the file can be shortened bit by bit; one made before format 6 cannot."""
        with self.reading() as connection:
            return int(connection.pragma("auto_vacuum")) == _INCREMENTAL

    def vacuum(self, stop: Callable[[], bool]) -> bool:
        """Writes the whole file anew, without anything that is of no use; readers go on.

        Whether it did: where ``stop`` says so meanwhile, everything stays as it was.
        """
        self.check_writable()
        with self._write_lock, explained(self.path):
            self._writer.pragma("auto_vacuum", _INCREMENTAL)
            self._writer.set_progress_handler(stop, _STOP_STEPS, id="vacuum")
            try:
                self._writer.execute("VACUUM")
            except apsw.InterruptError:
                return False
            finally:
                self._writer.set_progress_handler(None, id="vacuum")
        return True

    def empty_log(self) -> bool:
        """Takes the log into the file and leaves nothing in it. False while it is being read."""
        with self._write_lock, self._read_lock, explained(self.path):
            query = "PRAGMA wal_checkpoint(TRUNCATE)"
            return self._writer.execute(query).fetchall()[0][0] == 0

    def close(self) -> None:
        """Ends the program's hold on the file; what is committed stays."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()
        self._release_lock()

    def _has_log(self) -> bool:
        """Whether transactions wait in a log beside the file, which only a writer can take in."""
        log = self.path.with_name(self.path.name + "-wal")
        return log.exists() and log.stat().st_size > 0

    def _shorten_log(self) -> None:
        """Gives back what a transaction that failed has taken of a full disk, if that works."""
        with contextlib.suppress(apsw.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _open(self, key: bytes | bytearray) -> None:
        with explained(self.path):
            self._writer = self._connect(key)
            try:
                self._migrate(key)
                self._reader = self._writer if self.read_only else self._connect(key)
            except BaseException:
                self._writer.close()
                raise

    def _connect(self, key: bytes | bytearray) -> apsw.Connection:
        if self.read_only:
            if not self.path.exists():
                raise StoreReadOnly(
                    str(self.path),
                    "There is no library here.",
                    "Choose a folder that can be written.",
                )
            if self._beside:
                connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
                return self._prepared(connection, key)
            if self._has_log():
                raise StoreReadOnly(
                    str(self.path),
                    "The library was not closed properly and cannot be repaired here.",
                    "Open it once where its folder can be written.",
                )
            connection = apsw.Connection(
                f"file:{_uri(self.path)}?immutable=1",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            )
        else:
            if not self.path.exists():
                # SQLite would make it readable by others; its log takes over the same rights.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = apsw.Connection(str(self.path))
        return self._prepared(connection, key)

    def _prepared(self, connection: apsw.Connection, key: bytes | bytearray) -> apsw.Connection:
        try:
            self._prepare(connection, key)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: apsw.Connection, key: bytes | bytearray) -> None:
        new = self.path.stat().st_size == 0
        if new:
            connection.pragma("page_size", _PAGE_BYTES)
        use_key(connection, key, self._cipher)
        if new:
            connection.pragma("auto_vacuum", _INCREMENTAL)
        connection.set_busy_timeout(5_000)
        connection.pragma("foreign_keys", True)
        # What SQLite sorts or copies for a while would lie in files that nothing encrypts.
        connection.pragma("temp_store", "memory")
        if self._beside:
            connection.pragma("query_only", True)
        if not self.read_only:
            connection.pragma("secure_delete", True)
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "full")
            connection.pragma("wal_autocheckpoint", _LOG_PAGES)

    def _migrate(self, key: bytes | bytearray) -> None:
        version = int(self._writer.pragma("user_version"))
        if version > VERSION:
            raise NewerStore(
                str(self.path),
                f"The library was written by a newer version (format {version}, known up to "
                f"{VERSION}).",
                "Open it with that version, or update this one. Nothing was changed.",
            )
        self.format = version
        if version == VERSION or self._as_it_is:
            return
        self._writer.create_scalar_function(
            "ocr_confidence", lambda *lines: confidence_of(lines[0]), 1, deterministic=True
        )
        with self.writing() as connection:
            for _, step in MIGRATIONS[version:]:
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection, ContentKeys(key))
            connection.pragma("user_version", VERSION)
        self.format = VERSION

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def use_key(connection: apsw.Connection, key: bytes | bytearray, cipher: str) -> None:
    """Makes a new connection read and write with the library's data key, before all else."""
    # A raw key: the passphrase was stretched when the data key was unwrapped.
    connection.pragma("cipher", cipher)
    connection.pragma("key", f"raw:{key.hex()}")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the library's errors into ours, which say what to do."""
    name = str(path)
    try:
        yield
    except apsw.NotADBError as error:
        # Whoever asks has compared the key with keys.json before.
        raise WrongKey(
            name,
            "The key does not open this file: it is damaged at its start, or of another library.",
            "Restore the library from a backup, or put back the keys.json that belongs to it.",
        ) from error
    except apsw.FullError as error:
        raise _full(name) from error
    except apsw.ConnectionClosedError as error:
        raise StoreError(name, "The library was closed meanwhile.", "Open it again.") from error
    except apsw.BusyError as error:
        raise StoreBusy(
            name, "Another program is using the library.", "Close it and try again."
        ) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise StoreReadOnly(
            name, "The library cannot be written.", "Check the rights on its folder."
        ) from error
    except apsw.CorruptError as error:
        raise StoreError(
            name,
            "The library's file is damaged.",
            "See which documents are hurt: muniment check. Restore it from a backup.",
        ) from error
    except apsw.IOError as error:
        if _is_full(path.parent):
            raise _full(name) from error
        raise StoreFull(
            name,
            "The disk refused to read or write.",
            "Check that the disk is connected, healthy and not full, and try again.",
        ) from error


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _TOO_LITTLE
    except OSError:
        return False  # the disk itself is gone


def _full(name: str) -> StoreFull:
    return StoreFull(
        name,
        "The disk is full; what was being added was not stored.",
        "Free some space and add it again.",
    )


def _writable(folder: Path) -> bool:
    if not folder.is_dir():
        return True
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    os.close(descriptor)
    vault = folder / FILE_NAME
    return not vault.exists() or os.access(vault, os.W_OK)


def _uri(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))
