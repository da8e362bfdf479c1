"""Secrets on their way into a command: from the environment, a file descriptor or a prompt.

Never from an argument, which every program on the machine can read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from app.cli.output import stderr
from app.core import recovery_code, vault, vault_escrow
from app.core.vault_errors import in_words
from ingest.errors import IngestError

NEW_PASSPHRASE_VARIABLE = "MUNIMENT_NEW_PASSPHRASE"
ESCROW_VARIABLE = "MUNIMENT_ESCROW_PASSPHRASE"

Opened = TypeVar("Opened")


def key_for(folder: Path) -> vault.KeySource:
    """What opens a library that is there: what the environment names, its keyring, or a prompt."""
    named = vault.key_source_from_environment(folder)
    if named is not None:
        return named
    kinds = vault.protectors(folder) if vault.has_keys(folder) else []
    if "keyring" in kinds:
        return vault.KeyringKey()
    if kinds and "passphrase" not in kinds:
        return _other_key(folder, kinds)
    typed = ask(folder, "Passphrase", vault.PASSPHRASE_VARIABLE)
    if "recovery" in kinds and recovery_code.looks_like_one(typed):
        return vault.RecoveryKey(typed)
    return vault.Passphrase(typed)


def _other_key(folder: Path, kinds: list[str]) -> vault.KeySource:
    if "recovery" in kinds and sys.stdin.isatty():
        return recovery_key(folder)
    raise IngestError(
        str(folder),
        "No key was given.",
        "Set MUNIMENT_KEY_FILE to the library's key file"
        + (", or MUNIMENT_RECOVERY_KEY." if "recovery" in kinds else "."),
    )


def recovery_key(folder: Path) -> vault.RecoveryKey:
    """The recovery key, typed where it can be seen: it is long and copied from paper."""
    given = vault.secret_from_environment(vault.RECOVERY_VARIABLE)
    if given is None:
        given = ask(folder, "Recovery key", vault.RECOVERY_VARIABLE, hide=False)
    return vault.RecoveryKey(given)


def new_passphrase(folder: Path, variable: str = NEW_PASSPHRASE_VARIABLE) -> vault.Passphrase:
    """A passphrase that is to be set, from the environment or asked for twice."""
    given = vault.secret_from_environment(variable)
    if given is None:
        question = f"New passphrase (at least {vault.LEAST_CHARACTERS} characters)"
        given = ask(folder, question, variable, twice=True)
    passphrase = vault.Passphrase(given)
    vault.check_new(passphrase, str(folder))
    return passphrase


def escrow_key(path: Path) -> vault.EscrowKey:
    """The escrow's private key; the passphrase of its file is asked for where it has one."""
    given = vault.secret_from_environment(ESCROW_VARIABLE)
    if given is None and vault_escrow.is_encrypted(path):
        given = ask(path, "Passphrase of the escrow key's file", ESCROW_VARIABLE)
    return vault.EscrowKey(path, given or "")


def ask(
    subject: Path, question: str, variable: str, *, hide: bool = True, twice: bool = False
) -> str:
    """Asks at the terminal.

    Raises:
        IngestError: there is none.
    """
    if not sys.stdin.isatty():
        what = question.partition(" (")[0]
        if variable == vault.PASSPHRASE_VARIABLE:
            what = "passphrase"
        raise IngestError(
            str(subject),
            f"No {what[0].lower()}{what[1:]} was given.",
            f"Set {_variables(variable)}, or run it in a terminal.",
        )
    return str(typer.prompt(question, hide_input=hide, confirmation_prompt=twice, err=True))


def _variables(variable: str) -> str:
    if variable == vault.PASSPHRASE_VARIABLE:
        return f"{variable} or {vault.KEY_FILE_VARIABLE}"
    return f"{variable} or {variable}_FD"


def patiently(source: vault.KeySource, open_: Callable[[vault.KeySource], Opened]) -> Opened:
    """What ``open_`` gives; waits, and says so, where wrong passphrases were tried before."""
    while True:
        try:
            return open_(source)
        except vault.TooSoon as error:
            waiting = f"{error.cause} The next try is in {in_words(error.seconds)}."
            stderr.print(waiting, soft_wrap=True)
            time.sleep(error.seconds)


def instead_of_keyring(folder: Path, error: vault.KeyringUnusable) -> vault.Passphrase:
    """A passphrase, where the keyring cannot be used and the library has one.

    Raises:
        KeyringUnusable: it has none, or nobody can be asked.
    """
    if "passphrase" not in vault.protectors(folder) or not sys.stdin.isatty():
        raise error
    stderr.print(f"{error.subject}: {error.cause}")
    return vault.Passphrase(ask(folder, "Passphrase", vault.PASSPHRASE_VARIABLE))


def offers_recovery_key() -> bool:
    """Whether the person at the terminal wants one for a new library; no, when there is none."""
    if not sys.stdin.isatty():
        return False
    question = "Make a recovery key, which opens the library when the passphrase is lost?"
    return bool(typer.confirm(question, default=True, err=True))


def show_recovery_key(key: vault.RecoveryKey) -> None:
    """Shows it at the terminal, this once."""
    stderr.print(recovery_text(key), soft_wrap=True)


def recovery_text(key: vault.RecoveryKey) -> str:
    """The key in three lines, with what to do with it."""
    groups = key.text.split("-")
    lines = ["-".join(groups[at : at + 4]) for at in range(0, len(groups), 4)]
    return (
        "The recovery key, which is shown only now:\n\n    "
        + "\n    ".join(lines)
        + "\n\nWrite it on paper and keep it away from this computer. Whoever has it and the "
        "library's files\ncan read everything. To use it: muniment keys recover"
    )
