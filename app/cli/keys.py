"""Commands for what opens a library: its passphrase, key file, keyring, recovery and escrow key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import Json
from app.cli.output import print_json
from app.cli.plain import say
from app.cli.program import State, app
from app.cli.secrets import (
    escrow_key,
    instead_of_keyring,
    key_for,
    new_passphrase,
    patiently,
    recovery_key,
    recovery_text,
)
from app.core import fips, vault
from app.core.locations import check_is_library, check_library_folder, check_new_library
from app.core.vault_file import Protector, how_wrapped

if TYPE_CHECKING:  # loaded when first needed: it brings the database
    from app.core.key_changes import KeyChanges

keys = typer.Typer(help="What opens the library. Secrets are asked for, never arguments.")
app.add_typer(keys, name="keys")


class Kind(StrEnum):
    """The kinds of protectors, as they are typed."""

    passphrase = "passphrase"
    keyring = "keyring"
    keyfile = "keyfile"
    recovery = "recovery"
    escrow = "escrow"


@keys.command("list")
def list_(json_: Json = False) -> None:
    """List what opens the library, what it is encrypted with, and whether FIPS mode is in effect.

    Needs no key: nothing of this is secret.
    """
    folder = _library()
    info, known = vault.describe(folder), fips.state()
    claim = fips.statement(info.fips, known)
    if json_:
        print_json(
            {
                "library": str(folder),
                "protectors": [_fields(protector) for protector in info.protectors],
                "unknown": list(info.unknown),
                "vault_cipher": info.cipher,
                "fips": {
                    "library": info.fips,
                    "openssl_in_fips_mode": known.openssl_in_fips_mode,
                    "openssl": known.openssl,
                    "statement": claim,
                },
            }
        )
        return
    for protector in info.protectors:
        made = f", made {protector.made}" if protector.made else ""
        say(f"{vault.NAMES[protector.kind]}{made}: {how_wrapped(protector)}")
    for kind in info.unknown:
        say(f"{kind}: of a newer version of Muniment; it is kept")
    say(f"vault: {_CIPHERS[info.cipher]}")
    say(f"FIPS: {claim}")


@keys.command()
def create(
    recovery: Annotated[
        bool, typer.Option("--recovery/--no-recovery", help="Make a recovery key and show it.")
    ] = True,
    escrow: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Let the owner of this public key open the library too."),
    ] = None,
    fips_mode: Annotated[
        bool, typer.Option("--fips", help="Only with algorithms that FIPS 140 allows.")
    ] = False,
    json_: Json = False,
) -> None:
    """Make an empty library; `muniment add` makes one too, with fewer choices.

    It is protected by a key file if MUNIMENT_KEY_FILE names one, otherwise by a passphrase.
    """
    folder = State.library
    check_library_folder(folder)
    vault.check_no_keys(folder)
    check_new_library(folder)
    public = vault.EscrowPublicKey.read(escrow) if escrow else None
    key = vault.key_source_from_environment(folder)
    if key is None:
        key = new_passphrase(folder, vault.PASSPHRASE_VARIABLE)
    shown = vault.new_recovery_key() if recovery else None
    new = vault.NewLibrary(shown, public, True if fips_mode else None)
    from app.core.workspace import Workspace

    Workspace.open(folder, key, create=new).close()
    _done(f"The library was made in {folder}.", {"created": str(folder)}, shown, json_)


@keys.command()
def add(
    kind: Annotated[Kind, typer.Argument(help="passphrase, keyring, keyfile, recovery or escrow")],
    file: Annotated[
        Path | None,
        typer.Argument(help="The key file, made if missing; or the escrow's public key."),
    ] = None,
    json_: Json = False,
) -> None:
    """Let something else open the library too; it takes the place of one of its own kind.

    A new passphrase is asked for, or taken from MUNIMENT_NEW_PASSPHRASE. A recovery key is shown
    once.
    """
    if (file is None) == (kind in (Kind.keyfile, Kind.escrow)):
        raise typer.BadParameter(
            f"Name the file: muniment keys add {kind} FILE" if file is None else "It takes no file."
        )
    shown: vault.RecoveryKey | None = None
    new: vault.NewKey
    with _opened() as changes:
        match kind, file:
            case Kind.keyfile, Path():
                new = vault.KeyFile(file)
            case Kind.escrow, Path():
                new = vault.EscrowPublicKey.read(file)
            case Kind.keyring, _:
                new = vault.KeyringKey()
            case Kind.recovery, _:
                new = shown = vault.new_recovery_key()
            case _:
                new = new_passphrase(changes.folder)
        replaced = changes.add(new)
    name = vault.NAMES[kind]
    said = f"A new {name} opens the library" + (
        "; the one before does no longer." if replaced else " too."
    )
    _done(said, {"added": str(kind), "replaced": replaced}, shown, json_)


@keys.command("change-passphrase")
def change_passphrase(json_: Json = False) -> None:
    """Set another passphrase. The old one opens the library no longer; no document is rewritten.

    The new one is asked for, or taken from MUNIMENT_NEW_PASSPHRASE.
    """
    if "passphrase" not in vault.protectors(_library()):
        raise vault.KeysMissing(
            str(State.library),
            "The library has no passphrase.",
            "Give it one: muniment keys add passphrase",
        )
    with _opened() as changes:
        changes.add(new_passphrase(changes.folder))
    said = "The new passphrase opens the library; the old one does no longer. " + _COPIES
    _done(said, {"changed": "passphrase"}, None, json_)


@keys.command()
def remove(
    kind: Annotated[Kind, typer.Argument(help="passphrase, keyring, keyfile, recovery or escrow")],
    json_: Json = False,
) -> None:
    """Let something open the library no longer; the last one cannot be removed.

    A key file itself is left where it is.
    """
    with _opened() as changes:
        changes.remove(kind)
    said = f"The {vault.NAMES[kind]} opens the library no longer. {_COPIES}"
    _done(said, {"removed": str(kind)}, None, json_)


@keys.command()
def recover(
    escrow: Annotated[
        Path | None,
        typer.Option("--escrow-key", metavar="FILE", help="The organisation's private key."),
    ] = None,
    json_: Json = False,
) -> None:
    """Open the library with its recovery key, or the organisation's, and set a new passphrase.

    The recovery key is asked for, or taken from MUNIMENT_RECOVERY_KEY; the passphrase of the
    escrow key's file from MUNIMENT_ESCROW_PASSPHRASE.
    """
    folder = _library()
    source = escrow_key(escrow) if escrow else recovery_key(folder)
    with _opened(source) as changes:
        changes.add(new_passphrase(folder))
    used = "escrow" if escrow else "recovery"
    said = f"The new passphrase opens the library. The {vault.NAMES[used]} still does, too."
    _done(said, {"recovered_with": used}, None, json_)


_COPIES = "Copies of keys.json made before, such as backups, still open with it."
_CIPHERS = {
    "chacha20": "ChaCha20-Poly1305, each page",
    "sqlcipher": "AES-256-CBC with HMAC-SHA512, each page",
}


def _library() -> Path:
    check_library_folder(State.library)
    check_is_library(State.library)
    vault.protectors(State.library)  # says so when there is none
    return State.library


@contextmanager
def _opened(source: vault.KeySource | None = None) -> Iterator[KeyChanges]:
    """The library, held and unlocked for a change; waits where wrong passphrases were tried."""
    from app.core.key_changes import changing

    folder = _library()
    with ExitStack() as stack:

        def open_(key: vault.KeySource) -> KeyChanges:
            return stack.enter_context(changing(folder, key))

        try:
            changes = patiently(source or key_for(folder), open_)
        except vault.KeyringUnusable as error:
            changes = patiently(instead_of_keyring(folder, error), open_)
        yield changes


def _done(said: str, fields: dict[str, Any], shown: vault.RecoveryKey | None, json_: bool) -> None:
    if json_:
        print_json(fields | ({"recovery_key": shown.text} if shown else {}))
        return
    say(said)
    if shown is not None:
        say(recovery_text(shown))


def _fields(protector: Protector) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": protector.kind, "made": protector.made or None}
    match protector.cost:
        case vault.Argon2Cost(passes, memory_kib, lanes):
            fields |= {"kdf": "argon2id", "passes": passes}
            fields |= {"memory_kib": memory_kib, "lanes": lanes}
        case vault.Pbkdf2Cost(passes):
            fields |= {"kdf": "pbkdf2-hmac-sha256", "passes": passes}
    if protector.escrow:
        fields["public_key"] = protector.escrow
    return fields
