"""Kept conversations: what a removed document takes along, and libraries from before there were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.errors import StoreError, StoreReadOnly
from ingest.library_files import FILE_NAME
from ingest.records import NewExchange
from ingest.schema import VERSION
from ingest.store import NewDocument, Store
from ingest.types import Box, Chunk, ChunkLine, Line, Page
from tests.ingest.older import older

KEY = bytes(range(32))
FIRST, LATER = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


def document(name: str = "a.pdf") -> NewDocument:
    box = Box(1.0, 2.0, 30.0, 12.0)
    return NewDocument(
        name=name,
        title="Title",
        path=f"/files/{name}",
        media_type="application/pdf",
        content_hash=f"hash of {name}",
        size=3,
        modified=FIRST,
        password="",
        warnings=(),
        pages=(Page(1, 100.0, 200.0, (Line("words", box),)),),
        chunks=[Chunk(0, "words", "words", (), (ChunkLine(1, box, 0, 5),))],
        vectors=np.full((1, 4), 0.5, np.float32),
        model="test-model",
        original=b"pdf",
        rendition=None,
    )


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "library", KEY)
    yield store
    store.close()


@pytest.fixture
def matter(store: Store) -> int:
    return store.add_collection("Matter").id


def exchange(*documents: int, made: str = FIRST, after: tuple[int, ...] = ()) -> NewExchange:
    return NewExchange(made, "planted words", b"planted body", documents, after)


def test_exchanges_come_back_in_order(store: Store, matter: int) -> None:
    first = store.put_exchange(matter, exchange(), conversation=None, title="Who pays?")
    second = store.put_exchange(matter, exchange(made=LATER), conversation=first.conversation_id)
    assert [e.ordinal for e in store.exchanges(first.conversation_id)] == [1, 2]
    assert store.exchanges(first.conversation_id) == [first, second]
    assert store.exchange(second.id).body == b"planted body"
    (listed,) = store.conversations(matter)
    assert (listed.title, listed.created, listed.changed) == ("Who pays?", FIRST, LATER)
    assert listed.exchanges == 2
    other = store.put_exchange(matter, exchange(), conversation=None, title="Newer")
    assert [c.id for c in store.conversations(matter)] == [listed.id, other.conversation_id]
    assert store.exchange_words(matter)[0] == (listed.id, first.id, "planted words")
    store.rename_conversation(listed.id, "Payment")
    assert store.conversation(listed.id).title == "Payment"
    store.remove_conversation(listed.id)
    assert [c.title for c in store.conversations(matter)] == ["Newer"]
    assert store._rows("SELECT count(*) FROM exchange", ()) == [(1,)]


def test_a_removed_document_takes_the_answers_that_hold_its_words(
    store: Store, matter: int
) -> None:
    a, b = (store.put(matter, document(name)).id for name in ("a.pdf", "b.pdf"))
    of_a = store.put_exchange(matter, exchange(a), conversation=None, title="Who pays?")
    number = of_a.conversation_id
    of_b = store.put_exchange(matter, exchange(b), conversation=number)
    follow_up = store.put_exchange(matter, exchange(b, after=(of_a.id,)), conversation=number)
    third = store.put_exchange(matter, exchange(b, after=(follow_up.id,)), conversation=number)
    store.remove(a)
    bodies = {e.id: e.body for e in store.exchanges(number)}
    assert bodies == {of_a.id: None, of_b.id: b"planted body", follow_up.id: None, third.id: None}
    assert store.exchange_words(matter) == [(number, of_b.id, "planted words")]
    assert store._rows("SELECT words FROM exchange WHERE id = ?", (of_a.id,)) == [("",)]
    late = store.put_exchange(matter, exchange(a), conversation=number)
    assert late.body is None
    assert store.put_exchange(matter, exchange(after=(of_a.id,)), conversation=number).body is None


def test_a_replaced_document_leaves_the_answers_as_they_are(store: Store, matter: int) -> None:
    a = store.put(matter, document()).id
    kept = store.put_exchange(matter, exchange(a), conversation=None, title="Who pays?")
    store.put(matter, document("changed.pdf"), replaces=a)
    assert store.exchange(kept.id).body == b"planted body"


def test_a_removed_collection_takes_its_conversations(store: Store, matter: int) -> None:
    a = store.put(matter, document()).id
    store.put_exchange(matter, exchange(a), conversation=None, title="Who pays?")
    other = store.add_collection("Other").id
    with pytest.raises(StoreError, match="another collection"):
        store.put_exchange(other, exchange(), conversation=1)
    store.remove_collection(matter)
    for table in ("conversation", "exchange", "exchange_document"):
        assert store._rows(f"SELECT count(*) FROM {table}", ()) == [(0,)]
    with pytest.raises(StoreError, match="removed meanwhile"):
        store.put_exchange(matter, exchange(), conversation=None, title="Late")
    for call in (store.conversation, store.exchanges, store.exchange, store.remove_conversation):
        with pytest.raises(StoreError, match="not in the library"):
            call(1)


def test_nothing_of_a_conversation_is_readable_or_kept_by_chance(
    tmp_path: Path, store: Store, matter: int
) -> None:
    a = store.put(matter, document()).id
    store.put_exchange(matter, exchange(a), conversation=None, title="planted title")
    files = list((tmp_path / "library").iterdir())
    raw = b"".join(path.read_bytes() for path in files)
    assert not any(word in raw for word in (b"planted body", b"planted words", b"planted title"))
    store.remove(a)
    store.close()
    reader = Store(tmp_path / "library", KEY, read_only=True)
    assert [e.body for e in reader.exchanges(1)] == [None]
    with pytest.raises(StoreReadOnly):
        reader.put_exchange(matter, exchange(), conversation=None, title="More")
    reader.close()


def test_a_library_of_the_second_format_is_brought_up_to_date(tmp_path: Path) -> None:
    with older(tmp_path, KEY, 2) as old:
        matter = old.collection("Matter")
        number = old.document(matter, document())
    store = Store(tmp_path, KEY)
    assert store._read("PRAGMA user_version")[0][0] == VERSION
    assert [d.id for d in store.documents(matter)] == [number]
    assert store.conversations(matter) == []
    kept = store.put_exchange(matter, exchange(number), conversation=None, title="Who pays?")
    store.remove(number)
    assert store.exchange(kept.id).body is None
    store.close()
    assert (tmp_path / FILE_NAME).exists()
