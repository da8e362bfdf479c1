"""The key of a library: one random data key, locked away by one or more protectors.

A library's vault file is encrypted with a random 256-bit data key that never changes. The key
itself is kept only wrapped, in ``keys.json`` beside the vault: once for each protector (a
passphrase, the operating system's keyring, a key file, a recovery key, an organisation's escrow
key), so that protectors are added, replaced and removed without touching a document. ``keys.json``
holds nothing secret.

This module does not know what the data key encrypts. It hands it out as a ``bytearray``, which
whoever has it fills with zeros when it is no longer needed; `app.core.process_guard` says how far
that goes. How the wraps are made is in `app.core.vault_wrapping`.

::

    StoreError
    ├── WrongKey             the passphrase or key does not open the library
    ├── NewerStore           keys.json was written by a newer version
    ├── StoreReadOnly, StoreFull
    └── VaultError
        ├── KeysMissing      no keys.json, or no protector of the kind asked for
        ├── KeysDamaged      keys.json is not what this program wrote
        ├── KeysExist        the folder has keys already; they are never written over
        ├── BadKeySource     a passphrase too short, a key file or recovery key that is none
        │   └── EscrowPassphraseNeeded   the escrow's private key is encrypted itself
        ├── KeyringUnusable  no keyring, a locked one, or one that stores plain text
        ├── TooSoon          wrong passphrases were tried; the next has to wait
        ├── LastProtector    without it nothing would open the library
        └── NotInFipsMode    FIPS mode is demanded, and the library is not in it
"""

from __future__ import annotations

import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.core import attempts, fips, policy, recovery_code
from app.core.process_guard import wipe
from app.core.vault_errors import (
    BadKeySource,
    EscrowPassphraseNeeded,
    KeyringUnusable,
    KeysDamaged,
    KeysExist,
    KeysMissing,
    LastProtector,
    NotInFipsMode,
    TooSoon,
    VaultError,
    in_words,
)
from app.core.vault_escrow import EscrowPublicKey
from app.core.vault_file import (
    KEYS_FILE,
    Argon2Cost,
    Cost,
    KeysFile,
    Pbkdf2Cost,
    Protector,
    VaultCipher,
    read_keys_file,
    write_keys_file,
)
from app.core.vault_keyring import forget_keyring
from app.core.vault_sources import (
    NAMES,
    EscrowKey,
    KeyFile,
    KeyringKey,
    KeySource,
    NewKey,
    NewLibrary,
    Passphrase,
    RecoveryKey,
    kind_of,
    secret_from_environment,
)
from app.core.vault_wrapping import KEY_BYTES, unwrap, wrap
from ingest.errors import StoreError, WrongKey

__all__ = [
    "KEYS_FILE",
    "LEAST_CHARACTERS",
    "NAMES",
    "Argon2Cost",
    "BadKeySource",
    "EscrowKey",
    "EscrowPassphraseNeeded",
    "EscrowPublicKey",
    "KeyFile",
    "KeySource",
    "KeyringKey",
    "KeyringUnusable",
    "KeysDamaged",
    "KeysExist",
    "KeysInfo",
    "KeysMissing",
    "LastProtector",
    "NewKey",
    "NewLibrary",
    "NotInFipsMode",
    "Passphrase",
    "Pbkdf2Cost",
    "RecoveryKey",
    "TooSoon",
    "VaultCipher",
    "VaultError",
    "add_protector",
    "check_new",
    "check_no_keys",
    "check_policy",
    "create_keys",
    "describe",
    "has_keys",
    "key_source_from_environment",
    "kind_of",
    "new_recovery_key",
    "open_keys",
    "policy_escrow",
    "protectors",
    "remove_protector",
    "seconds_to_wait",
    "secret_from_environment",
    "vault_cipher",
]

LEAST_CHARACTERS = 8
PASSPHRASE_VARIABLE = "MUNIMENT_PASSPHRASE"
KEY_FILE_VARIABLE = "MUNIMENT_KEY_FILE"
RECOVERY_VARIABLE = "MUNIMENT_RECOVERY_KEY"

seconds_to_wait = attempts.seconds_to_wait


def key_source_from_environment(
    folder: Path, environment: Mapping[str, str] = os.environ
) -> KeySource | None:
    """What the environment names to open the library with; None when it names nothing.

    Of MUNIMENT_KEY_FILE and MUNIMENT_PASSPHRASE, one that is left over from another library is
    not in the way: it is taken which the library is protected by. Where both could be, and for
    a new library, it is the key file; the passphrase, when the key file does not open it.
    MUNIMENT_RECOVERY_KEY is taken when there is neither.

    Raises:
        BadKeySource: a file descriptor that was named cannot be read.
    """
    path = environment.get(KEY_FILE_VARIABLE)
    words = secret_from_environment(PASSPHRASE_VARIABLE, environment)
    passphrase = Passphrase(words) if words else None
    if not path:
        if passphrase is None and has_keys(folder):
            written = secret_from_environment(RECOVERY_VARIABLE, environment)
            return RecoveryKey(written) if written else None
        return passphrase
    file = KeyFile(Path(path))
    if passphrase is None or not has_keys(folder):
        return file
    try:
        kinds = protectors(folder)
        if kind_of(passphrase) not in kinds:
            return file
        if kind_of(file) in kinds:
            wipe(open_keys(folder, file))
            return file
    except (WrongKey, BadKeySource):
        return passphrase
    except StoreError:
        return file  # opening says what is wrong
    return passphrase


