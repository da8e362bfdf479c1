"""What opens a library: the kinds of keys as plain values, and where secrets come from.

Opens nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.core.vault_errors import BadKeySource
from app.core.vault_escrow import EscrowPublicKey


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


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """256 random bits, written as `app.core.recovery_code` does; ``text`` as it was typed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EscrowKey:
    """The organisation's private key: a PEM file, and the passphrase of that file if it has one."""

    path: Path
    passphrase: str = field(default="", repr=False)


KeySource = Passphrase | KeyFile | KeyringKey | RecoveryKey | EscrowKey
# What can be added to a library: of the escrow, its public half.
NewKey = Passphrase | KeyFile | KeyringKey | RecoveryKey | EscrowPublicKey

NAMES = {
    "passphrase": "passphrase",
    "keyfile": "key file",
    "keyring": "keyring entry",
    "recovery": "recovery key",
    "escrow": "escrow key",
}


def kind_of(source: KeySource | NewKey) -> str:
    """The name that ``keys.json`` has for this kind."""
    match source:
        case Passphrase():
            return "passphrase"
        case KeyFile():
            return "keyfile"
        case KeyringKey():
            return "keyring"
        case RecoveryKey():
            return "recovery"
        case EscrowKey() | EscrowPublicKey():
            return "escrow"


@dataclass(frozen=True, slots=True)
class NewLibrary:
    """What a new library gets beside the key it is made with.

    ``fips``: in FIPS mode or not; None, as MUNIMENT_FIPS says.
    """

    recovery: RecoveryKey | None = None
    escrow: EscrowPublicKey | None = None
    fips: bool | None = None


def secret_from_environment(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The secret that the variable ``name`` holds, or that can be read from the file descriptor
    whose number ``name_FD`` holds (its first line; it is closed then); None when there is none.

    Raises:
        BadKeySource: the descriptor cannot be read, or is none.
    """
    if words := environment.get(name):
        return words
    number = environment.get(f"{name}_FD")
    if not number:
        return None
    try:
        with os.fdopen(int(number), "rb") as file:
            line = file.readline(4096)
    except (OSError, ValueError) as error:
        raise BadKeySource(
            f"{name}_FD", f"No secret can be read from descriptor {number}.", "Check its number."
        ) from error
    return line.rstrip(b"\r\n").decode("utf-8", "surrogateescape") or None
