"""Kept conversations: titles, and exchanges as bytes whose meaning the store does not know.

The part of `ingest.store.Store` that remembers what was asked. What it does know is which
documents' words an exchange holds: when one of them is removed, the exchange loses its body and
its words for good (by a trigger, see `ingest.schema`); its place and time remain. The title stays:
it is the person's own words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from ingest.database import Database
from ingest.errors import StoreError
from ingest.records import NewExchange, StoredConversation, StoredExchange
from ingest.sealing import CollectionSeal, ContentKeys
from ingest.store_writing import note_removal, put_content, put_title

_CONVERSATION = (
    "SELECT c.id, c.collection_id, c.title, c.created, c.changed, count(e.id) FROM conversation c "
    "LEFT JOIN exchange e ON e.conversation_id = c.id"
)
_EXCHANGE = (
    "SELECT e.id, e.conversation_id, e.ordinal, e.made, e.body, c.collection_id, k.wrapped "
    "FROM exchange e JOIN conversation c ON c.id = e.conversation_id "
    "LEFT JOIN exchange_key k ON k.exchange_id = e.id"
)


class ConversationStore:
    """Reads and writes by conversation and exchange."""

    _database: Database
    _keys: ContentKeys

    def conversations(self, collection_id: int) -> list[StoredConversation]:
        """A collection's conversations, the one that went on last first."""
        rows = self._rows(
            f"{_CONVERSATION} WHERE c.collection_id = ? GROUP BY c.id "
            "ORDER BY c.changed DESC, c.id DESC",
            (collection_id,),
        )
        return self._opened(rows)

    def conversation(self, conversation_id: int) -> StoredConversation:
        """One conversation.

        Raises:
            StoreError: there is none of that number.
        """
        rows = self._rows(f"{_CONVERSATION} WHERE c.id = ? GROUP BY c.id", (conversation_id,))
        if not rows:
            raise _no_conversation(conversation_id)
        return self._opened(rows)[0]

    def exchanges(self, conversation_id: int) -> list[StoredExchange]:
        """A conversation's exchanges in order.

        Raises:
            StoreError: there is no conversation of that number.
        """
        self.conversation(conversation_id)
        rows = self._rows(
            f"{_EXCHANGE} WHERE e.conversation_id = ? ORDER BY e.ordinal", (conversation_id,)
        )
        return self._exchanges(rows)

    def exchange(self, exchange_id: int) -> StoredExchange:
        """One exchange.

        Raises:
            StoreError: there is none of that number.
        """
        rows = self._rows(f"{_EXCHANGE} WHERE e.id = ?", (exchange_id,))
        if not rows:
            raise StoreError(
                f"answer {exchange_id}", "It is not in the library.", "See: muniment conversations"
            )
        return self._exchanges(rows)[0]

    def exchange_words(self, collection_id: int) -> list[tuple[int, int, str]]:
        """Conversation, exchange and words of all of a collection's exchanges, in order.

        Those without their body are left out.
        """
        rows = self._rows(
            "SELECT e.conversation_id, e.id, e.words, k.wrapped FROM exchange e "
            "JOIN conversation c ON c.id = e.conversation_id "
            "JOIN exchange_key k ON k.exchange_id = e.id "
            "WHERE c.collection_id = ? AND e.body IS NOT NULL "
            "ORDER BY e.conversation_id, e.ordinal",
            (collection_id,),
        )
        if not rows:
            return []
        seal = self._seal(collection_id)
        return [
            (conversation, number, seal.own("exchange", number, wrapped).open_text(words, "words"))
            for conversation, number, words, wrapped in rows
        ]

    def put_exchange(
        self, collection_id: int, new: NewExchange, *, conversation: int | None, title: str = ""
    ) -> StoredExchange:
        """Keeps an exchange at the end of a conversation; None begins one with that title.

        One transaction. Where a document whose words it holds was removed meanwhile, it is
        stored without them at once.

        Raises:
            StoreError: the collection or conversation is gone, or does not fit the other.
        """
        with self._database.writing() as connection:
            if conversation is None:
                conversation = _begin(connection, self._keys, collection_id, title, new.made)
            else:
                _go_on(connection, collection_id, conversation, new.made)
            documents = set(new.documents) | _documents_of(connection, new.after)
            whole = _all_there(connection, documents, new.after)
            connection.execute(
                "INSERT INTO exchange (conversation_id, ordinal, made, words, body) VALUES (?, "
                "(SELECT coalesce(max(ordinal), 0) + 1 FROM exchange WHERE conversation_id = ?), "
                "?, '', NULL)",
                (conversation, conversation, new.made),
            )
            exchange_id = connection.last_insert_rowid()
            if whole:
                seal = self._keys.new_exchange(connection, collection_id, exchange_id)
                put_content(connection, seal, exchange_id, new.words, new.body)
                connection.executemany(
                    "INSERT INTO exchange_document VALUES (?, ?)",
                    ((exchange_id, document_id) for document_id in sorted(documents)),
                )
        return self.exchange(exchange_id)

    def rename_conversation(self, conversation_id: int, title: str) -> None:
        """Gives a conversation another title.

        Raises:
            StoreError: there is none of that number.
        """
        self.conversation(conversation_id)
        with self._database.writing() as connection:
            put_title(connection, self._keys, conversation_id, title)

    def remove_conversation(self, conversation_id: int) -> None:
        """Removes a conversation with all its exchanges.

        Raises:
            StoreError: there is none of that number.
        """
        self.conversation(conversation_id)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM conversation WHERE id = ?", (conversation_id,))
            note_removal(connection)

    def _seal(self, collection_id: int) -> CollectionSeal:
        with self._database.reading() as connection:
            return self._keys.collection(connection, collection_id)

    def _opened(self, rows: Sequence[Any]) -> list[StoredConversation]:
        found = []
        for number, collection_id, title, *rest in rows:
            seal = self._seal(collection_id)
            title = seal.open_text(title, "conversation", number)
            found.append(StoredConversation(number, collection_id, title, *rest))
        return found

    def _exchanges(self, rows: Sequence[Any]) -> list[StoredExchange]:
        found = []
        for *columns, collection_id, wrapped in rows:
            kept = StoredExchange(*columns)
            if kept.body is not None:
                seal = self._seal(collection_id).own("exchange", kept.id, wrapped)
                kept = kept._replace(body=seal.open(kept.body, "exchange"))
            found.append(kept)
        return found

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(query, values).fetchall()


