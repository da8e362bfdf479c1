"""What was removed is nowhere: not in the files, and not on a page for who has the key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from ingest import erasing
from ingest.codec import pack_chunk
from ingest.errors import StoreError, StoreFull
from ingest.records import NewDocument, NewExchange, StoredCell
from ingest.sealing import KEY_TABLES
from ingest.store import Store
from ingest.types import Reading, TextSource
from tests.ingest.older import older
from tests.ingest.remains import decrypted, found, on_disk, opened, text_forms, vector_forms
from tests.ingest.test_store import KEY, new_document, with_figures

WORDS = "planted zirconium sentence"
NAME = "planted-nephrology.pdf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def store(folder: Path):
    store = Store(folder, KEY)
    yield store
    store.close()


def planted(name: str = NAME, words: str = WORDS, seed: int = 1) -> NewDocument:
    """A document whose every part says the words."""
    new = with_figures()
    chunk = replace(new_document(text=words).chunks[0], text=words, search_text=words)
    line = replace(new.pages[0].lines[0], text=words)
    figure = replace(new.figures[0], caption=words)
    vectors = np.random.default_rng(seed).standard_normal((2, 384)).astype(np.float32)
    return replace(
        new_document(name, words),
        title=f"title of {words}",
        pages=[replace(new.pages[0], lines=(line,)), new.pages[1]],
        chunks=[chunk, new.chunks[1]],
        vectors=vectors,
        figures=(figure,),
        readings=(Reading(1, TextSource.OCR, (line,)),),
        original=words.encode() * 20_000,
        rendition=words.encode() * 200,
        warnings=(words,),
    )


def keep_answers(store: Store, collection: int, document: int) -> None:
    """A conversation and a table that quote the document."""
    exchange = NewExchange("2026", WORDS, WORDS.encode(), [document])
    store.put_exchange(collection, exchange, conversation=None, title="What does it say?")
    sheet = store.put_sheet(collection, "A table", "2026", "[]", "{}")
    store.put_cell(sheet.id, StoredCell(document, 0, "2026", "a hash", WORDS.encode()))


def rows(folder: Path, query: str) -> list[Any]:
    connection = opened(folder, KEY)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


CONTENT = {
    "original": "data", "page": "lines", "chunk": "body", "vector_block": "data",
    "figure": "body", "reading": "lines",
}  # fmt: skip
KEPT = {"history": "path", "cell": "body", "document_key": "wrapped"}


def sealed_pieces(folder: Path, document: int, *, replaced: bool = False) -> list[bytes]:
    """The beginnings of all that is sealed of a document, and its key."""
    values = []
    for table, column in (CONTENT if replaced else CONTENT | KEPT).items():
        values += rows(folder, f"SELECT {column} FROM {table} WHERE document_id = {document}")
    columns = "details, CAST(path_tag AS BLOB), CAST(content_tag AS BLOB)"
    (row,) = rows(folder, f"SELECT {columns} FROM document WHERE id = {document}")
    values += [(value,) for value in row]
    values += (
        []
        if replaced
        else rows(
            folder,
            "SELECT wrapped FROM exchange_key JOIN exchange_document USING (exchange_id) "
            f"WHERE document_id = {document}",
        )
    )
    return [bytes(row[0][:40]) for row in values]


def plain_forms(new: NewDocument) -> list[bytes]:
    texts = (WORDS, NAME, new.path, new.title, new.content_hash, "zirconium")
    return [*text_forms(*texts), *vector_forms(new.vectors)]


def test_nothing_is_readable_even_with_the_librarys_key(folder: Path, store: Store) -> None:
    new = planted()
    collection = store.add_collection("Matter").id
    document = store.put(collection, new)
    store.follow(collection, f"/home/{WORDS}")
    keep_answers(store, collection, document.id)
    assert store.document(document.id).name == NAME
    assert store.history(document.id)[0][2] == new.path
    assert store.followed(collection) == [f"/home/{WORDS}"]
    assert [s.chunk for s in store.document_chunks(document.id)] == list(new.chunks)
    assert found(plain_forms(new), on_disk(folder)) == []
    # The pages hold it, sealed.
    pages = decrypted(folder, KEY)
    assert found(plain_forms(new), pages) == []
    pieces = sealed_pieces(folder, document.id)
    assert len(pieces) > 12
    assert found(pieces, pages) == pieces


@pytest.mark.parametrize("whole", [True, False], ids=["written anew", "pages given back"])
@pytest.mark.parametrize("what", ["document", "collection", "replaced"])
def test_what_was_removed_is_on_no_page(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, what: str, whole: bool
) -> None:
    monkeypatch.setattr(erasing, "WHOLE_BYTES", (256 << 20) * whole)
    # Names in an order that splits pages, so that SQLite copies rows from one to another.
    collection = store.add_collection("Matter").id
    removed = store.add_collection("Planted collection").id if what == "collection" else collection
    for number in range(40):
        store.put(collection, new_document(f"{number * 7 % 40}.pdf", f"other text {number}"))
        if number == 20:
            document = store.put(removed, planted())
            keep_answers(store, removed, document.id)
    pieces = sealed_pieces(folder, document.id, replaced=what == "replaced")
    collection_key = rows(folder, "SELECT wrapped FROM collection_key ORDER BY collection_id")[-1]
    assert found(pieces, decrypted(folder, KEY)) == pieces
    assert not store.has_remains
    if what == "document":
        store.remove(document.id)
    elif what == "collection":
        store.remove_collection(removed)
        pieces += [collection_key[0], *text_forms("Planted collection")]
    else:
        store.put(collection, new_document(), replaces=document.id)
        kept = found(pieces, decrypted(folder, KEY))
        pieces = [piece for piece in pieces if piece not in kept]
        assert len(pieces) > 8, "all but its key and what is kept with it"
    assert store.has_remains
    assert store.erase_remains()
    assert not store.has_remains
    assert store._database.free_pages == 0
    assert (folder / "vault.db-wal").stat().st_size == 0
    pages = decrypted(folder, KEY)
    assert found(pieces, pages) == []
    for other in store.documents(collection):
        assert store.document_chunks(other.id)
        assert store.original(other.id)


def test_the_search_for_remains_finds_them(tmp_path: Path) -> None:
    """The control: rows deleted as SQLite does by itself are found on free pages."""
    path = tmp_path / "vault.db"
    path.touch()
    connection = opened(tmp_path, KEY)
    connection.pragma("secure_delete", False)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?)", ((n, WORDS.encode() * 99) for n in range(99))
    )
    connection.execute("DELETE FROM t")
    connection.close()
    assert found(text_forms(WORDS)[:1], on_disk(tmp_path)) == []
    assert found(text_forms(WORDS)[:1], decrypted(tmp_path, KEY))


def test_a_copy_of_what_was_sealed_opens_no_more(folder: Path, store: Store) -> None:
    """Who has kept every byte of the content, but not of the keys, and has the library's key."""
    collection = store.add_collection("Matter").id
    document = store.put(collection, planted())
    ((ordinal, body),) = rows(folder, "SELECT ordinal, body FROM chunk WHERE ordinal = 0")
    with store._database.reading() as connection:
        seal = store._keys.document(connection, document.id)
    assert seal.open(body, "chunk", ordinal) == pack_chunk(planted().chunks[0])
    store.remove(document.id)
    fresh = Store.__new__(Store)  # the keys as another start of the program has them
    fresh._database, fresh._keys = store._database, type(store._keys)(KEY)
    other = store.put(collection, planted("other.pdf", "other words"))
    with store._database.reading() as connection:
        with pytest.raises(StoreError, match="not in the library"):
            fresh._keys.document(connection, document.id)
        left = fresh._keys.document(connection, other.id)
        whole = fresh._keys.collection(connection, collection)
    for remaining in (left, whole):
        with pytest.raises(StoreError, match="not what was written"):
            remaining.open(body, "chunk", ordinal)


