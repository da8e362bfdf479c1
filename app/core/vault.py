"""The key of a library: one random data key, locked away by one or more protectors.

A library's vault file is encrypted with a random 256-bit data key that never changes. The key
itself is kept only wrapped, in ``keys.json`` beside the vault: once for each protector (a
passphrase, the operating system's keyring, a key file), so that protectors are added and
replaced without touching a document. ``keys.json`` holds nothing secret.

This module does not know what the data key encrypts. Python cannot reliably wipe memory, so a
key lives in this process until the process ends.

::

    StoreError
    ├── WrongKey             the passphrase or key does not open the library
    ├── NewerStore           keys.json was written by a newer version
    ├── StoreReadOnly, StoreFull
    └── VaultError
        ├── KeysMissing      no keys.json, or no protector of the kind asked for
        ├── KeysDamaged      keys.json is not what this program wrote
        ├── KeysExist        the folder has keys already; they are never written over
        ├── BadKeySource     a passphrase too short, a key file that holds no key
        └── KeyringUnusable  no keyring, a locked one, or one that stores plain text

Sources: Argon2id, RFC 9106 (second recommended option, memory doubled); AES-256-GCM, NIST
SP 800-38D; a fresh 96-bit random nonce for each wrap, and each wrapping key wraps only a few.
"""

from __future__ import annotations

import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.vault_errors import (
    BadKeySource,
    KeyringUnusable,
    KeysDamaged,
    KeysExist,
    KeysMissing,
    VaultError,
)
from app.core.vault_file import (
    KEYS_FILE,
    Argon2Cost,
    KeysFile,
    Protector,
    check_intact,
    read_keys_file,
    write_keys_file,
    write_private,
)
from app.core.vault_keyring import read_keyring, write_keyring
from ingest.errors import StoreError, WrongKey

__all__ = [
    "KEYS_FILE",
    "LEAST_CHARACTERS",
    "Argon2Cost",
    "BadKeySource",
    "KeyFile",
    "KeySource",
    "KeyringKey",
    "KeyringUnusable",
    "KeysDamaged",
    "KeysExist",
    "KeysMissing",
    "Passphrase",
    "VaultError",
    "add_protector",
    "check_new",
    "create_keys",
    "has_keys",
    "key_source_from_environment",
    "kind_of",
    "open_keys",
    "protectors",
]

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
LEAST_CHARACTERS = 8
PASSPHRASE_VARIABLE = "MUNIMENT_PASSPHRASE"
KEY_FILE_VARIABLE = "MUNIMENT_KEY_FILE"


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Words that a person remembers. Compared after Unicode NFC, so that the way a keyboard
    composes an accent does not matter."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file that holds 32 random bytes as 64 hexadecimal digits."""

    path: Path


@dataclass(frozen=True, slots=True)
class KeyringKey:
    """A wrapping key that the operating system's keyring keeps, by the library's id."""


KeySource = Passphrase | KeyFile | KeyringKey


def key_source_from_environment(
    folder: Path, environment: Mapping[str, str] = os.environ
) -> KeySource | None:
    """What the environment names to open the library with; None when it names nothing.

    Of MUNIMENT_KEY_FILE and MUNIMENT_PASSPHRASE, one that is left over from another library is
    not in the way: it is taken which the library is protected by. Where both could be, and for
    a new library, it is the key file; the passphrase, when the key file does not open it.
    """
    path, words = environment.get(KEY_FILE_VARIABLE), environment.get(PASSPHRASE_VARIABLE)
    passphrase = Passphrase(words) if words else None
    if not path:
        return passphrase
    file = KeyFile(Path(path))
    if passphrase is None or not has_keys(folder):
        return file
    try:
        kinds = protectors(folder)
        if _kind(passphrase) not in kinds:
            return file
        if _kind(file) in kinds:
            open_keys(folder, file)
            return file
    except (WrongKey, BadKeySource):
        return passphrase
    except StoreError:
        return file  # opening says what is wrong
    return passphrase


