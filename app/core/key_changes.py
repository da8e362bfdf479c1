"""Changes to what opens a library: recorded in its audit log, and what the policy asks for.

The entry is stored in the same transaction as the change is made in, so that a change that fails
leaves none. Of the vault only the log's pages are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core import policy, vault
from app.core.audit import Audit, unlock_failed
from app.core.process_guard import wipe
from ingest.errors import WrongKey
from ingest.library_lock import held
from ingest.store import Store


class KeyChanges:
    """The protectors of one library that was unlocked."""

    def __init__(self, folder: Path, data_key: bytearray, store: Store, audit: Audit) -> None:
        self.folder = folder
        self._data_key = data_key
        self._store = store
        self._audit = audit

    def add(self, new: vault.NewKey) -> bool:
        """Lets it open the library too; returns whether it took the place of one of its kind.

        Raises:
            StoreError, PolicyForbids: see `vault.add_protector`.
        """
        kind = vault.kind_of(new)
        replaced = kind in vault.protectors(self.folder)
        with self._store.together():
            self._audit.keys_changed("replaced" if replaced else "added", kind)
            vault.add_protector(self.folder, self._data_key, new)
        return replaced

    def remove(self, kind: str) -> None:
        """It opens the library no longer.

        Raises:
            StoreError, PolicyForbids: see `vault.remove_protector`.
        """
        with self._store.together():
            self._audit.keys_changed("removed", kind)
            vault.remove_protector(self.folder, self._data_key, kind)


@contextmanager
def changing(folder: Path, source: vault.KeySource) -> Iterator[KeyChanges]:
    """The library, unlocked for a change of its protectors and locked again after it.

    Raises:
        StoreError: it does not open, or another program holds it.
        PolicyError, PolicyForbids: as `Workspace.open`.
    """
    policy.current()
    with held(folder):
        pass  # says so before a key is tried
    data_key = unlocked_key(folder, source)
    try:
        store = Store(folder, data_key, cipher=vault.vault_cipher(folder))
        try:
            audit = Audit(folder, data_key, store)
            audit.unlocked(vault.kind_of(source), created=False)
            yield KeyChanges(folder, data_key, store, audit)
            audit.locked()
        finally:
            store.close()
    finally:
        wipe(data_key)


def unlocked_key(folder: Path, source: vault.KeySource) -> bytearray:
    """The library's data key; an attempt that fails is noted for the audit log.

    Raises:
        StoreError: see `vault.open_keys`.
    """
    try:
        return vault.open_keys(folder, source)
    except (WrongKey, vault.BadKeySource, vault.KeysMissing) as error:
        if vault.has_keys(folder):
            unlock_failed(folder, vault.kind_of(source), error)
        raise


def meet_policy(folder: Path, data_key: bytearray, audit: Audit, store: Store) -> None:
    """Wraps the library's key for the organisation's escrow where the policy asks for that.

    Raises:
        PolicyForbids: the library lacks another protector that the policy asks for.
        StoreError: it cannot be written.
    """
    escrow = vault.policy_escrow()
    if escrow is not None:
        there = next((p for p in vault.describe(folder).protectors if p.kind == "escrow"), None)
        if there is None or there.escrow != escrow.fingerprint:
            KeyChanges(folder, data_key, store, audit).add(escrow)
    vault.check_policy(folder, vault.protectors(folder))