def test_sealed_content_opens_in_its_own_place_only(store: Store) -> None:
    collection = store.add_collection("Matter").id
    document = store.put(collection, planted())
    with store._database.writing() as connection:
        connection.execute(
            "UPDATE chunk SET body = (SELECT body FROM chunk WHERE ordinal = 2) WHERE ordinal = 0"
        )
    with pytest.raises(StoreError, match="not what was written"):
        store.document_chunks(document.id)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_older_library_is_sealed_when_it_is_opened(folder: Path, version: int) -> None:
    new = planted() if version > 1 else replace(planted(), figures=(), readings=())
    if version == 1:
        new = replace(new, chunks=[replace(chunk, figure=None) for chunk in new.chunks])
    with older(folder, KEY, version) as old:
        matter = old.collection("Matter")
        old.follow(matter, "/planted-folder")
        document = old.document(matter, new)
        if version > 2:
            kept = old.exchange(matter, WORDS, NewExchange("2026", WORDS, b"body", [document]))
        if version > 3:
            sheet = old.cell(matter, WORDS, document, WORDS.encode())
    before = decrypted(folder, KEY)
    assert len(found(text_forms(WORDS, NAME)[::3], before)) == 2
    assert found(vector_forms(new.vectors)[::2], before)
    store = Store(folder, KEY)
    assert store.followed(matter) == ["/planted-folder"]
    stored = store.document(document)
    assert (stored.name, stored.path, stored.title) == (NAME, new.path, new.title)
    assert (stored.content_hash, stored.warnings) == (new.content_hash, new.warnings)
    assert store.find(matter, path=new.path) == stored
    assert store.find(matter, content_hash=new.content_hash) == stored
    assert store.pages(document) == list(new.pages)
    assert [s.chunk for s in store.document_chunks(document)] == list(new.chunks)
    assert [s.figure for s in store.figures(document)] == list(new.figures)
    assert store.original(document) == new.original
    (batch,) = store.index_rows(matter)
    assert np.array_equal(batch.vectors, new.vectors)
    if version > 2:
        assert store.exchange(kept).body == b"body"
        assert store.exchange_words(matter) == [(1, kept, WORDS)]
        assert store.conversations(matter)[0].title == WORDS
    if version > 3:
        assert store.cells(sheet) == [StoredCell(document, 0, "2026", "a hash", WORDS.encode())]
        assert store.sheet(sheet).title == WORDS
    # Its pages hold both until they are cleaned up, which the next command does.
    assert store.has_remains
    assert store.erase_remains()
    store.close()
    assert found([*plain_forms(new), *text_forms("/planted-folder")], decrypted(folder, KEY)) == []