def has_keys(folder: Path) -> bool:
    """True when the folder has a ``keys.json``, that is, when a library was made there."""
    return (folder / KEYS_FILE).exists()


def check_new(source: KeySource, subject: str) -> None:
    """Says whether a key may protect something from now on; opening asks for no length.

    Raises:
        BadKeySource: a passphrase of fewer than `LEAST_CHARACTERS` characters.
    """
    if not isinstance(source, Passphrase):
        return
    length = len(unicodedata.normalize("NFC", source.text))
    if length < LEAST_CHARACTERS:
        raise BadKeySource(
            subject,
            f"A new passphrase needs at least {LEAST_CHARACTERS} characters; this one has "
            f"{length}.",
            "Choose a longer one, best several words.",
        )


def create_keys(folder: Path, source: KeySource, *, cost: Argon2Cost | None = None) -> bytes:
    """Makes the keys of a new library and returns its data key (32 bytes).

    A key file that does not exist yet is created with mode 0600; one that exists is used.

    Raises:
        KeysExist, BadKeySource, KeyringUnusable, StoreReadOnly, StoreFull.
    """
    if has_keys(folder):
        raise KeysExist(
            str(folder),
            "The folder holds the keys of a library already.",
            "Open that library, or choose another folder.",
        )
    data_key = secrets.token_bytes(KEY_BYTES)
    library = secrets.token_hex(16)
    keys = KeysFile(library, _check_value(library, data_key), ())
    protector = _wrap(folder, keys, data_key, source, cost or Argon2Cost())
    write_keys_file(folder, keys.with_protector(protector))
    return data_key


def open_keys(folder: Path, source: KeySource) -> bytes:
    """The library's data key (32 bytes).

    Raises:
        WrongKey, KeysMissing, KeysDamaged, NewerStore, BadKeySource, KeyringUnusable.
    """
    keys = read_keys_file(folder)
    kind = _kind(source)
    protector = keys.protector(kind)
    if protector is None:
        offered = ", ".join(_NAMES[known.kind] for known in keys.protectors)
        raise KeysMissing(
            str(folder),
            f"The library is not protected by a {_NAMES[kind]}.",
            f"Open it with its {offered}.",
        )
    if isinstance(source, KeyFile) and not source.path.exists():
        raise WrongKey(
            str(folder),
            f"Its key file {source.path} is missing.",
            "Connect the drive it lies on, or restore it from a copy.",
        )
    wrapping_key = _wrapping_key(folder, keys.library, source, protector)
    try:
        data_key = AESGCM(wrapping_key).decrypt(
            protector.nonce, protector.wrapped, _associated(keys.library, kind)
        )
    except InvalidTag:
        check_intact(folder)
        raise WrongKey(str(folder), *_WRONG[kind]) from None
    if not hmac.compare_digest(_check_value(keys.library, data_key), keys.check):
        raise KeysDamaged(
            str(folder / KEYS_FILE),
            "The key it holds is not the one the library was made with.",
            "Restore keys.json from a backup of this library.",
        )
    return data_key


def add_protector(
    folder: Path, data_key: bytes, source: KeySource, *, cost: Argon2Cost | None = None
) -> None:
    """Lets ``source`` open the library too; it replaces a protector of its own kind.

    Raises:
        WrongKey: ``data_key`` is not this library's.
        KeysMissing, KeysDamaged, NewerStore, BadKeySource, KeyringUnusable, StoreReadOnly,
        StoreFull.
    """
    keys = read_keys_file(folder)
    if not hmac.compare_digest(_check_value(keys.library, data_key), keys.check):
        raise WrongKey(
            str(folder),
            "The data key given belongs to another library.",
            "Open this library first, then add the protector.",
        )
    protector = _wrap(folder, keys, data_key, source, cost or Argon2Cost())
    write_keys_file(folder, keys.with_protector(protector))


