"""Conversations that are kept in the library: listed, read again, searched, renamed, removed.

The part of `app.core.workspace.Workspace` that remembers. An answer goes when a document whose
words are in it is removed (`ingest.store_conversations`). A document that was replaced by a newer
version leaves answers as they are; they are marked as such. Of pages that could not be read only
the document's number is kept, so that no removed file's name lives on in answers that it had no
part in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from app.core.answers import UnreadablePage
from app.core.audit import Audit
from app.core.audit_entries import What
from app.core.record_codec import decode, encode
from app.core.records import (
    AnswerRecord,
    ConversationFound,
    ConversationInfo,
    Exchange,
    Kept,
    Source,
)
from ingest.errors import StoreError
from ingest.records import NewExchange, StoredConversation, StoredExchange
from ingest.store import Store

_TITLE = 80  # characters
_AROUND = 60  # characters of an excerpt before and after the word
GONE = "a document that was removed"


class ConversationKeeping:
    """Keeps the conversations of one store."""

    _store: Store
    audit: Audit

    def keep_answer(self, record: AnswerRecord, conversation: int | None = None) -> Kept:
        """Keeps an answer at the end of a conversation; None begins one in its collection.

        Raises:
            StoreReadOnly, StoreFull: nothing can be kept.
            StoreError: the collection or the conversation is gone.
        """
        collection = self._store.collection(record.collection)
        unreadable = tuple(replace(page, document="") for page in record.answer.unreadable)
        answer = replace(record.answer, unreadable=unreadable, conversation=0, record=0)
        stored = self._store.put_exchange(
            collection.id,
            NewExchange(
                record.made,
                f"{record.question}\n{answer.text}",
                encode(replace(record, answer=answer, sources=self._sources(record))),
                record.document_ids,
                record.earlier,
            ),
            conversation=conversation,
            title=title_of_question(record.question),
        )
        return Kept(stored.conversation_id, stored.id)

    def conversations(self, collection: str) -> list[ConversationInfo]:
        """A collection's conversations, the one that went on last first."""
        found = self._store.collection(collection)
        return [_info(stored, found.name) for stored in self._store.conversations(found.id)]

    def conversation_info(self, conversation_id: int) -> ConversationInfo:
        """One conversation as it is listed.

        Raises:
            StoreError: there is none of that number.
        """
        stored = self._store.conversation(conversation_id)
        names = {c.id: c.name for c in self._store.collections()}
        return _info(stored, names[stored.collection_id])

    def conversation(self, conversation_id: int) -> tuple[AnswerRecord, ...]:
        """A conversation's records in order, without those that went with a document.

        Raises:
            StoreError: there is no such conversation, or a record cannot be read.
        """
        exchanges = self._exchanges(conversation_id)
        return tuple(e.record for e in exchanges if e.record is not None)

    def exchanges(self, conversation_id: int) -> tuple[Exchange, ...]:
        """A conversation's exchanges in order, also those whose record is gone.

        Raises:
            StoreError: there is no such conversation, or a record cannot be read.
        """
        found = self._exchanges(conversation_id)
        self.audit.record(What.CONVERSATION_READ, conversation=conversation_id)
        return found

    def exchange(self, record_id: int) -> Exchange:
        """One exchange by the number of its record.

        Raises:
            StoreError: there is none of that number, or it cannot be read.
        """
        return self._exchange(self._store.exchange(record_id))

    def record(self, record_id: int) -> AnswerRecord:
        """The record of one answer.

        Raises:
            StoreError: there is none, it went with a document, or it cannot be read.
        """
        kept = self.exchange(record_id).record
        if kept is None:
            raise StoreError(
                f"answer {record_id}",
                "A document whose words were in it was removed, and the answer with it.",
                "Add the document again, and ask again.",
            )
        return kept

    def rename_conversation(self, conversation_id: int, title: str) -> None:
        """Gives a conversation another title: the first line's words, cut to a line.

        Raises:
            StoreError: there is none of that number, or the title is empty.
        """
        line = title_of_question(title)
        if not line:
            raise StoreError(
                f"conversation {conversation_id}", "A title has words.", "Give it some."
            )
        self._store.rename_conversation(conversation_id, line)

    def remove_conversation(self, conversation_id: int) -> None:
        """Removes a conversation with all its answers.

        Raises:
            StoreError: there is none of that number.
        """
        with self._store.together():
            self._store.remove_conversation(conversation_id)
            self.audit.record(What.CONVERSATION_REMOVED, conversation=conversation_id)

    def search_conversations(
        self, words: str, collection: str | None = None
    ) -> list[ConversationFound]:
        """The conversations in which a question with its answer, or the title, holds all words.

        Case and the form of characters do not matter. The one that went on last comes first; None
        searches every collection.
        """
        wanted = _folded(words).split()
        if not wanted:
            return []
        names = [collection] if collection else [c.name for c in self._store.collections()]
        self.audit.record(What.CONVERSATION_SEARCHED, **self.audit.asked(words))
        found = [hit for name in names for hit in self._search_one(name, wanted)]
        return sorted(found, key=lambda hit: hit.conversation.changed, reverse=True)

    def _search_one(self, collection: str, wanted: Sequence[str]) -> list[ConversationFound]:
        hits: dict[int, list[tuple[int, str]]] = {}
        number = self._store.collection(collection).id
        for conversation, exchange, text in self._store.exchange_words(number):
            if _holds(text, wanted):
                hits.setdefault(conversation, []).append((exchange, text))
        found = []
        for info in self.conversations(collection):
            if matches := hits.get(info.id):
                exchange, text = matches[0]
                excerpt = _excerpt(text, wanted)
                found.append(ConversationFound(info, exchange, len(matches), excerpt))
            elif _holds(info.title, wanted):
                found.append(ConversationFound(info, 0, 0, info.title))
        return found

    def _exchanges(self, conversation_id: int) -> tuple[Exchange, ...]:
        return tuple(self._exchange(stored) for stored in self._store.exchanges(conversation_id))

    def _exchange(self, stored: StoredExchange) -> Exchange:
        number, conversation, ordinal, made, body = stored
        if body is None:
            return Exchange(number, conversation, ordinal, made, None)
        record = decode(body, f"answer {number}")
        answer = replace(
            record.answer,
            unreadable=tuple(self._named(page) for page in record.answer.unreadable),
            conversation=conversation,
            record=number,
        )
        record = replace(record, answer=answer)
        return Exchange(number, conversation, ordinal, made, record, self._changed(record))

    def _named(self, page: UnreadablePage) -> UnreadablePage:
        document = self._store.find_document(page.document_id)
        return replace(page, document=GONE if document is None else document.name)

    def _sources(self, record: AnswerRecord) -> tuple[Source, ...]:
        """The record's documents as they were when their words were read."""
        hashes = {given.document_id: given.content_hash for given in record.passages}
        for number in record.earlier:  # a follow-up cites what an earlier question found
            if kept := self.exchange(number).record:
                for source in kept.sources:
                    hashes.setdefault(source.document_id, source.content_hash)
        sources = []
        for document_id in sorted(record.document_ids):
            if document := self._store.find_document(document_id):
                content_hash = hashes.get(document_id, document.content_hash)
                sources.append(Source(document_id, document.name, content_hash))
        return tuple(sources)

    def _changed(self, record: AnswerRecord) -> tuple[str, ...]:
        documents = ((s, self._store.find_document(s.document_id)) for s in record.sources)
        return tuple(d.name for s, d in documents if d and d.content_hash != s.content_hash)


def title_of_question(question: str) -> str:
    """A question as a title: one line, cut at a word.

    >>> title_of_question("Who pays,\\nand when?")
    'Who pays, and when?'
    """
    shown = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in question)
    line = " ".join(shown.split())
    if len(line) <= _TITLE:
        return line
    head = line[: _TITLE - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > _TITLE // 2 else head).rstrip(" ,;:") + "…"


def _info(stored: StoredConversation, collection: str) -> ConversationInfo:
    return ConversationInfo(
        stored.id, collection, stored.title, stored.created, stored.changed, stored.exchanges
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _holds(text: str, wanted: Sequence[str]) -> bool:
    folded = _folded(text)
    return all(word in folded for word in wanted)


def _excerpt(text: str, wanted: Sequence[str]) -> str:
    """A line of the text about the first of the words."""
    line = " ".join(text.split())
    place = max(0, _folded(line).find(wanted[0]))
    start, end = max(0, place - _AROUND), place + len(wanted[0]) + _AROUND
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"
