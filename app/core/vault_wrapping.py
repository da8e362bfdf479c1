"""How each kind of key wraps a library's data key, and unwraps it again.

AES-256-GCM (NIST SP 800-38D) under a key that comes from the source: stretched from a passphrase,
read from a file or the keyring, or derived from a recovery key (HKDF, RFC 5869). A fresh 96-bit
random nonce for each wrap, and each wrapping key wraps only a few. The escrow wraps with RSA-OAEP.
Library and kind are authenticated with each wrap, so that none can be moved to another place.
"""

from __future__ import annotations

import secrets
import unicodedata
from datetime import date
from pathlib import Path

from argon2.exceptions import HashingError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from app.core import recovery_code, vault_escrow
from app.core.key_cost import calibrated, stretched
from app.core.process_guard import wipe
from app.core.vault_errors import BadKeySource, KeysDamaged, VaultError
from app.core.vault_escrow import EscrowPublicKey
from app.core.vault_file import (
    KEYS_FILE,
    Cost,
    KeysFile,
    Protector,
    check_intact,
    write_private,
)
from app.core.vault_keyring import read_keyring, write_keyring
from app.core.vault_sources import (
    EscrowKey,
    KeyFile,
    KeyringKey,
    KeySource,
    NewKey,
    Passphrase,
    RecoveryKey,
    kind_of,
)
from ingest.errors import WrongKey

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16

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
    "recovery": (
        "The recovery key does not open the library.",
        "It is of another library, or a newer one has taken its place. Look for the newer one.",
    ),
    "escrow": (
        "The escrow key does not open the library.",
        "Use the private key whose fingerprint `muniment keys list` shows.",
    ),
}


def wrap(
    folder: Path, keys: KeysFile, data_key: bytes | bytearray, source: NewKey, cost: Cost | None
) -> Protector:
    """The data key, wrapped for ``source``; makes its key file or keyring entry where needed.

    ``cost`` is what a passphrase's guesses cost; None measures it.
    """
    kind, made = kind_of(source), date.today().isoformat()
    label = _associated(keys.library, kind)
    if isinstance(source, EscrowPublicKey):
        wrapped = source.wrap(data_key, label)
        return Protector(kind, b"", wrapped, escrow=source.fingerprint, made=made)
    salt = b""
    match source:
        case Passphrase():
            salt, cost = secrets.token_bytes(SALT_BYTES), cost or calibrated(fips=keys.fips)
        case KeyFile(path):
            if not path.exists():
                write_private(path, secrets.token_hex(KEY_BYTES) + "\n")
        case KeyringKey():
            write_keyring(keys.library, secrets.token_hex(KEY_BYTES))
    nonce = secrets.token_bytes(NONCE_BYTES)
    draft = Protector(kind, nonce, b"", salt, cost if salt else None)
    wrapping_key = _wrapping_key(folder, keys.library, source, draft)
    wrapped = AESGCM(wrapping_key).encrypt(nonce, data_key, label)
    wipe(wrapping_key)
    return Protector(kind, nonce, wrapped, salt, draft.cost, made=made)


def unwrap(folder: Path, keys: KeysFile, source: KeySource, protector: Protector) -> bytearray:
    """The data key (32 bytes) that ``protector`` holds.

    Raises:
        WrongKey, BadKeySource, KeyringUnusable, KeysDamaged, VaultError.
    """
    kind = kind_of(source)
    label = _associated(keys.library, kind)
    if isinstance(source, EscrowKey):
        private = vault_escrow.read_private(source.path, source.passphrase)
        try:
            if vault_escrow.fingerprint_of(private) == protector.escrow:
                data_key = vault_escrow.unwrap(private, protector.wrapped, label)
                if len(data_key) == KEY_BYTES:
                    return data_key
        except ValueError:
            pass
        check_intact(folder)
        raise WrongKey(str(folder), *_WRONG[kind])
    wrapping_key = _wrapping_key(folder, keys.library, source, protector)
    data_key = bytearray(KEY_BYTES)
    try:
        AESGCM(wrapping_key).decrypt_into(protector.nonce, protector.wrapped, label, data_key)
    except InvalidTag:
        check_intact(folder)
        raise WrongKey(str(folder), *_WRONG[kind]) from None
    finally:
        wipe(wrapping_key)
    return data_key


def _wrapping_key(
    folder: Path,
    library: str,
    source: Passphrase | KeyFile | KeyringKey | RecoveryKey,
    protector: Protector,
) -> bytearray:
    match source:
        case Passphrase(text):
            return _stretch(folder, text, protector)
        case KeyFile(path):
            return _read_key_file(path)
        case KeyringKey():
            return _key_from_hex(
                read_keyring(library),
                "The system keyring",
                "Its entry for this library holds no key.",
                "Open the library with another of its protectors and add the keyring again.",
            )
        case RecoveryKey(text):
            try:
                written = recovery_code.decode(text)
            except recovery_code.NoRecoveryKey as error:
                raise BadKeySource(
                    "The recovery key", str(error), "Compare it with the paper and type it again."
                ) from None
            derived = HKDFExpand(SHA256(), KEY_BYTES, b"muniment recovery 1").derive(written)
            wipe(written)
            return bytearray(derived)


def _stretch(folder: Path, text: str, protector: Protector) -> bytearray:
    if protector.cost is None:
        raise KeysDamaged(
            str(folder / KEYS_FILE),
            "What the passphrase is stretched with is missing.",
            "Restore keys.json from a backup of this library.",
        )
    secret = unicodedata.normalize("NFC", text).encode()
    try:
        return bytearray(stretched(secret, protector.salt, protector.cost))
    except (HashingError, MemoryError) as error:
        raise VaultError(
            str(folder),
            "There is not enough free memory to test the passphrase.",
            "Close other programs and try again.",
        ) from error


def _read_key_file(path: Path) -> bytearray:
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


def _key_from_hex(text: str, subject: str, cause: str, remedy: str) -> bytearray:
    try:
        key = bytearray.fromhex(text)
    except ValueError:
        key = bytearray()
    if len(key) != KEY_BYTES:
        raise BadKeySource(subject, cause, remedy)
    return key


def _associated(library: str, kind: str) -> bytes:
    return f"muniment key wrap 1\n{library}\n{kind}".encode()