def has_keys(folder: Path) -> bool:
    """True when the folder has a ``keys.json``, that is, when a library was made there."""
    return (folder / KEYS_FILE).exists()


def check_new(source: NewKey, subject: str) -> None:
    """Says whether a key may protect something from now on; opening asks for no length.

    Raises:
        BadKeySource: a passphrase of fewer than `LEAST_CHARACTERS` characters, or than the
            computer's policy asks for.
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
    if problem := policy.passphrase_problem(source.text):
        raise BadKeySource(subject, problem, "Choose a longer one, best several words.")


def policy_escrow(found: policy.Policy | None = None) -> EscrowPublicKey | None:
    """The organisation's public key that the policy names; None when it names none.

    By the policy in force, or by one that was ``found`` elsewhere.

    Raises:
        PolicyError, BadKeySource: it cannot be read or is none.
    """
    pem = policy.escrow_key(found)
    return None if pem is None else EscrowPublicKey.parse(pem, "the policy's escrow key")


def check_policy(folder: Path, kinds: Sequence[str]) -> None:
    """Says so when a library with these protectors lacks one that the policy asks for.

    Raises:
        PolicyForbids, PolicyError.
    """
    if problem := policy.protectors_problem(list(kinds)):
        raise policy.PolicyForbids(
            str(folder), problem, "Add what is missing with `muniment keys add`."
        )


def new_recovery_key() -> RecoveryKey:
    """256 random bits, to be shown once and written down."""
    return RecoveryKey(recovery_code.encode(secrets.token_bytes(KEY_BYTES)))


def check_no_keys(folder: Path) -> None:
    """Says so when ``folder`` is a library already.

    Raises:
        KeysExist.
    """
    if has_keys(folder):
        raise KeysExist(
            str(folder),
            "The folder holds the keys of a library already.",
            "Open that library, or choose another folder.",
        )


def create_keys(
    folder: Path,
    source: NewKey,
    *,
    new: NewLibrary | None = None,
    cost: Cost | None = None,
) -> bytearray:
    """Makes the keys of a new library and returns its data key (32 bytes).

    A key file that does not exist yet is created with mode 0600; one that exists is used. What a
    guess of a passphrase costs is measured on this machine unless ``cost`` says it.

    Raises:
        KeysExist, BadKeySource, KeyringUnusable, StoreReadOnly, StoreFull.
    """
    check_no_keys(folder)
    new = new or NewLibrary()
    data_key = bytearray(secrets.token_bytes(KEY_BYTES))
    library = secrets.token_hex(16)
    in_fips = fips.demanded() if new.fips is None else new.fips
    cipher: VaultCipher = "sqlcipher" if in_fips else "chacha20"
    keys = KeysFile(library, _check_value(library, data_key), (), cipher, in_fips)
    for key in (source, new.recovery, policy_escrow() or new.escrow):
        if key is not None:
            check_new(key, str(folder))
            keys = keys.with_protector(wrap(folder, keys, data_key, key, cost))
    check_policy(folder, [protector.kind for protector in keys.protectors])
    write_keys_file(folder, keys)
    return data_key


def open_keys(folder: Path, source: KeySource) -> bytearray:
    """The library's data key (32 bytes).

    A passphrase is tried only when enough time has passed since wrong ones; see
    `app.core.attempts`.

    Raises:
        WrongKey, TooSoon, KeysMissing, KeysDamaged, NewerStore, BadKeySource, KeyringUnusable,
        NotInFipsMode.
    """
    keys = read_keys_file(folder)
    kind = kind_of(source)
    protector = keys.protector(kind)
    if protector is None:
        offered = ", ".join(NAMES[known.kind] for known in keys.protectors)
        raise KeysMissing(
            str(folder),
            f"The library is not protected by a {NAMES[kind]}.",
            f"Open it with its {offered}." if offered else "Install the newer version of Muniment.",
        )
    if fips.demanded() and not keys.fips:
        raise NotInFipsMode(
            str(folder),
            "FIPS mode is demanded here, and this library was not made in it.",
            "Make a new one with `muniment keys create --fips` and add the documents to it.",
        )
    if isinstance(source, KeyFile) and not source.path.exists():
        raise WrongKey(
            str(folder),
            f"Its key file {source.path} is missing.",
            "Connect the drive it lies on, or restore it from a copy.",
        )
    if isinstance(source, Passphrase):
        data_key = _try_passphrase(folder, keys, source, protector)
    else:
        data_key = unwrap(folder, keys, source, protector)
    if not hmac.compare_digest(_check_value(keys.library, data_key), keys.check):
        raise KeysDamaged(
            str(folder / KEYS_FILE),
            "The key it holds is not the one the library was made with.",
            "Restore keys.json from a backup of this library.",
        )
    return data_key


def _try_passphrase(
    folder: Path, keys: KeysFile, source: Passphrase, protector: Protector
) -> bytearray:
    attempts.begin(folder)
    try:
        data_key = unwrap(folder, keys, source, protector)
    except WrongKey as error:
        wait = attempts.seconds_to_wait(folder)
        if wait == 0:
            raise
        pause = f"The next try is possible in {in_words(wait)}."
        raise WrongKey(error.subject, error.cause, f"{error.remedy} {pause}") from None
    attempts.succeeded(folder)
    return data_key


def add_protector(
    folder: Path, data_key: bytes | bytearray, source: NewKey, *, cost: Cost | None = None
) -> None:
    """Lets ``source`` open the library too; it replaces a protector of its own kind.

    Raises:
        WrongKey: ``data_key`` is not this library's.
        KeysMissing, KeysDamaged, NewerStore, BadKeySource, KeyringUnusable, StoreReadOnly,
        StoreFull.
    """
    keys = _keys_of(folder, data_key)
    check_new(source, str(folder))
    write_keys_file(folder, keys.with_protector(wrap(folder, keys, data_key, source, cost)))
    if isinstance(source, Passphrase):
        attempts.succeeded(folder)


def remove_protector(folder: Path, data_key: bytes | bytearray, kind: str) -> None:
    """The protector of this kind opens the library no longer; a key file itself stays.

    Raises:
        WrongKey: ``data_key`` is not this library's.
        LastProtector: nothing else would open the library, or the organisation's escrow alone.
        KeysMissing: there is none of this kind.
        KeysDamaged, NewerStore, StoreReadOnly, StoreFull.
    """
    keys = _keys_of(folder, data_key)
    if keys.protector(kind) is None:
        raise KeysMissing(
            str(folder),
            f"The library is not protected by a {NAMES.get(kind, kind)}.",
            "See which there are: muniment keys list",
        )
    if kind in policy.current().protectors_needed or (kind == "escrow" and policy_escrow()):
        raise policy.PolicyForbids(
            str(folder),
            f"The policy of this computer asks for the {NAMES[kind]}.",
            "Replace it instead, or ask the administrator.",
        )
    rest = keys.without(kind)
    if all(known.kind == "escrow" for known in rest.protectors):
        raise LastProtector(
            str(folder),
            f"Without its {NAMES[kind]} you could not open the library any more.",
            "Add another protector first: muniment keys add",
        )
    write_keys_file(folder, rest)
    if kind == "keyring":
        with suppress(KeyringUnusable):  # what it holds opens nothing any more
            forget_keyring(keys.library)


def protectors(folder: Path) -> list[str]:
    """The kinds that open the library: "passphrase", "keyfile", "keyring", "recovery", "escrow".

    Raises:
        KeysMissing, KeysDamaged, NewerStore.
    """
    return [protector.kind for protector in read_keys_file(folder).protectors]


def vault_cipher(folder: Path) -> VaultCipher:
    """What the library's vault file is encrypted with.

    Raises:
        KeysMissing, KeysDamaged, NewerStore.
    """
    return read_keys_file(folder).cipher


@dataclass(frozen=True, slots=True)
class KeysInfo:
    """What ``keys.json`` tells anybody. ``unknown``: kinds of a newer version."""

    library: str
    protectors: tuple[Protector, ...]
    unknown: tuple[str, ...]
    cipher: VaultCipher
    fips: bool


def describe(folder: Path) -> KeysInfo:
    """The library's protectors, without opening it.

    Raises:
        KeysMissing, KeysDamaged, NewerStore.
    """
    keys = read_keys_file(folder)
    unknown = tuple(str(entry["kind"]) for entry in keys.unknown)
    return KeysInfo(keys.library, keys.protectors, unknown, keys.cipher, keys.fips)


def _keys_of(folder: Path, data_key: bytes | bytearray) -> KeysFile:
    keys = read_keys_file(folder)
    if not hmac.compare_digest(_check_value(keys.library, data_key), keys.check):
        raise WrongKey(
            str(folder),
            "The data key given belongs to another library.",
            "Open this library first, then change its protectors.",
        )
    return keys


def _check_value(library: str, data_key: bytes | bytearray) -> bytes:
    """Tells whether a data key is the library's; nothing about a random key follows from it."""
    return hmac.digest(data_key, f"muniment key check 1\n{library}".encode(), "sha256")
