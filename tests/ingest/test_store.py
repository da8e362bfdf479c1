"""The vault file: documents wholly or not at all, and its refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from ingest.database import Database
from ingest.errors import NewerStore, StoreBusy, StoreError, StoreReadOnly, WrongKey
from ingest.library_files import FILE_NAME
from ingest.schema import VERSION
from ingest.store import NewDocument, Store, StoredFigure
from ingest.types import (
    Box,
    Chunk,
    ChunkLine,
    Figure,
    FigureKind,
    Line,
    Page,
    PageBox,
    Reading,
    TextSource,
)
from tests.ingest.older import older

KEY = bytes(range(32))
MODEL = "test-model"


def new_document(name: str = "a.pdf", text: str = "secret words", chunks: int = 2) -> NewDocument:
    box = Box(1.0, 2.0, 30.0, 12.0)
    line = Line(text, box, source=TextSource.OCR, confidence=0.9)
    pages = (Page(1, 100.0, 200.0, (line,)), Page(2, 100.0, 200.0, (), "too faint"))
    parts = [
        Chunk(n, text, f"title\n{text}", ("Heading",), (ChunkLine(1, box, 0, len(text)),))
        for n in range(chunks)
    ]
    return NewDocument(
        name=name,
        title="Title",
        path=f"/files/{name}",
        media_type="application/pdf",
        content_hash=f"hash of {name} {text}",
        size=3,
        modified="2026-01-01T00:00:00+00:00",
        password="",
        warnings=("has JavaScript",),
        pages=pages,
        chunks=parts,
        vectors=np.full((chunks, 4), 0.5, np.float32),
        model=MODEL,
        original=b"pdf" * 700_000,
        rendition=None,
    )


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "library", KEY)
    yield store
    store.close()


def test_what_is_stored_comes_back(store: Store) -> None:
    collection = store.add_collection("Matter")
    new = new_document()
    document = store.put(collection.id, new)
    assert (document.pages, document.ocr_pages, document.unreadable) == (2, 1, 1)
    assert document.warnings == ("has JavaScript",)
    assert store.pages(document.id) == list(new.pages)
    assert [s.chunk for s in store.document_chunks(document.id)] == list(new.chunks)
    assert store.shown_pdf(document.id) == new.original
    assert store.unreadable_pages(collection.id) == [(document.id, "a.pdf", 2, "too faint")]
    (rows,) = store.index_rows(collection.id)
    assert rows.document_ids == [document.id] * 2
    assert np.array_equal(rows.vectors, new.vectors)


def test_it_survives_closing(tmp_path: Path) -> None:
    first = Store(tmp_path, KEY)
    first.put(first.add_collection("Matter").id, new_document())
    first.close()
    again = Store(tmp_path, KEY)
    assert [d.name for d in again.documents(again.collection("Matter").id)] == ["a.pdf"]
    again.close()


def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    store.put(store.add_collection("Planted collection").id, new_document(text="planted words"))
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    raw += (tmp_path / FILE_NAME).read_bytes()
    vector = np.full(4, 0.5, np.float32).tobytes()
    for planted in (b"planted words", b"Planted collection", b"a.pdf", b"pdfpdf", vector):
        assert planted not in raw


def test_a_replacement_keeps_the_number_and_the_history(store: Store) -> None:
    collection = store.add_collection("Matter")
    old = store.put(collection.id, new_document(text="old text"))
    new = store.put(collection.id, new_document(text="new text", chunks=1), replaces=old.id)
    assert new.id == old.id
    assert [s.chunk.text for s in store.document_chunks(new.id)] == ["new text"]
    moved = store.move(new.id, "/elsewhere/b.pdf", "b.pdf", new.modified)
    assert [what for _, what, _ in store.history(moved.id)] == ["added", "replaced", "moved"]


def test_a_failed_addition_leaves_nothing(store: Store) -> None:
    collection = store.add_collection("Matter")
    good = new_document()
    bad = NewDocument(
        **{**{name: getattr(good, name) for name in good.__slots__}, "chunks": good.chunks[:1]}
    )
    with pytest.raises(ValueError):
        store.put(collection.id, bad)
    assert store.documents(collection.id) == []
    assert list(store.index_rows(collection.id)) == []
    store.put(collection.id, good)


def test_removing_takes_everything(store: Store) -> None:
    collection = store.add_collection("Matter")
    document = store.put(collection.id, new_document())
    store.remove(document.id)
    assert store.chunk_ids(collection.id) == []
    assert store.original(document.id) == b""
    with pytest.raises(StoreError, match="not in the library"):
        store.document(document.id)


def test_the_wrong_key_is_told(tmp_path: Path) -> None:
    Store(tmp_path, KEY).close()
    with pytest.raises(WrongKey):
        Store(tmp_path, bytes(32))


def test_a_second_program_is_told(tmp_path: Path) -> None:
    first = Store(tmp_path, KEY)
    with pytest.raises(StoreBusy, match="open in another Muniment"):
        Store(tmp_path, KEY)
    first.close()
    Store(tmp_path, KEY).close()


def test_a_newer_library_is_refused_and_untouched(tmp_path: Path) -> None:
    Store(tmp_path, KEY).close()
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.pragma("key", f"raw:{KEY.hex()}")
    connection.pragma("user_version", 999)
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(NewerStore, match="newer version"):
        Store(tmp_path, KEY)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_read_only_library_can_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    collection = store.add_collection("Matter")
    store.put(collection.id, new_document())
    store.close()
    reader = Store(tmp_path, KEY, read_only=True)
    assert reader.documents(collection.id)[0].name == "a.pdf"
    with pytest.raises(StoreReadOnly):
        reader.put(collection.id, new_document("b.pdf"))
    reader.close()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    Store(tmp_path, KEY).close()
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    data[0:4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(StoreError):
        Store(tmp_path, KEY)


def test_a_full_disk_loses_nothing_stored(tmp_path: Path) -> None:
    database = Database(tmp_path, KEY)
    database.close()
    store = Store(tmp_path, KEY)
    collection = store.add_collection("Matter")
    store.put(collection.id, new_document("first.pdf"))
    with store._database.writing() as connection:
        pages = connection.pragma("page_count")
    store._database._writer.pragma("max_page_count", pages + 10)
    with pytest.raises(StoreError, match="disk is full"):
        store.put(collection.id, new_document("second.pdf"))
    assert [d.name for d in store.documents(collection.id)] == ["first.pdf"]
    store.close()


FIGURE = Figure(
    2,
    Box(10.0, 20.0, 90.0, 80.0),
    FigureKind.CHART,
    "figure 1",
    "Figure 1: planted caption",
    (Line("12 %", Box(20.0, 30.0, 40.0, 40.0), source=TextSource.OCR, confidence=0.8),),
    "beside it",
    ("see Figure 1",),
    (PageBox(1, Box(1.0, 2.0, 30.0, 12.0)),),
)


def with_figures() -> NewDocument:
    new = new_document(chunks=1)
    chunk = Chunk(2, "Figure 1", "Figure 1", (), (ChunkLine(2, FIGURE.box, 0, 8),), 0)
    readings = (
        Reading(1, TextSource.TEXT, (Line("secret word5", Box(1.0, 2.0, 30.0, 12.0)),)),
        Reading(1, TextSource.OCR, new.pages[0].lines),
    )
    return replace(
        new,
        chunks=[*new.chunks, chunk],
        vectors=np.full((2, 4), 0.5, np.float32),
        figures=(FIGURE,),
        readings=readings,
    )


def test_figures_come_back_and_go_with_their_document(store: Store) -> None:
    collection = store.add_collection("Matter")
    document = store.put(collection.id, with_figures())
    assert store.figures(document.id) == [StoredFigure(document.id, 0, FIGURE)]
    assert store.figures(document.id, page=1) == []
    assert store.figure(document.id, 0) == FIGURE
    assert store.figure(document.id, 1) is None
    assert [s.chunk.figure for s in store.document_chunks(document.id)] == [None, 0]
    store.put(collection.id, new_document(), replaces=document.id)
    assert store.figures(document.id) == []
    assert [r.source for r in store.readings(document.id, 1)] == [TextSource.OCR]
    store.remove(document.id)
    assert store._read("SELECT count(*) FROM reading")[0][0] == 0


def test_captions_lie_encrypted_on_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    store.put(store.add_collection("Matter").id, with_figures())
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    assert b"planted caption" not in raw + (tmp_path / FILE_NAME).read_bytes()


def test_no_reading_takes_the_place_of_another(store: Store) -> None:
    document = store.put(store.add_collection("Matter").id, with_figures())
    box = Box(1.0, 2.0, 30.0, 12.0)
    model = Reading(
        1, TextSource.MODEL, (Line("secret words!", box, source=TextSource.MODEL),), "e2b", "2026"
    )
    lines = store.page_lines(document.id, 1)
    store.put_reading(document.id, model)
    again = replace(model, lines=(Line("secret words?", box, source=TextSource.MODEL),))
    store.put_reading(document.id, again)
    other = replace(model, by="12b")
    store.put_reading(document.id, other)
    found = store.readings(document.id, 1)
    assert [(r.source, r.by, r.lines[0].text) for r in found] == [
        (TextSource.TEXT, "", "secret word5"),
        (TextSource.OCR, "", "secret words"),
        (TextSource.MODEL, "12b", "secret words!"),
        (TextSource.MODEL, "e2b", "secret words?"),
    ]
    assert all(line.source is r.source for r in found for line in r.lines)
    assert found[1].confidence == 0.9
    assert store.page_lines(document.id, 1) == lines
    with pytest.raises(ValueError, match="from ocr"):
        store.put_reading(document.id, Reading(1, TextSource.OCR, model.lines))
    with pytest.raises(StoreError, match="no such page"):
        store.put_reading(document.id, replace(model, page=9))


def test_pages_are_marked_with_the_confidence_of_their_ocr(store: Store) -> None:
    document = store.put(store.add_collection("Matter").id, new_document())
    assert [state.confidence for state in store.page_states(document.id)] == [0.9, None]


def test_a_library_of_the_first_format_is_brought_up_to_date(tmp_path: Path) -> None:
    new = new_document()
    with older(tmp_path, KEY, 1) as old:
        collection_id = old.collection("Matter")
        document_id = old.document(collection_id, new)
    store = Store(tmp_path, KEY)
    assert store._read("PRAGMA user_version")[0][0] == VERSION
    assert [state.confidence for state in store.page_states(document_id)] == [0.9, None]
    assert [s.chunk for s in store.document_chunks(document_id)] == list(new.chunks)
    assert store.figures(document_id) == []
    assert store.readings(document_id, 1) == [Reading(1, TextSource.OCR, new.pages[0].lines)]
    store.close()