def protectors(folder: Path) -> list[str]:
    """The kinds that open the library: "passphrase", "keyfile", "keyring".

    Raises:
        KeysMissing, KeysDamaged, NewerStore.
    """
    return [protector.kind for protector in read_keys_file(folder).protectors]


_NAMES = {"passphrase": "passphrase", "keyfile": "key file", "keyring": "keyring entry"}
_WRONG = {
    "passphrase": (
        "The passphrase does not open the library.",
        "Check the keyboard layout and capitals, and try again.",
    ),
    "keyfile": (
        "The key file does not open the library.",
        "Choose the key file that was made with this library.",
    ),
    "keyring": (
        "The keyring's entry does not open the library.",
        "Open it with another of its protectors and add the keyring again.",
    ),
}


def kind_of(source: KeySource) -> str:
    """The kind of protector that a key belongs to, as `protectors` names it."""
    return _kind(source)


def _kind(source: KeySource) -> str:
    match source:
        case Passphrase():
            return "passphrase"
        case KeyFile():
            return "keyfile"
        case KeyringKey():
            return "keyring"


def _wrap(
    folder: Path, keys: KeysFile, data_key: bytes, source: KeySource, cost: Argon2Cost
) -> Protector:
    check_new(source, str(folder))
    kind = _kind(source)
    draft = Protector(kind, secrets.token_bytes(NONCE_BYTES), b"")
    match source:
        case Passphrase():
            draft = Protector(kind, draft.nonce, b"", secrets.token_bytes(SALT_BYTES), cost)
        case KeyFile(path):
            if not path.exists():
                write_private(path, secrets.token_hex(KEY_BYTES) + "\n")
        case KeyringKey():
            write_keyring(keys.library, secrets.token_hex(KEY_BYTES))
    wrapping_key = _wrapping_key(folder, keys.library, source, draft)
    wrapped = AESGCM(wrapping_key).encrypt(draft.nonce, data_key, _associated(keys.library, kind))
    return Protector(kind, draft.nonce, wrapped, draft.salt, draft.cost)


def _wrapping_key(folder: Path, library: str, source: KeySource, protector: Protector) -> bytes:
    match source:
        case Passphrase(text):
            cost = protector.cost
            if cost is None:
                raise KeysDamaged(
                    str(folder / KEYS_FILE),
                    "The passphrase's Argon2 parameters are missing.",
                    "Restore keys.json from a backup of this library.",
                )
            return hash_secret_raw(
                unicodedata.normalize("NFC", text).encode(),
                protector.salt,
                time_cost=cost.passes,
                memory_cost=cost.memory_kib,
                parallelism=cost.lanes,
                hash_len=KEY_BYTES,
                type=Type.ID,
            )
        case KeyFile(path):
            return _read_key_file(path)
        case KeyringKey():
            return _key_from_hex(
                read_keyring(library),
                "The system keyring",
                "Its entry for this library holds no key.",
                "Open the library with another of its protectors and add the keyring again.",
            )


def _read_key_file(path: Path) -> bytes:
    remedy = "Choose the key file that was made with this library."
    try:
        with path.open("rb") as file:
            content = file.read(4096)
    except OSError as error:
        raise BadKeySource(
            str(path), f"The key file cannot be read: {error.strerror}.", remedy
        ) from error
    text = content.decode("ascii", errors="replace").strip()
    return _key_from_hex(text, str(path), "The file holds no key of 64 hexadecimal digits.", remedy)


def _key_from_hex(text: str, subject: str, cause: str, remedy: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeySource(subject, cause, remedy)
    return key


def _associated(library: str, kind: str) -> bytes:
    return f"muniment key wrap 1\n{library}\n{kind}".encode()


def _check_value(library: str, data_key: bytes) -> bytes:
    """Tells whether a data key is the library's; nothing about a random key follows from it."""
    return hmac.digest(data_key, f"muniment key check 1\n{library}".encode(), "sha256")
