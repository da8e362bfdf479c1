"""What an administrator can decide, as data: names, kinds of values, what holds without a policy.

A policy's file is TOML, its registry key on Windows holds one value a setting; both become the
same names and values, which are read strictly: what is unknown or of another type is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import Any

from ingest.errors import IngestError

QUESTION_DETAILS = ("none", "hash", "text")
PROTECTORS = ("passphrase", "keyring", "keyfile", "recovery", "escrow")
LEAST_CHARACTERS = 8  # the program's own, which a policy can only raise
_LONGEST = 1_024
_LONGEST_TEXT = 16_384
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class PolicyError(IngestError):
    """The policy of this computer cannot be read or relied on; nothing goes on without it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that apply. The defaults are those of a computer without a policy."""

    contact: str = ""
    models_allowed: tuple[str, ...] | None = None
    idle_minutes: int | None = None
    least_characters: int = LEAST_CHARACTERS
    protectors_needed: tuple[str, ...] = ()
    escrow_public_key: str = ""
    export_allowed: bool = True
    audit_question: str = "hash"
    audit_names: bool = False
    audit_required: bool = False
    folders_allowed: bool = True
    folders_below: tuple[str, ...] | None = None
    fips: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them: its names in a file and in the registry, and what it does."""

    name: str  # "section.key", as in the file
    field: str  # of `Policy`
    registry: str
    read: Callable[[object], Any]  # raises ValueError with what it should be
    does: str

    @property
    def default(self) -> object:
        """What holds where nothing is said."""
        return next(f.default for f in fields(Policy) if f.name == self.field)


def _yes_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least:,} to {most:,}")
        return value

    return read


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT:
        raise ValueError("a text that is not empty")
    return value.strip()


def _one_of(known: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"one of {', '.join(map(repr, known))}")
        return value

    return read


def _list_of(what: str, good: Callable[[str], bool]) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > _LONGEST:
            raise ValueError(f"a list of {what}")
        for item in value:
            if not isinstance(item, str) or not good(item):
                raise ValueError(f"a list of {what}; {item!r} is none")
        return tuple(value)

    return read


def _is_whole_path(text: str) -> bool:
    path = PurePath(text)
    return path.is_absolute() and ".." not in path.parts


def _key_or_path(value: object) -> str:
    text = _text(value)
    if not text.startswith("-----BEGIN ") and not Path(text).is_absolute():
        raise ValueError("a public key in PEM form, or the whole path of a file that holds one")
    return text


SETTINGS = (
    Setting("contact", "contact", "Contact", _text,
            "Whom people are told to ask when the policy forbids something."),
    Setting("models.allowed", "models_allowed", "ModelsAllowed",
            _list_of("fingerprints of 64 digits 0-9 a-f",
                     lambda text: _FINGERPRINT.fullmatch(text) is not None),
            "Only these models may be used, by fingerprint; an empty list allows none. The "
            "embedding model that comes with the program is always allowed."),
    Setting("lock.idle_minutes", "idle_minutes", "IdleMinutes", _whole(1, 1_440),
            "The window locks the library after at most so many minutes without use."),
    Setting("passphrase.least_characters", "least_characters", "PassphraseLeastCharacters",
            _whole(LEAST_CHARACTERS, 256),
            "A new passphrase needs at least so many characters."),
    Setting("protectors.needed", "protectors_needed", "ProtectorsNeeded",
            _list_of(f"protectors ({', '.join(PROTECTORS)})", PROTECTORS.__contains__),
            "A library has to have all of these protectors."),
    Setting("escrow.public_key", "escrow_public_key", "EscrowPublicKey", _key_or_path,
            "The organisation's public key: who has the private one can open every library that "
            "is made or unlocked while it is set."),
    Setting("export.allowed", "export_allowed", "ExportAllowed", _yes_no,
            "Answers, conversations, tables and pages may be written to files."),
    Setting("audit.question", "audit_question", "AuditQuestion", _one_of(QUESTION_DETAILS),
            "What the audit log keeps of a question: nothing, a keyed hash, or its text."),
    Setting("audit.names", "audit_names", "AuditNames", _yes_no,
            "The audit log keeps the names of documents, collections, folders and files; "
            "without, numbers and keyed hashes."),
    Setting("audit.required", "audit_required", "AuditRequired", _yes_no,
            "What cannot be recorded is refused."),
    Setting("folders.allowed", "folders_allowed", "FoldersAllowed", _yes_no,
            "Collections may follow folders."),
    Setting("folders.below", "folders_below", "FoldersBelow",
            _list_of("whole paths of folders", _is_whole_path),
            "Only these folders, and those in them, may be followed."),
    Setting("fips.required", "fips", "FipsRequired", _yes_no,
            "Only algorithms that FIPS 140-3 approves protect the keys."),
)  # fmt: skip


def flat(table: Mapping[str, object], place: str) -> dict[str, object]:
    """A TOML file's tables as ``section.key``.

    Raises:
        PolicyError: a section that no setting has, or a value where a section stands.
    """
    sections = {s.name.partition(".")[0] for s in SETTINGS if "." in s.name}
    found: dict[str, object] = {}
    for name, value in table.items():
        if name in sections:
            if not isinstance(value, dict):
                raise PolicyError(place, f"“{name}” is no section.", f"Write it as [{name}].")
            found |= {f"{name}.{key}": held for key, held in value.items()}
        else:
            found[name] = value
    return found


def policy_of(values: Mapping[str, object], place: str) -> Policy:
    """The policy that some values make, by the settings' names.

    Raises:
        PolicyError: an unknown name, or a value that the setting does not take.
    """
    known = {setting.name: setting for setting in SETTINGS}
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        setting = known.get(name)
        if setting is None:
            raise PolicyError(
                place,
                f"It has an unknown setting, “{name}”.",
                f"Correct its name or take it out. There are: {', '.join(known)}.",
            )
        try:
            chosen[setting.field] = setting.read(value)
        except ValueError as error:
            raise PolicyError(
                place, f"“{name}” is {_shown(value)}.", f"It takes {error}."
            ) from error
    return Policy(**chosen)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