def _begin(
    connection: apsw.Connection, keys: ContentKeys, collection_id: int, title: str, made: str
) -> int:
    if not connection.execute("SELECT 1 FROM collection WHERE id = ?", (collection_id,)).fetchall():
        raise StoreError(
            f"collection {collection_id}",
            "It was removed meanwhile.",
            "Ask in a collection that is there.",
        )
    connection.execute(
        "INSERT INTO conversation (collection_id, title, created, changed) VALUES (?, ?, ?, ?)",
        (collection_id, b"", made, made),
    )
    number = int(connection.last_insert_rowid())
    put_title(connection, keys, number, title)
    return number


def _go_on(connection: apsw.Connection, collection_id: int, conversation: int, made: str) -> None:
    rows = connection.execute(
        "SELECT collection_id FROM conversation WHERE id = ?", (conversation,)
    ).fetchall()
    if not rows:
        raise _no_conversation(conversation)
    if rows[0][0] != collection_id:
        raise StoreError(
            f"conversation {conversation}",
            "It belongs to another collection.",
            "Begin a new conversation in this one.",
        )
    connection.execute("UPDATE conversation SET changed = ? WHERE id = ?", (made, conversation))


def _documents_of(connection: apsw.Connection, exchanges: Sequence[int]) -> set[int]:
    rows = connection.execute(
        "SELECT document_id FROM exchange_document "
        "WHERE exchange_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(exchanges)),),
    )
    return {row[0] for row in rows}


def _all_there(connection: apsw.Connection, documents: set[int], exchanges: Sequence[int]) -> bool:
    """Whether the documents are all there, and the exchanges with their bodies."""
    there = connection.execute(
        "SELECT (SELECT count(*) FROM document WHERE id IN (SELECT value FROM json_each(?))), "
        "(SELECT count(*) FROM exchange WHERE body IS NOT NULL "
        "AND id IN (SELECT value FROM json_each(?)))",
        (json.dumps(sorted(documents)), json.dumps(list(exchanges))),
    ).fetchall()[0]
    return tuple(there) == (len(documents), len(set(exchanges)))


def _no_conversation(number: int) -> StoreError:
    return StoreError(
        f"conversation {number}", "It is not in the library.", "See: muniment conversations"
    )
