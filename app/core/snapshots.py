"""Snapshots of what models have read of a library's documents, so that it need not be read again.

The files are the engine's (``engine/snapshot_folder.py``); here is where they lie, the key they
are encrypted with, how much they may take, and whose they are. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from app.core.process_guard import wipe
from engine.options import SnapshotPlace
from engine.snapshot_folder import SnapshotFolder
from ingest.errors import IngestError, StoreError
from ingest.store import Store

_FOLDER = "snapshots"
_LIMIT = "snapshots_limit_mib"
DEFAULT_LIMIT_MIB = 10 << 10


@dataclass(frozen=True, slots=True)
class SnapshotsState:
    """How much disk the snapshots take, and how much they may take."""

    files: int
    nbytes: int
    limit_mib: int


class LibrarySnapshots:
    """The snapshots of one library.

    Their key comes from the library's (HKDF, RFC 5869) and from a secret of the document's that is
    destroyed with it, so that files that could not be deleted, or not wholly, tell nothing.
    """

    def __init__(self, folder: Path, data_key: bytes | bytearray, store: Store) -> None:
        self._where = folder / _FOLDER
        self._closed = False
        self._key = bytearray(32)
        HKDFExpand(SHA256(), 32, b"muniment snapshots 1").derive_into(data_key, self._key)
        self._store = store

    @property
    def place(self) -> SnapshotPlace:
        """For the engine that reads.

        Raises:
            StoreError: the library was closed, and the key with it.
        """
        if self._closed:  # what was wiped must never encrypt anything
            raise StoreError(str(self._where), "The library was closed.", "Open it again.")
        return SnapshotPlace(str(self._where), bytes(self._key), self._limit_mib() << 20)

    def owner(self, document_id: int) -> str:
        """The name a document's snapshots are kept under, which holds the document's secret.

        Raises:
            StoreError: there is no such document.
        """
        return f"document {document_id} {self._store.document_secret(document_id)}"

    def has(self, document_id: int) -> bool:
        """Whether anything was kept of a document, by whatever model."""
        return SnapshotFolder(self.place).has(self.owner(document_id))

    @property
    def state(self) -> SnapshotsState:
        """What there is now."""
        folder = SnapshotFolder(self.place)
        return SnapshotsState(folder.count, folder.nbytes, self._limit_mib())

    def limit(self, mib: int) -> None:
        """Lets snapshots take so much disk from now on; what is over it is deleted at once.

        Raises:
            IngestError: less than nothing.
        """
        if mib < 0:
            raise IngestError(
                "The limit", f"{mib} MiB is less than nothing.", "Give 0 to keep no snapshots."
            )
        self._store.set_setting(_LIMIT, str(mib))
        SnapshotFolder(self.place).shrink()

    def forget(self, document_ids: Iterable[int]) -> None:
        """Deletes what was read of some documents."""
        folder = SnapshotFolder(self.place)
        for document_id in document_ids:
            folder.forget(self.owner(document_id))
            folder.forget(f"document {document_id}")  # before format 6 of the vault

    def forget_all(self) -> int:
        """Deletes all snapshots; gives how many files there were."""
        return SnapshotFolder(self.place).forget_all()

    def close(self) -> None:
        """Wipes the key; nothing can be kept or restored any more."""
        self._closed = True
        wipe(self._key)

    def _limit_mib(self) -> int:
        kept = self._store.setting(_LIMIT)
        return DEFAULT_LIMIT_MIB if kept is None else int(kept)
