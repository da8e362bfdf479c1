"""Kept tables: cells one by one, what goes with a document, libraries of an older format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import StoreError, StoreReadOnly
from ingest.records import CellMark, NewExchange, StoredCell, StoredSheet
from ingest.schema import VERSION
from ingest.store import Store
from tests.ingest.older import older
from tests.ingest.test_store_conversations import FIRST, KEY, LATER, document


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "library", KEY)
    yield store
    store.close()


@pytest.fixture
def matter(store: Store) -> int:
    return store.add_collection("Matter").id


def sheet(store: Store, collection: int, title: str = "Clauses") -> StoredSheet:
    return store.put_sheet(collection, title, FIRST, "[]", "{}")


def cell(document_id: int, field: int = 0, body: bytes = b"planted cell") -> StoredCell:
    return StoredCell(document_id, field, FIRST, "hash", body)


def test_cells_come_back_and_the_last_one_stays(store: Store, matter: int) -> None:
    a, b = (store.put(matter, document(name)).id for name in ("a.pdf", "b.pdf"))
    made = sheet(store, matter)
    assert store.sheet(made.id) == made == StoredSheet(1, matter, "Clauses", FIRST, "[]", "{}")
    for new in (cell(b), cell(a, 1), cell(a)):
        assert store.put_cell(made.id, new)
    newer = StoredCell(a, 1, LATER, "hash 2", b"other")
    assert store.put_cell(made.id, newer)
    assert store.cells(made.id) == [cell(a), newer, cell(b)]
    marks = {CellMark(a, 0, "hash"), CellMark(a, 1, "hash 2"), CellMark(b, 0, "hash")}
    assert set(store.cell_marks(made.id)) == marks
    other = sheet(store, matter, "Dates")
    assert [s.title for s in store.sheets(matter)] == ["Clauses", "Dates"]
    assert store.cells(other.id) == []
    store.remove_sheet(made.id)
    assert [s.title for s in store.sheets(matter)] == ["Dates"]
    assert store._read("SELECT count(*) FROM cell") == [(0,)]


def test_a_removed_document_takes_its_cells(store: Store, matter: int) -> None:
    a, b = (store.put(matter, document(name)).id for name in ("a.pdf", "b.pdf"))
    made = sheet(store, matter)
    store.put_cell(made.id, cell(a))
    store.put_cell(made.id, cell(b))
    store.put(matter, document("changed.pdf"), replaces=b)
    store.remove(a)
    assert store.cells(made.id) == [cell(b)]
    assert not store.put_cell(made.id, cell(a)), "it was answered while the document went"
    elsewhere = store.put(store.add_collection("Other").id, document("c.pdf")).id
    assert not store.put_cell(made.id, cell(elsewhere))
    assert store.cells(made.id) == [cell(b)]


def test_a_removed_collection_takes_its_tables(store: Store, matter: int) -> None:
    made = sheet(store, matter)
    store.put_cell(made.id, cell(store.put(matter, document()).id))
    store.remove_collection(matter)
    for table in ("sheet", "cell"):
        assert store._read(f"SELECT count(*) FROM {table}") == [(0,)]
    with pytest.raises(StoreError, match="removed meanwhile"):
        sheet(store, matter)
    for call in (store.sheet, store.remove_sheet):
        with pytest.raises(StoreError, match="not in the library"):
            call(made.id)
    with pytest.raises(StoreError, match="not in the library"):
        store.put_cell(made.id, cell(1))


def test_nothing_of_a_table_is_readable(tmp_path: Path, store: Store, matter: int) -> None:
    made = sheet(store, matter, "planted title")
    store.put_cell(made.id, cell(store.put(matter, document()).id))
    raw = b"".join(path.read_bytes() for path in (tmp_path / "library").iterdir())
    assert b"planted" not in raw
    store.close()
    reader = Store(tmp_path / "library", KEY, read_only=True)
    assert len(reader.cells(made.id)) == 1
    with pytest.raises(StoreReadOnly):
        reader.put_cell(made.id, cell(1))
    reader.close()


def test_a_library_of_the_third_format_is_brought_up_to_date(tmp_path: Path) -> None:
    with older(tmp_path, KEY, 3) as old:
        matter = old.collection("Matter")
        number = old.document(matter, document())
        kept = old.exchange(matter, "Who pays?", NewExchange(FIRST, "words", b"body", [number]))
    store = Store(tmp_path, KEY)
    assert store._read("PRAGMA user_version") == [(VERSION,)]
    assert store.exchange(kept).body == b"body"
    made = sheet(store, matter)
    assert store.put_cell(made.id, cell(number))
    store.remove(number)
    assert store.cells(made.id) == []
    store.close()
