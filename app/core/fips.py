"""FIPS mode: only algorithms that FIPS 140 allows, and what may be said about it.

A library made in this mode wraps its key with PBKDF2-HMAC-SHA256 instead of Argon2id, and its
vault is encrypted with AES-256-CBC and HMAC-SHA512 for each page (the cipher called ``sqlcipher``)
instead of ChaCha20-Poly1305. That is a choice of algorithms. A validation is of modules: keys are
wrapped, and snapshots encrypted, by ``cryptography`` with the OpenSSL it was built on, which may be
in FIPS mode or not; the vault's AES is SQLite3 Multiple Ciphers' own code, which nobody has
validated. `statement` says no more than that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.bindings._rust import openssl

from app.core import policy

FIPS_VARIABLE = "MUNIMENT_FIPS"
_YES = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class FipsState:
    """Whether the environment demands the mode, and what OpenSSL says of itself."""

    demanded: bool
    openssl: str
    openssl_in_fips_mode: bool


def state(environment: Mapping[str, str] = os.environ) -> FipsState:
    """What is in effect on this machine."""
    return FipsState(
        demanded(environment), openssl.openssl_version_text(), bool(openssl.is_fips_enabled())
    )


def demanded(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether MUNIMENT_FIPS or the policy ask for it: no library that is not in it opens then.

    Raises:
        PolicyError: the policy cannot be read.
    """
    return policy.current().fips or environment.get(FIPS_VARIABLE, "").strip().lower() in _YES


def statement(library: bool, known: FipsState) -> str:
    """What may be claimed of a library that is, or is not, in FIPS mode."""
    if not library:
        return "not in FIPS mode"
    if known.openssl_in_fips_mode:
        wraps = f"its keys are wrapped by {known.openssl} in FIPS mode"
    else:
        wraps = f"{known.openssl} is not in FIPS mode here, so nothing is validated"
    return (
        f"FIPS algorithms only (PBKDF2, AES-256, HMAC-SHA2); {wraps}; "
        "the vault's own AES is no validated module"
    )
