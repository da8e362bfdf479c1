"""``keys.json``: how a library's wrapped keys are written down and read back.

Public metadata only. Written to a temporary file, synced and renamed, so that a crash leaves
the old file or the new one. Knows no cryptography.
"""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from app.core.private_file import make_private_folder, write_whole
from app.core.vault_errors import KeysDamaged, KeysMissing
from ingest.errors import NewerStore, StoreError, StoreFull, StoreReadOnly

KEYS_FILE = "keys.json"
_VERSION = 1
_KINDS = ("passphrase", "keyfile", "keyring")
_MOST_BYTES = 1 << 20
# A manipulated file must not make opening a library take all memory or forever.
_MOST_PASSES = 64
_MOST_MEMORY_KIB = 2 << 20
_MOST_LANES = 64


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Argon2id's parameters: passes over the memory, memory in KiB, lanes."""

    passes: int = 3
    memory_kib: int = 128 << 10
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Protector:
    """One wrap of the data key; ``salt`` and ``cost`` only where ``kind`` is "passphrase"."""

    kind: str
    nonce: bytes
    wrapped: bytes
    salt: bytes = b""
    cost: Argon2Cost | None = None


@dataclass(frozen=True, slots=True)
class KeysFile:
    """The library's id, a one-way check of its data key, and the protectors."""

    library: str
    check: bytes
    protectors: tuple[Protector, ...]

    def protector(self, kind: str) -> Protector | None:
        """The protector of this kind; there is at most one."""
        return next((known for known in self.protectors if known.kind == kind), None)

    def with_protector(self, protector: Protector) -> KeysFile:
        """The same keys with ``protector`` in the place of its kind."""
        others = tuple(known for known in self.protectors if known.kind != protector.kind)
        return KeysFile(self.library, self.check, (*others, protector))


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

    Raises:
        StoreReadOnly, StoreFull, StoreError.
    """
    make_folder(folder)
    record = _dump(keys)
    record["sum"] = _sum(record)
    write_private(folder / KEYS_FILE, json.dumps(record, indent=2) + "\n")


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
    return {
        "version": _VERSION,
        "library": keys.library,
        "check": keys.check.hex(),
        "protectors": [_dump_protector(protector) for protector in keys.protectors],
    }


def _dump_protector(protector: Protector) -> dict[str, object]:
    record: dict[str, object] = {
        "kind": protector.kind,
        "cipher": "AES-256-GCM",
        "nonce": protector.nonce.hex(),
        "wrapped": protector.wrapped.hex(),
    }
    if protector.cost is not None:
        record["kdf"] = "argon2id"
        record["salt"] = protector.salt.hex()
        record["passes"] = protector.cost.passes
        record["memory_kib"] = protector.cost.memory_kib
        record["lanes"] = protector.cost.lanes
    return record


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
    protectors = tuple(_parse_protector(entry) for entry in record["protectors"])
    kinds = [protector.kind for protector in protectors]
    if not kinds or len(set(kinds)) != len(kinds):
        raise ValueError("protectors are missing or double")
    return KeysFile(library, _exact_bytes(record["check"], 32), protectors)


def _parse_protector(record: dict[str, object]) -> Protector:
    kind = record["kind"]
    if kind not in _KINDS or record["cipher"] != "AES-256-GCM":
        raise ValueError("an unknown protector")
    nonce = _exact_bytes(record["nonce"], 12)
    wrapped = _exact_bytes(record["wrapped"], 48)
    if kind != "passphrase":
        return Protector(str(kind), nonce, wrapped)
    if record["kdf"] != "argon2id":
        raise ValueError("an unknown key derivation")
    lanes = _whole(record["lanes"], 1, _MOST_LANES)
    cost = Argon2Cost(
        passes=_whole(record["passes"], 1, _MOST_PASSES),
        memory_kib=_whole(record["memory_kib"], 8 * lanes, _MOST_MEMORY_KIB),
        lanes=lanes,
    )
    return Protector("passphrase", nonce, wrapped, _exact_bytes(record["salt"], 16), cost)


def _whole(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError("a number out of range")
    return value


def _exact_bytes(value: object, length: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * length:
        raise ValueError("bytes of another length")
    return bytes.fromhex(value)
