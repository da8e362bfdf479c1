"""Where documents that have been read are kept: encrypted files of records. Knows no caches.

A file only grows, record by record. Each is encrypted by AES-256-GCM (NIST SP 800-38D), with a
random nonce, under the file's own key, which HKDF (RFC 5869) derives from the folder's and the
owner's name; its place and kind are authenticated, so that none can be moved, changed or taken from
another file. A record cut short by a crash ends the file where it begins. Names are keyed hashes,
which tell nothing without the key. Where an owner's name holds a secret, its files can be opened by
nobody once that is destroyed. Loads no torch.
"""

import contextlib
import hmac
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.options import SnapshotPlace

_MAGIC = b"muniment snapshot 1\n"
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16
_HEAD = struct.Struct("<BQ")
_SUFFIX = ".snapshot"
# Never the last bytes of a disk: others need them, the vault first of all.
_LEFT_FREE = 256 << 20


class DamagedSnapshot(Exception):
    """A record is not what was written; the file is of no use."""


@dataclass(frozen=True)
class Record:
    """One record's kind, a number below 256, and where its encrypted bytes lie."""

    kind: int
    offset: int
    size: int


class SnapshotFile:
    """One file, open for reading and appending; made if it is not there.

    Raises OSError as files do, DamagedSnapshot if it does not begin as one of ours.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b")
        self._start = len(_MAGIC) + _SALT_BYTES
        head = self._file.read(self._start)
        if len(head) < self._start:
            # New, or cut short before its first record.
            head = _MAGIC + os.urandom(_SALT_BYTES)
            self._file.seek(0)
            self._file.truncate()
            self._file.write(head)
        elif not head.startswith(_MAGIC):
            self._file.close()
            raise DamagedSnapshot(str(path))
        self._head = head
        self._cipher = AESGCM(HKDF(SHA256(), 32, head[-_SALT_BYTES:], b"record").derive(key))
        self.records = self._scan()

    def __enter__(self) -> "SnapshotFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes of all records, with the file's head."""
        last = self.records[-1] if self.records else None
        return last.offset + last.size if last else self._start

    def append(self, kind: int, content: bytes) -> None:
        """Writes a record after the last; what stood behind that one is gone."""
        place = self.nbytes
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content, self._where(len(self.records), kind))
        self._file.seek(place)
        self._file.truncate()
        self._file.write(_HEAD.pack(kind, len(nonce) + len(sealed)))
        self._file.write(nonce)
        self._file.write(sealed)
        offset = place + _HEAD.size
        self.records.append(Record(kind, offset, len(nonce) + len(sealed)))

    def read(self, index: int) -> bytes:
        """A record's content. Raises DamagedSnapshot if it is not what was written there."""
        record = self.records[index]
        self._file.seek(record.offset)
        content = self._file.read(record.size)
        nonce, sealed = content[:_NONCE_BYTES], memoryview(content)[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, self._where(index, record.kind))
        except (InvalidTag, ValueError):
            raise DamagedSnapshot(str(self.path)) from None

    def truncate(self, count: int) -> None:
        """Forgets all but the first ``count`` records; the next append takes their place."""
        del self.records[count:]

    def sync(self) -> None:
        """Waits until what was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; it may be opened again."""
        self._file.close()

    def _scan(self) -> list[Record]:
        size = os.fstat(self._file.fileno()).st_size
        found, place = [], self._start
        while place + _HEAD.size <= size:
            self._file.seek(place)
            kind, length = _HEAD.unpack(self._file.read(_HEAD.size))
            place += _HEAD.size
            if not _NONCE_BYTES + _TAG_BYTES <= length <= size - place:
                break
            found.append(Record(kind, place, length))
            place += length
        return found

    def _where(self, index: int, kind: int) -> bytes:
        return self._head + struct.pack("<QB", index, kind)


class SnapshotFolder:
    """All snapshots of a library. Files of an owner, say a document, are found by its name."""

    def __init__(self, place: SnapshotPlace) -> None:
        self.folder, self.key, self.budget = Path(place.folder), place.key, place.budget

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size, _ in self._files())

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self._files())

    def path(self, owner: str, contents: bytes) -> Path:
        """The file of an owner for such contents."""
        return self.folder / f"{self._owner(owner)}-{self._hash(contents)}{_SUFFIX}"

    def open(self, path: Path, owner: str) -> SnapshotFile:
        """Opens or makes a file of an owner. Raises as :class:`SnapshotFile`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SnapshotFile(path, hmac.digest(self.key, b"key\n" + owner.encode(), "sha256"))

    def make_room(self, needed: int, kept: Path) -> str:
        """Deletes what was used least recently, but ``kept``, until ``needed`` bytes more fit.

        Gives why they do not, a whole sentence, and deletes nothing then; empty when they do.
        """
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        others = sum(size for _, size, path in files if path != kept)
        if total - others + needed > self.budget:
            return f"It would take more than the {self.budget >> 20} MiB set for all of them."
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free + others < needed + _LEFT_FREE:
            return "The disk is full."
        for _, size, path in files:
            if total + needed <= self.budget and free >= needed + _LEFT_FREE:
                break
            if path != kept:
                path.unlink(missing_ok=True)
                total, free = total - size, free + size
        return ""

    def touch(self, path: Path) -> None:
        """Notes that a file was used."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)

    def shrink(self) -> None:
        """Deletes what was used least recently until all files are within the budget."""
        total = self.nbytes
        for _, size, path in sorted(self._files()):
            if total <= self.budget:
                break
            path.unlink(missing_ok=True)
            total -= size

    def has(self, owner: str) -> bool:
        """Whether there is a file of an owner."""
        return any(self.folder.glob(f"{self._owner(owner)}-*{_SUFFIX}"))

    def forget(self, owner: str) -> int:
        """Deletes all files of an owner; gives how many there were."""
        found = list(self.folder.glob(f"{self._owner(owner)}-*{_SUFFIX}"))
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def forget_all(self) -> int:
        """Deletes all files; gives how many there were."""
        found = self._files()
        for _, _, path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _files(self) -> list[tuple[float, int, Path]]:
        """When last used, bytes and path of each file."""
        found = []
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        return found

    def _owner(self, owner: str) -> str:
        return self._hash(b"owner\n" + owner.encode())

    def _hash(self, contents: bytes) -> str:
        return hmac.digest(self.key, b"name\n" + contents, "sha256").hex()[:32]
