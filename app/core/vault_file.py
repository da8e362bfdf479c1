"""``keys.json``: how a library's wrapped keys are written down and read back.

Public metadata only. Written to a temporary file, synced and renamed, so that a crash leaves
the old file or the new one. Knows no cryptography.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from app.core.private_file import make_private_folder, write_whole
from app.core.vault_errors import KeysDamaged, KeysMissing
from ingest.errors import NewerStore, StoreError, StoreFull, StoreReadOnly

KEYS_FILE = "keys.json"
# Version 2 brought recovery keys, escrow, PBKDF2 and other ciphers of the vault. From it on, kinds
# of protectors that are not known are kept, so that a new kind alone raises no version.
_FIRST, _VERSION = 1, 2
_FIRST_KINDS = ("passphrase", "keyfile", "keyring")
KINDS = (*_FIRST_KINDS, "recovery", "escrow")
_MOST_BYTES = 1 << 20
# A manipulated file must not make opening a library take all memory or forever.
_MOST_ARGON2_PASSES = 64
_MOST_MEMORY_KIB = 2 << 20
_MOST_LANES = 64
_MOST_PBKDF2_PASSES = 50_000_000
_MOST_WRAPPED = 2048  # an RSA key of 16,384 bits

VaultCipher = Literal["chacha20", "sqlcipher"]
_CIPHERS: tuple[VaultCipher, ...] = ("chacha20", "sqlcipher")


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Argon2id's parameters: passes over the memory, memory in KiB, lanes."""

    passes: int = 3
    memory_kib: int = 128 << 10
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Pbkdf2Cost:
    """PBKDF2-HMAC-SHA256's parameter: how often a guess is hashed."""

    passes: int = 600_000


Cost = Argon2Cost | Pbkdf2Cost


@dataclass(frozen=True, slots=True)
class Protector:
    """One wrap of the data key.

    ``salt`` and ``cost`` only where ``kind`` is "passphrase"; ``escrow``, the fingerprint of the
    public key, only where it is "escrow", which has no ``nonce``. ``made`` is a day, or nothing.
    """

    kind: str
    nonce: bytes
    wrapped: bytes
    salt: bytes = b""
    cost: Cost | None = None
    escrow: str = ""
    made: str = ""


def how_wrapped(protector: Protector) -> str:
    """How the data key is wrapped there, and what each guess of a passphrase costs."""
    match protector.cost:
        case Argon2Cost(passes, memory_kib, lanes):
            return (
                f"AES-256-GCM under a key from Argon2id: {passes} passes over "
                f"{memory_kib >> 10:,} MiB in {lanes} lanes"
            )
        case Pbkdf2Cost(passes):
            return f"AES-256-GCM under a key from PBKDF2-HMAC-SHA256: {passes:,} passes"
    if protector.escrow:
        return f"RSA-OAEP-SHA256 for the public key {protector.escrow}"
    return "AES-256-GCM under a random key"


@dataclass(frozen=True, slots=True)
class KeysFile:
    """The library's id, a one-way check of its data key, and the protectors.

    ``unknown`` are protectors of kinds, and ``more`` fields, that a newer version has written.
    """

    library: str
    check: bytes
    protectors: tuple[Protector, ...]
    cipher: VaultCipher = "chacha20"
    fips: bool = False
    unknown: tuple[dict[str, object], ...] = ()
    more: dict[str, object] = field(default_factory=dict)

    def protector(self, kind: str) -> Protector | None:
        """The protector of this kind; there is at most one."""
        return next((known for known in self.protectors if known.kind == kind), None)

    def with_protector(self, protector: Protector) -> KeysFile:
        """The same keys with ``protector`` in the place of its kind."""
        return replace(self, protectors=(*self.without(protector.kind).protectors, protector))

    def without(self, kind: str) -> KeysFile:
        """The same keys without the protector of this kind."""
        others = tuple(known for known in self.protectors if known.kind != kind)
        return replace(self, protectors=others)


def read_keys_file(folder: Path) -> KeysFile:
    """Reads ``folder/keys.json``.

    Raises:
        KeysMissing, KeysDamaged, NewerStore, StoreError (may not be read).
    """
    path = folder / KEYS_FILE
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise KeysMissing(
            str(folder),
            f"The folder has no {KEYS_FILE}, so there is no library to open.",
            "Check the folder, or restore the file from a backup.",
        ) from None
    except OSError as error:
        raise StoreError(
            str(path), f"It cannot be read: {error.strerror}.", "Check the file's permissions."
        ) from error
    try:
        return _parse(json.loads(content), path)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise KeysDamaged(
            str(path),
            "The file is damaged.",
            f"Restore {KEYS_FILE} from a backup; without it the library cannot be opened.",
        ) from error


