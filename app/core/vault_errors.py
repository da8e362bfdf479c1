"""What can go wrong with a library's keys; the tree is drawn in `app.core.vault`."""

from __future__ import annotations

import math

from ingest.errors import StoreError


def in_words(seconds: float) -> str:
    """Seconds to wait, rounded up: "1 second", "30 seconds"."""
    whole = max(1, math.ceil(seconds))
    return f"{whole} second" + ("s" if whole > 1 else "")


class VaultError(StoreError):
    """The library's keys cannot be used."""


class KeysMissing(VaultError):
    """There is no ``keys.json``, or no protector of the kind asked for."""


class KeysDamaged(VaultError):
    """``keys.json`` is not what this program wrote."""


class KeysExist(VaultError):
    """The folder holds keys already; writing over them would lose the library."""


class BadKeySource(VaultError):
    """A new passphrase that is too short, or a key file that holds no key."""


class EscrowPassphraseNeeded(BadKeySource):
    """The escrow's private key is encrypted, and its passphrase is missing or wrong."""


class KeyringUnusable(VaultError):
    """The operating system offers no keyring, a locked one, or one that stores plain text."""


class TooSoon(VaultError):
    """Wrong passphrases were tried; the next may be in ``seconds``."""

    def __init__(self, subject: str, failed: int, seconds: float) -> None:
        self.failed, self.seconds = failed, seconds
        super().__init__(
            subject,
            f"{failed} wrong passphrases were tried one after the other.",
            f"Wait {in_words(seconds)} and try again.",
        )


class NotInFipsMode(VaultError):
    """FIPS mode is demanded here, and the library was not made in it."""


class LastProtector(VaultError):
    """Without this protector nothing would open the library."""
