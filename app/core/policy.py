"""The policy of this computer: what its administrator allows, and the checks that the core makes.

It is read anew for every check, so that a change holds at once, and it is the administrator's
alone: see `app.core.policy_place`. A policy that cannot be read or relied on is an error, and the
program does nothing without it. It binds this program; it cannot keep a person who knows a
library's key from reading that library with another one.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from dataclasses import asdict
from pathlib import Path

from app.core import policy_place
from app.core.policy_settings import LEAST_CHARACTERS, SETTINGS, Policy, PolicyError, policy_of
from ingest.errors import IngestError

__all__ = [
    "Policy",
    "PolicyError",
    "PolicyForbids",
    "changed_settings",
    "check_export",
    "check_folder",
    "check_model",
    "current",
    "escrow_key",
    "explained",
    "forbidden_actions",
    "idle_minutes",
    "passphrase_problem",
    "protectors_problem",
    "sources",
]


class PolicyForbids(IngestError):
    """The policy of this computer does not allow it."""


def current() -> Policy:
    """The policy that applies now.

    Raises:
        PolicyError: it cannot be read or relied on; the error says why.
    """
    values = policy_place.read_values()
    return Policy() if values is None else policy_of(values, policy_place.place())


def sources() -> dict[str, str]:
    """Where each setting's value comes from: "default", or the policy's place.

    Raises:
        PolicyError: see `current`.
    """
    values = policy_place.read_values() or {}
    return {s.name: policy_place.place() if s.name in values else "default" for s in SETTINGS}


def explained(policy: Policy, origin: dict[str, str]) -> list[dict[str, object]]:
    """Every setting with its ``value``, its ``source`` and what it ``does``."""
    return [
        {
            "setting": setting.name,
            "value": getattr(policy, setting.field),
            "default": setting.default,
            "source": origin[setting.name],
            "does": setting.does,
        }
        for setting in SETTINGS
    ]


def changed_settings(policy: Policy) -> dict[str, object]:
    """The settings that are not the defaults, by name; for the audit log, so no long values."""
    values = asdict(policy)
    found = {s.name: values[s.field] for s in SETTINGS if values[s.field] != s.default}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items()
    }


# What may be done


def check_export() -> None:
    """Raises `PolicyForbids` when nothing may be written to files that others can read."""
    policy = current()
    if not policy.export_allowed:
        raise _forbids(policy, "export", "It does not allow exporting.")


def check_model(path: Path) -> None:
    """Says whether a model may be used.

    Raises:
        PolicyForbids: its fingerprint is not on the policy's list.
        EngineError: it cannot be told which model it is.
    """
    policy = current()
    if policy.models_allowed is None:
        return
    if not policy.models_allowed:
        raise _forbids(policy, str(path), "It does not allow models.")
    from engine.fingerprint import fingerprint  # brings NumPy, which the window can do without

    mark = fingerprint(path)
    if mark not in policy.models_allowed:
        raise _forbids(
            policy, str(path), f"It does not list this model, whose fingerprint is {mark}."
        )


def check_folder(folder: Path) -> None:
    """Says whether a folder may be followed.

    Raises:
        PolicyForbids: no folder may be, or not this one.
    """
    policy = current()
    if not policy.folders_allowed:
        raise _forbids(policy, str(folder), "It does not allow following folders.")
    if policy.folders_below is None:
        return
    real = Path(os.path.realpath(folder))
    if not any(real.is_relative_to(os.path.realpath(below)) for below in policy.folders_below):
        raise _forbids(
            policy,
            str(folder),
            f"It allows following these folders only: {', '.join(policy.folders_below) or 'none'}.",
        )


def passphrase_problem(text: str) -> str | None:
    """What a new passphrase lacks by the policy, in a sentence; None when it may be used.

    Raises:
        PolicyError: see `current`.
    """
    least = current().least_characters
    length = len(unicodedata.normalize("NFC", text))
    if least <= LEAST_CHARACTERS or length >= least:
        return None  # the program's own rule holds without a policy too
    return (
        f"The policy of this computer asks for at least {least} characters in a new passphrase; "
        f"this one has {length}."
    )


def protectors_problem(kinds: list[str]) -> str | None:
    """Which protectors a library with these kinds lacks by the policy; None when it has all.

    Raises:
        PolicyError: see `current`.
    """
    missing = [kind for kind in current().protectors_needed if kind not in kinds]
    if not missing:
        return None
    return (
        "The policy of this computer asks for protectors that the library lacks: "
        f"{', '.join(missing)}."
    )


def escrow_key(found: Policy | None = None) -> bytes | None:
    """The organisation's public key as PEM, to which every library's key is to be wrapped.

    By the policy in force, or by one that was ``found`` elsewhere.

    Raises:
        PolicyError: see `current`; or its file is missing, or not the administrator's alone.
    """
    text = (found or current()).escrow_public_key
    if not text:
        return None
    if text.startswith("-----BEGIN "):
        return text.encode()
    if sys.platform == "win32":
        raise PolicyError(
            text,
            "The policy of this computer names a file for the escrow key; Windows takes none.",
            "Ask the administrator to write the key itself there, in PEM form.",
        )
    data = policy_place.read_trusted(Path(text))
    if data is None:
        raise PolicyError(
            text,
            "The policy of this computer names this file for the escrow key, and it is missing.",
            "Ask the administrator to put it there, or to take it out of the policy.",
        )
    return data


def forbidden_actions() -> dict[str, str]:
    """What may not be done at all, of "export", "follow" and "model", each with the reason.

    Raises:
        PolicyError: see `current`.
    """
    policy = current()
    causes = {
        "export": "" if policy.export_allowed else "It does not allow exporting.",
        "follow": "" if policy.folders_allowed else "It does not allow following folders.",
        "model": "It does not allow models." if policy.models_allowed == () else "",
    }
    return {
        name: f"The policy of this computer forbids it. {cause} {ask_whom(policy)}"
        for name, cause in causes.items()
        if cause
    }


def idle_minutes(chosen: int) -> int:
    """After how many minutes without use the window locks, when a person chose ``chosen``; 0 is
    never.

    Raises:
        PolicyError: see `current`.
    """
    most = current().idle_minutes
    if most is None:
        return chosen
    return min(chosen or most, most)


def ask_whom(policy: Policy) -> str:
    """Whom to ask about the policy, as a sentence."""
    return f"Ask {policy.contact or 'the administrator of this computer'}."


def _forbids(policy: Policy, subject: str, cause: str) -> PolicyForbids:
    return PolicyForbids(
        subject,
        f"The policy of this computer forbids it. {cause}",
        f"{ask_whom(policy)} `muniment policy explain` shows what applies.",
    )