def write_keys_file(folder: Path, keys: KeysFile) -> None:
    """Writes ``folder/keys.json``, making the folder (mode 0700) where it is missing.

    What the file held before, wraps that were replaced or removed, is overwritten where it lay.
    A file system that never writes in place, an SSD or a backup may keep it all the same.

    Raises:
        StoreReadOnly, StoreFull, StoreError.
    """
    make_folder(folder)
    path = folder / KEYS_FILE
    with _overwriting(path):
        record = _dump(keys)
        record["sum"] = _sum(record)
        write_private(path, json.dumps(record, indent=2) + "\n")


def check_intact(folder: Path) -> None:
    """Tells damage from a wrong key, when a key did not open ``folder/keys.json``.

    Its sum is no protection: who changes the file on purpose can change the sum as well.

    Raises:
        KeysDamaged: the file is not what was written; files without a sum pass.
    """
    path = folder / KEYS_FILE
    record = json.loads(path.read_bytes()[:_MOST_BYTES])
    if record.get("sum", _sum(record)) != _sum(record):
        raise KeysDamaged(
            str(path),
            "The file is damaged, so no key opens it.",
            f"Restore {KEYS_FILE} from a backup of this library: muniment restore.",
        )


def _sum(record: dict[str, object]) -> str:
    """SHA-256 of everything but the sum itself, in hexadecimal."""
    rest = {name: value for name, value in record.items() if name != "sum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


@contextmanager
def _overwriting(path: Path) -> Iterator[None]:
    """Overwrites what ``path`` named before, once another file has taken its place and is safe."""
    try:
        old = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:  # a new library, or one that cannot be written, which writing itself tells
        yield
        return
    if os.name == "nt":  # an open file could not be replaced there
        os.close(old)
        yield
        return
    try:
        yield
        # Still named by someone, such as a backup made of second names: not ours to destroy.
        if os.fstat(old).st_nlink == 0:
            with suppress(OSError):
                os.pwrite(old, bytes(os.fstat(old).st_size), 0)
                os.fsync(old)
    finally:
        os.close(old)


def make_folder(folder: Path) -> None:
    """Makes a library's folder, mode 0700, where it is missing.

    Raises:
        StoreReadOnly, StoreFull, StoreError.
    """
    try:
        make_private_folder(folder)
    except OSError as error:
        raise storage_error(folder, error) from error


def write_private(path: Path, text: str) -> None:
    """Writes ``text`` (ASCII) to ``path``, mode 0600, whole or not at all.

    Raises:
        StoreReadOnly, StoreFull, StoreError.
    """
    try:
        write_whole(path, text.encode("ascii"))
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StoreError:
    """What the system says against writing ``path``, as an error that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(str(path), "No space is left on its disk.", "Free some and try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreReadOnly(
            str(path), "It cannot be written here.", "Choose a folder that you may write to."
        )
    return StoreError(
        str(path), f"It cannot be written: {error.strerror}.", "Check the folder and its disk."
    )


def _dump(keys: KeysFile) -> dict[str, object]:
    """In the oldest version that can say it, so that older programs open what they can."""
    plain = (
        keys.cipher == "chacha20"
        and not keys.fips
        and not keys.unknown
        and not keys.more
        and all(p.kind in _FIRST_KINDS for p in keys.protectors)
        and not any(isinstance(p.cost, Pbkdf2Cost) for p in keys.protectors)
    )
    record: dict[str, object] = {
        "version": _FIRST if plain else _VERSION,
        "library": keys.library,
        "check": keys.check.hex(),
    }
    if not plain:
        record["vault_cipher"] = keys.cipher
        record["fips"] = keys.fips
    known = [_dump_protector(protector) for protector in keys.protectors]
    return keys.more | record | {"protectors": [*known, *keys.unknown]}


def _dump_protector(protector: Protector) -> dict[str, object]:
    record: dict[str, object] = {"kind": protector.kind}
    if protector.made:
        record["made"] = protector.made
    if protector.kind == "escrow":
        record |= {"cipher": "RSA-OAEP-SHA256", "public_key": protector.escrow}
    else:
        record |= {"cipher": "AES-256-GCM", "nonce": protector.nonce.hex()}
    record["wrapped"] = protector.wrapped.hex()
    match protector.cost:
        case Argon2Cost(passes, memory_kib, lanes):
            record |= {"kdf": "argon2id", "salt": protector.salt.hex(), "passes": passes}
            record |= {"memory_kib": memory_kib, "lanes": lanes}
        case Pbkdf2Cost(passes):
            record |= {"kdf": "pbkdf2-hmac-sha256", "salt": protector.salt.hex()}
            record["passes"] = passes
    return record


_FIELDS = ("version", "library", "check", "vault_cipher", "fips", "protectors", "sum")


def _parse(record: object, path: Path) -> KeysFile:
    if not isinstance(record, dict):
        raise ValueError("no object")
    version = _whole(record["version"], 1, 1 << 31)
    if version > _VERSION:
        raise NewerStore(
            str(path),
            f"It was written by a newer version of Muniment (format {version}).",
            "Install the newer version.",
        )
    library = str(record["library"])
    bytes.fromhex(library)
    cipher = record.get("vault_cipher", "chacha20")
    if cipher not in _CIPHERS:
        raise NewerStore(
            str(path),
            "Its vault is encrypted with a cipher that this version does not know.",
            "Install the newer version.",
        )
    fips = record.get("fips", False)
    if not isinstance(fips, bool):
        raise ValueError("neither true nor false")
    protectors: list[Protector] = []
    unknown: list[dict[str, object]] = []
    for entry in record["protectors"]:
        if entry["kind"] in KINDS:
            protectors.append(_parse_protector(entry))
        elif version == _FIRST or not isinstance(entry["kind"], str):
            raise ValueError("an unknown protector")
        else:
            unknown.append(entry)
    kinds = [protector.kind for protector in protectors] + [entry["kind"] for entry in unknown]
    if not kinds or len({*kinds}) != len(kinds):
        raise ValueError("protectors are missing or double")
    return KeysFile(
        library,
        _exact_bytes(record["check"], 32),
        tuple(protectors),
        cipher,
        fips,
        tuple(unknown),
        {name: value for name, value in record.items() if name not in _FIELDS},
    )


def _parse_protector(record: dict[str, object]) -> Protector:
    kind, made = str(record["kind"]), record.get("made", "")
    if not isinstance(made, str) or len(made) > 40:
        raise ValueError("no day")
    if kind == "escrow":
        if record["cipher"] != "RSA-OAEP-SHA256":
            raise ValueError("an unknown cipher")
        fingerprint = _exact_bytes(record["public_key"], 32).hex()
        wrapped = record["wrapped"]
        if not isinstance(wrapped, str) or len(wrapped) > 2 * _MOST_WRAPPED:
            raise ValueError("a wrap of another length")
        return Protector(kind, b"", bytes.fromhex(wrapped), escrow=fingerprint, made=made)
    if record["cipher"] != "AES-256-GCM":
        raise ValueError("an unknown cipher")
    nonce = _exact_bytes(record["nonce"], 12)
    wrapped = _exact_bytes(record["wrapped"], 48)
    if kind != "passphrase":
        return Protector(kind, nonce, wrapped, made=made)
    salt = _exact_bytes(record["salt"], 16)
    return Protector(kind, nonce, wrapped, salt, _parse_cost(record), made=made)


def _parse_cost(record: dict[str, object]) -> Cost:
    if record["kdf"] == "pbkdf2-hmac-sha256":
        return Pbkdf2Cost(_whole(record["passes"], 1, _MOST_PBKDF2_PASSES))
    if record["kdf"] != "argon2id":
        raise ValueError("an unknown key derivation")
    lanes = _whole(record["lanes"], 1, _MOST_LANES)
    return Argon2Cost(
        passes=_whole(record["passes"], 1, _MOST_ARGON2_PASSES),
        memory_kib=_whole(record["memory_kib"], 8 * lanes, _MOST_MEMORY_KIB),
        lanes=lanes,
    )


def _whole(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError("a number out of range")
    return value


def _exact_bytes(value: object, length: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * length:
        raise ValueError("bytes of another length")
    return bytes.fromhex(value)
