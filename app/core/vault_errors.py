"""What can go wrong with a library's keys; the tree is drawn in `app.core.vault`."""

from __future__ import annotations

from ingest.errors import StoreError


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


class KeyringUnusable(VaultError):
    """The operating system offers no keyring, a locked one, or one that stores plain text."""