def test_sealing_an_older_library_happens_wholly_or_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with older(folder, KEY, 4) as old:
        matter = old.collection("Matter")
        old.document(matter, planted())
    before = decrypted(folder, KEY)

    def full(*_: object) -> None:
        raise apsw.FullError("the disk")

    with monkeypatch.context() as patch:
        patch.setattr("ingest.sealing_older._seal_chunks", full)
        with pytest.raises(StoreFull):
            Store(folder, KEY)
    assert rows(folder, "PRAGMA user_version") == [(4,)]
    assert found(text_forms(WORDS)[:1], decrypted(folder, KEY))
    assert len(decrypted(folder, KEY)) == len(before)
    store = Store(folder, KEY)
    assert store.documents(matter)[0].name == NAME
    store.close()


def test_cleaning_up_goes_on_where_it_was_interrupted(folder: Path, store: Store) -> None:
    collection = store.add_collection("Matter").id
    document = store.put(collection, planted())
    store.remove(document.id)
    assert not store.erase_remains(lambda: True)
    assert store.has_remains
    store.close()
    again = Store(folder, KEY)
    assert again.has_remains
    assert again.erase_remains()
    assert not again.has_remains
    again.close()


def test_a_removal_meanwhile_is_not_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = store.add_collection("Matter").id
    one, two = (store.put(collection, planted(f"{n}.pdf", f"text {n}")).id for n in range(2))
    store.remove(one)
    vacuum = store._database.vacuum

    def slow(stop: Any) -> bool:
        done = vacuum(stop)
        store.remove(two)
        return done

    monkeypatch.setattr(store._database, "vacuum", slow)
    assert not store.erase_remains()
    assert store.has_remains
    monkeypatch.undo()
    assert store.erase_remains()


def test_a_rolled_back_collection_leaves_no_key(store: Store) -> None:
    with pytest.raises(RuntimeError), store._database.writing() as connection:
        connection.execute("INSERT INTO collection (name, created) VALUES ('Lost', '2026')")
        store._keys.new_collection(connection, connection.last_insert_rowid())
        raise RuntimeError
    made = store.add_collection("Matter")
    document = store.put(made.id, planted())
    assert store.document(document.id).name == NAME
    assert [store._read(f"SELECT count(*) FROM {table}") for table in KEY_TABLES] == [
        [(1,)], [(1,)], [(0,)],
    ]  # fmt: skip
