"""A library from adding to asking, through the program's own path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest

from app.core.answers import CitationStatus
from app.core.events import (
    Answered,
    BatchFinished,
    DocumentAdded,
    DocumentMoved,
    DocumentReplaced,
    DocumentUnchanged,
    FileFailed,
    PassagesFound,
)
from app.core.preload import Preload
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import IngestError, StoreBusy, StoreError, WrongKey
from ingest.source import SourceFile

MEDICINE = "Metformin was reduced to 500 mg twice a day because of the kidneys."
LAW = "This Agreement is governed by the law of Norway."


def pdf(path: Path, *pages: str) -> Path:
    document = pymupdf.open()
    for text in pages:
        page = document.new_page()
        page.insert_textbox(pymupdf.Rect(72, 72, 500, 700), text, fontsize=11)
    document.save(path)
    return path


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "key")


@pytest.fixture
def workspace(tmp_path: Path, key: KeyFile) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "library", key, create=True) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    pdf(folder / "record.pdf", "Visit notes of March.", MEDICINE)
    pdf(folder / "contract.pdf", LAW)
    return folder


def answer(workspace: Workspace, question: str) -> Answered:
    *_, last = workspace.ask(question, "Matter")
    assert isinstance(last, Answered)
    return last


def test_an_answer_is_cited_to_its_page(workspace: Workspace, files: Path) -> None:
    events = list(workspace.add([files], "Matter"))
    assert sum(isinstance(e, DocumentAdded) for e in events) == 2
    assert events[-1] == BatchFinished(2, 0, 0, 0, 0)
    found = answer(workspace, "Why was metformin reduced?")
    assert found.found
    first = found.citations[0]
    assert (first.document, first.page) == ("record.pdf", 2)
    assert first.status is CitationStatus.VERIFIED
    assert "500 mg" in first.quote
    assert all(box.page == 2 and 60 < box.box.x0 < 100 for box in first.boxes)
    assert found.searched.documents == 2


def test_nothing_is_made_up(workspace: Workspace, files: Path) -> None:
    list(workspace.add([files], "Matter"))
    missing = answer(workspace, "Which company insures the ferry Sankta Birgitta?")
    assert not missing.found
    assert missing.citations == ()
    assert "Not found" in missing.text
    assert missing.searched.pages == 3


def test_known_changed_moved_and_broken_files(workspace: Workspace, files: Path) -> None:
    list(workspace.add([files], "Matter"))
    record, contract = files / "record.pdf", files / "contract.pdf"
    numbers = {d.name: d.id for d in workspace.documents("Matter")}
    moved = record.rename(files / "moved.pdf")
    pdf(contract, "Governed by the law of Sweden.")
    (files / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    events = list(workspace.add([files], "Matter"))
    by_kind = {type(e): e for e in events}
    assert by_kind[DocumentMoved].document.id == numbers["record.pdf"]
    assert by_kind[DocumentMoved].document.path == str(moved)
    assert by_kind[DocumentReplaced].document.id == numbers["contract.pdf"]
    failed = by_kind[FileFailed]
    assert failed.path.endswith("broken.pdf") and failed.cause and failed.remedy
    assert events[-1] == BatchFinished(0, 1, 0, 1, 1)
    assert "Sweden" in answer(workspace, "Which law governs the agreement?").text
    again = list(workspace.add([moved], "Matter"))
    assert isinstance(again[0], DocumentUnchanged)


def test_the_same_content_twice_in_one_batch(workspace: Workspace, files: Path) -> None:
    copy = files / "copy.pdf"
    copy.write_bytes((files / "contract.pdf").read_bytes())
    last = list(workspace.add([files], "Matter"))[-1]
    assert last == BatchFinished(2, 0, 1, 0, 0)


def test_cancelling_keeps_what_is_stored(workspace: Workspace, files: Path) -> None:
    adding = workspace.add([files], "Matter")
    for event in adding:
        if isinstance(event, DocumentAdded):
            break
    adding.close()  # type: ignore[attr-defined]
    assert len(workspace.documents("Matter")) == 1
    list(workspace.add([files], "Matter"))
    assert len(workspace.documents("Matter")) == 2


def test_removal_and_collections(workspace: Workspace, files: Path) -> None:
    list(workspace.add([files], "Matter"))
    list(workspace.add([files / "contract.pdf"], "Other"))
    record = next(d for d in workspace.documents("Matter") if d.name == "record.pdf")
    assert answer(workspace, "Why was metformin reduced?").found
    list(workspace.remove(record.id))
    assert not answer(workspace, "Why was metformin reduced?").found
    workspace.remove_collection("Matter")
    assert [c.name for c in workspace.collections()] == ["Other"]
    with pytest.raises(StoreError, match="no such collection"):
        workspace.search("law", "Matter")


def test_search_stays_in_documents_and_dates(workspace: Workspace, files: Path) -> None:
    from datetime import date

    os.utime(files / "contract.pdf", (0, 86_400 * 365))
    list(workspace.add([files], "Matter"))
    record = next(d for d in workspace.documents("Matter") if d.name == "record.pdf")
    found = workspace.search("law of Norway", "Matter", documents=[record.id])
    assert {p.document for p in found} == {"record.pdf"}
    recent = workspace.search("law of Norway", "Matter", since=date(2000, 1, 1))
    assert {p.document for p in recent} == {"record.pdf"}
    assert workspace.search("  ", "Matter") == []


def test_pages_are_drawn_and_listed(workspace: Workspace, files: Path) -> None:
    list(workspace.add([files], "Matter"))
    record = next(d for d in workspace.documents("Matter") if d.name == "record.pdf")
    assert len(workspace.page_sizes(record.id)) == 2
    assert MEDICINE.split()[0] in workspace.page_lines(record.id, 2)[0].text
    drawn = workspace.render_page(record.id, 2, dpi=36)
    assert len(drawn.pixels) == drawn.width * drawn.height * 3
    marked = workspace.mark(record.id, 2, "metformin")
    png = workspace.page_png(record.id, 2, dpi=36, boxes=marked.boxes)
    assert png != workspace.page_png(record.id, 2, dpi=36)
    with pytest.raises(IngestError, match=r"Nothing on page 1 .* These pages do: 2"):
        workspace.mark(record.id, 1, "metformin")
    with pytest.raises(IngestError, match="Nor does any other page"):
        workspace.mark(record.id, 1, "penguin")
    with pytest.raises(StoreError, match="no such page"):
        workspace.page_png(record.id, 9)


def test_it_is_all_there_after_a_restart(tmp_path: Path, key: KeyFile, files: Path) -> None:
    with Workspace.open(tmp_path / "library", key, create=True) as first:
        list(first.add([files], "Matter"))
        with pytest.raises(StoreBusy):
            Workspace.open(tmp_path / "library", key)
    with Workspace.open(tmp_path / "library", key) as again:
        (files / "record.pdf").unlink()
        events = list(again.ask("Why was metformin reduced?", "Matter"))
        assert isinstance(events[1], PassagesFound)
        assert events[-1].found  # type: ignore[union-attr]
    with pytest.raises(WrongKey):
        other = tmp_path / "other"
        other.write_text("ab" * 32)
        Workspace.open(tmp_path / "library", KeyFile(other))


def test_what_was_loaded_before_serves_the_library(tmp_path: Path, key: KeyFile) -> None:
    preload = Preload()
    with Workspace.open(tmp_path / "library", key, create=True, preload=preload) as workspace:
        assert workspace.embedder is preload.embedder()


def test_a_new_file_is_read_once(
    workspace: Workspace, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    hashing = SourceFile.content_hash

    def noting(source: SourceFile) -> str:
        hashed.append(source.path)
        return hashing(source)

    monkeypatch.setattr(SourceFile, "content_hash", noting)
    list(workspace.add([files], "Matter"))
    assert hashed == []
    list(workspace.add([files], "Matter"))
    assert sorted(hashed) == sorted(files.iterdir())
    stored = {d.name: workspace._store.original(d.id) for d in workspace.documents("Matter")}
    assert stored == {path.name: path.read_bytes() for path in files.iterdir()}


def test_closing_ends_an_addition_at_once(tmp_path: Path, key: KeyFile, files: Path) -> None:
    workspace = Workspace.open(tmp_path / "library", key, create=True)
    adding = workspace.add([files], "Matter")
    next(adding)
    workspace.close()
    with pytest.raises(StoreError, match="closed"):
        list(adding)


def test_an_index_at_a_path_is_mended(tmp_path: Path, key: KeyFile, files: Path) -> None:
    with Workspace.open(tmp_path / "library", key, create=True) as workspace:
        workspace.use_index(str(tmp_path / "index"))
        list(workspace.add([files / "record.pdf"], "Matter"))
        assert workspace.search("metformin", "Matter")
    with Workspace.open(tmp_path / "library", key) as workspace:
        list(workspace.add([files / "contract.pdf"], "Matter"))  # the index is not open yet
    with Workspace.open(tmp_path / "library", key) as workspace:
        assert {p.document for p in workspace.search("metformin law", "Matter")} == {
            "record.pdf",
            "contract.pdf",
        }


def test_embedding_anew_keeps_everything(workspace: Workspace, files: Path) -> None:
    list(workspace.add([files], "Matter"))
    before = workspace.search("metformin", "Matter")
    assert list(workspace.change_model(None)) == []
    for document in workspace.documents("Matter"):
        stored = workspace._store.document_chunks(document.id)
        vectors = workspace.embedder.embed([s.chunk.search_text for s in stored])
        workspace._store.put_chunks(document.id, [s.chunk for s in stored], vectors, "older")
    with pytest.raises(StoreError, match="another model"):
        workspace._index._filled.clear()  # as after opening the library again
        workspace.search("metformin", "Matter")
    assert len(list(workspace.embed_outdated())) == 2
    after = workspace.search("metformin", "Matter")
    assert [p.text for p in after] == [p.text for p in before]
