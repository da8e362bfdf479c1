"""A backup is one file: the vault as it is, encrypted; ``keys.json``; a manifest; a foot.

::

    vault    pages of SQLite, encrypted with the library's data key
    keys     keys.json, so that passphrase or recovery key open the backup elsewhere
    manifest JSON: library, time, lengths, SHA-256 of both, and an HMAC of all that
    foot     length of the manifest (8 bytes, little-endian), 16 bytes that say what this is

The manifest tells no more than ``keys.json`` and the file's own size and date do. Its HMAC-SHA-256
is under a key derived from the data key (HKDF, RFC 5869): who has not that key can neither change
a part nor put parts of two backups together. The vault comes first, so that SQLite can write and
read it in its place. Knows no library.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ingest.errors import NewerStore, StoreError

_FORMAT = 1
_MAGIC = b"MunimentBackup\r\n"
_LENGTH_BYTES = 8
_MOST_KEYS = _MOST_MANIFEST = 1 << 20
_BLOCK = 1 << 20
SUFFIX = ".muniment-backup"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; sizes in bytes, hashes and ``mac`` in hexadecimal, time in UTC."""

    library: str
    made: str
    vault_bytes: int
    vault_sha256: str
    keys_bytes: int
    keys_sha256: str
    mac: str = ""

    def sealed(self, data_key: bytes | bytearray) -> Manifest:
        """The same with the code that only who has the data key can make."""
        return replace(self, mac=hmac.digest(_mac_key(data_key), self._signed(), "sha256").hex())

    def is_sealed_with(self, data_key: bytes | bytearray) -> bool:
        """Whether it is as it was sealed."""
        return hmac.compare_digest(self.sealed(data_key).mac, self.mac)

    def _signed(self) -> bytes:
        fields = {**asdict(self), "format": _FORMAT}
        del fields["mac"]
        return json.dumps(fields, sort_keys=True).encode("ascii")


def _mac_key(data_key: bytes | bytearray) -> bytes:
    return HKDFExpand(SHA256(), 32, b"muniment backup 1").derive(data_key)


def append_foot(file: IO[bytes], manifest: Manifest, keys: bytes) -> None:
    """Writes what follows the vault."""
    told = json.dumps({"format": _FORMAT, **asdict(manifest)}, indent=1).encode("ascii")
    file.write(keys + told + len(told).to_bytes(_LENGTH_BYTES, "little") + _MAGIC)


def room_of_foot(keys: bytes) -> int:
    """At most so many bytes follow the vault."""
    return len(keys) + 2048


def read_manifest(path: Path) -> Manifest:
    """What a file says of itself; whether it is true, only `is_sealed_with` and hashing tell.

    Raises:
        StoreError: it is no backup, or not a whole one.
        NewerStore: it is of a newer version.
    """
    try:
        with path.open("rb") as file:
            return _read_manifest(path, file)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_keys(path: Path, manifest: Manifest) -> bytes:
    """The ``keys.json`` in a backup.

    Raises:
        StoreError: it is not what the manifest says.
    """
    try:
        with path.open("rb") as file:
            file.seek(manifest.vault_bytes)
            keys = file.read(manifest.keys_bytes)
    except OSError as error:
        raise _unreadable(path, error) from error
    if hashlib.sha256(keys).hexdigest() != manifest.keys_sha256:
        raise damaged(path, "Its keys are not those that were written.")
    return keys


def vault_blocks(path: Path, manifest: Manifest) -> Iterator[bytes]:
    """The vault in a backup, piece by piece.

    Raises:
        StoreError: it cannot be read, or ends too early.
    """
    left = manifest.vault_bytes
    try:
        with path.open("rb") as file:
            while left:
                block = file.read(min(left, _BLOCK))
                if not block:
                    raise damaged(path, "It ends too early.")
                left -= len(block)
                yield block
    except OSError as error:
        raise _unreadable(path, error) from error


def damaged(path: Path, cause: str) -> StoreError:
    """The error of a backup that is not what was written."""
    return StoreError(
        str(path), f"The backup is damaged. {cause}", "Use another backup of this library."
    )


def _read_manifest(path: Path, file: IO[bytes]) -> Manifest:
    size = file.seek(0, 2)
    foot = _LENGTH_BYTES + len(_MAGIC)
    file.seek(max(0, size - foot))
    end = file.read(foot)
    if end[_LENGTH_BYTES:] != _MAGIC:
        raise StoreError(
            str(path),
            "This is no backup of a library, or not a whole one.",
            "Name a file that `muniment backup` has written.",
        )
    length = int.from_bytes(end[:_LENGTH_BYTES], "little")
    if not 0 < length <= min(_MOST_MANIFEST, size - foot):
        raise damaged(path, "Its end is not what was written.")
    file.seek(size - foot - length)
    try:
        record = json.loads(file.read(length))
        if not isinstance(record["format"], int):
            raise ValueError("format")
        if record["format"] > _FORMAT:
            raise NewerStore(
                str(path),
                f"The backup is of a newer version of Muniment (format {record['format']}).",
                "Install the newer version.",
            )
        manifest = Manifest(**{name: record[name] for name in Manifest.__slots__})
        _check(manifest, size - foot - length)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, "Its manifest is not what was written.") from error
    return manifest


def _check(manifest: Manifest, before: int) -> None:
    """Raises ValueError where a field cannot be what was written."""
    if not isinstance(manifest.made, str):
        raise ValueError("made")
    for text, length in (
        (manifest.library, 16),
        (manifest.vault_sha256, 32),
        (manifest.keys_sha256, 32),
        (manifest.mac, 32),
    ):
        if len(bytes.fromhex(text)) != length:
            raise ValueError(text)
    sizes = (manifest.vault_bytes, manifest.keys_bytes)
    if any(type(number) is not int or number <= 0 for number in sizes):
        raise ValueError("sizes")
    if manifest.keys_bytes > _MOST_KEYS or sum(sizes) != before:
        raise ValueError("sizes")


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        str(path),
        f"The backup cannot be read: {error.strerror}.",
        "Check that the disk is connected and that you may read the file.",
    )
