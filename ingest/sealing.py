"""Content keys: what tells something of a document is sealed with them before the vault takes it.

The vault's pages are encrypted as a whole, with a key that opens all of them for as long as the
library lives. Beneath that, each collection has a random 256-bit key, wrapped under a key that is
derived from the library's, and each document and each kept answer a random key of its own, wrapped
under its collection's. A row that is destroyed takes its key along, and with it everything that it
had sealed, wherever a copy may be left: on a page of the vault that was not cleaned, in a log, on
a spare block of a disk.

AES-256-GCM (NIST SP 800-38D) with random nonces; HKDF (RFC 5869) for keys of several uses. What
is authenticated beside the content is the place it was sealed for. Knows rows, nothing of their
meaning.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from typing import Any

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ingest.errors import StoreError

_KEY_BYTES, _NONCE_BYTES = 32, 12
# So many documents' keys are kept unwrapped: a list of all of them is then read without waiting.
_MOST_KEPT = 20_000

Place = str | int


class Seal:
    """One key: seals bytes for a place, and opens them there only."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, content: bytes | memoryview, *place: Place) -> bytes:
        """Nonce and sealed content: 28 bytes more than ``content``."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, _place(place))

    def open(self, sealed: bytes, *place: Place) -> bytes:
        """The inverse of `seal`.

        Raises:
            StoreError: it is not what was sealed for this place.
        """
        view = memoryview(sealed)
        try:
            return self._cipher.decrypt(view[:_NONCE_BYTES], view[_NONCE_BYTES:], _place(place))
        except (InvalidTag, ValueError):
            raise _damaged(place) from None

    def seal_text(self, text: str, *place: Place) -> bytes:
        """As `seal`, of UTF-8."""
        return self.seal(text.encode(), *place)

    def open_text(self, sealed: bytes, *place: Place) -> str:
        """The inverse of `seal_text`."""
        return self.open(sealed, *place).decode()


class OwnSeal(Seal):
    """A document's or an answer's: 32 bytes that seal, and as many for what lies elsewhere."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key[:_KEY_BYTES])
        self.secret = key[_KEY_BYTES:].hex()


class CollectionSeal(Seal):
    """A collection's: seals what belongs to it as a whole, and opens its documents' keys."""

    def __init__(self, key: bytes) -> None:
        super().__init__(_derived(key, "content"))
        self._tags = _derived(key, "tags")
        self._wraps = Seal(_derived(key, "keys"))
        self._opened: dict[bytes, OwnSeal] = {}

    def tag(self, kind: str, text: str) -> str:
        """Stands for a text where equal ones have to be found; tells nothing without the key."""
        return hmac.digest(self._tags, f"{kind}\n{text}".encode(), "sha256").hex()

    def new(self, kind: str, number: int) -> tuple[OwnSeal, bytes]:
        """A new key of a document or an answer, and as it is stored."""
        key = os.urandom(2 * _KEY_BYTES)
        return OwnSeal(key), self._wraps.seal(key, kind, number)

    def own(self, kind: str, number: int, wrapped: bytes) -> OwnSeal:
        """A document's or an answer's key, as it was stored."""
        found = self._opened.get(wrapped)
        if found is None:
            found = OwnSeal(self._wraps.open(wrapped, kind, number))
            if len(self._opened) >= _MOST_KEPT:
                self._opened.clear()
            self._opened[wrapped] = found
        return found


class ContentKeys:
    """All content keys of one library.

    Asked with the connection of a transaction, it answers as of that transaction: keys that are
    unwrapped already are known by their wrapped form, not by a number that may be given anew.
    """

    def __init__(self, data_key: bytes | bytearray) -> None:
        self._wraps = Seal(_derived(data_key, "collection keys"))
        self._opened: dict[bytes, CollectionSeal] = {}

    def forget(self) -> None:
        """Lets go of all keys that were unwrapped."""
        self._opened.clear()

    def collection(self, connection: apsw.Connection, collection_id: int) -> CollectionSeal:
        """The key of a collection.

        Raises:
            StoreError: there is none.
        """
        rows: list[Any] = connection.execute(
            "SELECT wrapped FROM collection_key WHERE collection_id = ?", (collection_id,)
        ).fetchall()
        if not rows:
            raise StoreError(
                f"collection {collection_id}",
                "It was removed meanwhile.",
                "Choose a collection that is there.",
            )
        return self.unwrapped(collection_id, rows[0][0])

    def unwrapped(self, collection_id: int, wrapped: bytes) -> CollectionSeal:
        """A collection's key as it was stored."""
        found = self._opened.get(wrapped)
        if found is None:
            found = CollectionSeal(self._wraps.open(wrapped, "collection", collection_id))
            self._opened[wrapped] = found
        return found

    def document(self, connection: apsw.Connection, document_id: int) -> OwnSeal:
        """The key of a document.

        Raises:
            StoreError: there is none.
        """
        rows: list[Any] = connection.execute(
            "SELECT d.collection_id, k.wrapped FROM document d "
            "JOIN document_key k ON k.document_id = d.id WHERE d.id = ?",
            (document_id,),
        ).fetchall()
        if not rows:
            raise StoreError(
                f"document {document_id}", "It is not in the library.", "List the documents."
            )
        collection_id, wrapped = rows[0]
        return self.collection(connection, collection_id).own("document", document_id, wrapped)

    def new_collection(self, connection: apsw.Connection, collection_id: int) -> CollectionSeal:
        """Gives a collection its key."""
        key = os.urandom(_KEY_BYTES)
        wrapped = self._wraps.seal(key, "collection", collection_id)
        connection.execute("INSERT INTO collection_key VALUES (?, ?)", (collection_id, wrapped))
        return self.unwrapped(collection_id, wrapped)

    def new_document(
        self, connection: apsw.Connection, collection_id: int, document_id: int
    ) -> OwnSeal:
        """Gives a document its key."""
        made, wrapped = self.collection(connection, collection_id).new("document", document_id)
        connection.execute("INSERT INTO document_key VALUES (?, ?)", (document_id, wrapped))
        return made

    def new_exchange(
        self, connection: apsw.Connection, collection_id: int, exchange_id: int
    ) -> OwnSeal:
        """Gives a kept answer its key."""
        made, wrapped = self.collection(connection, collection_id).new("exchange", exchange_id)
        connection.execute("INSERT INTO exchange_key VALUES (?, ?)", (exchange_id, wrapped))
        return made


KEY_TABLES = ("collection_key", "document_key", "exchange_key")


def rewrite_keys(connection: apsw.Connection) -> None:
    """Writes the keys that are left onto fresh pages; those they lay on are zeroed.

    Deleting a row zeroes it, but SQLite may have copied it before, when its page was split. A
    table emptied at once gives back all of its pages, which ``secure_delete`` zeroes.
    """
    for table in KEY_TABLES:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
        connection.execute(f"DELETE FROM {table}")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)


def _derived(key: bytes | bytearray, use: str) -> bytes:
    return HKDFExpand(SHA256(), _KEY_BYTES, f"muniment content 1\n{use}".encode()).derive(key)


def _place(parts: Iterable[Place]) -> bytes:
    return "\x1f".join(map(str, parts)).encode()


def _damaged(place: Iterable[Place]) -> StoreError:
    return StoreError(
        " ".join(map(str, place)),
        "What the vault holds there is not what was written.",
        "Restore the library from a backup.",
    )
