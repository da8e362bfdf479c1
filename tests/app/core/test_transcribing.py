"""A model's reading of a page stands beside the others."""

from __future__ import annotations

import io
import random
import wave
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.answers import CitationStatus, Mode
from app.core.events import (
    Answered,
    DocumentAdded,
    DocumentReplaced,
    PageTranscribed,
    TextWritten,
)
from app.core.following import Following
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import IngestError
from ingest.types import DICTATION, TextSource
from tests.app.core.scripted import FACTS, Scripted, put_in
from tests.app.core.test_asking import RECORD, write_pdf

SEEING = replace(FACTS, image_budgets=(280, 70, 560, 1120))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Workspace]:
    write_pdf(tmp_path / "record.pdf", RECORD)
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        list(workspace.add([tmp_path / "record.pdf"], "Matter"))
        yield workspace


def test_a_page_is_written_down_beside_what_was_read(library: Workspace) -> None:
    (document,) = library.documents("Matter")
    writer = Scripted(
        "Record of Ada Brandvik.\nOn 3 March 2024 metformin was reducecl to 500 mg twice a day.\n"
        "[x] signed by hand\n",
        facts=SEEING,
    )
    put_in(library, writer)
    before = library.page_lines(document.id, 1)
    events = list(library.transcribe(document.id, [1]))
    assert PageTranscribed(document.id, 1, 3, "scripted") in events
    own, model = library.readings(document.id, 1)
    assert own.source is TextSource.TEXT and list(own.lines) == before
    assert (model.source, model.by) == (TextSource.MODEL, "scripted") and model.made
    assert [line.box for line in model.lines[:2]] == [line.box for line in before]
    width, height = library.page_sizes(document.id)[0]
    assert tuple(model.lines[2].box) == (0, 0, width, height), "no place is guessed"
    (image,) = writer.messages[0][0].media
    assert image.tokens == 560 and image.source.startswith(b"\x89PNG")
    assert library.page_lines(document.id, 1) == before
    again = Scripted("Another reading.", facts=SEEING)
    put_in(library, again)
    list(library.transcribe(document.id, [1]))
    assert [len(r.lines) for r in library.readings(document.id, 1)] == [2, 1]


def test_only_poor_pages_are_read_again(library: Workspace) -> None:
    (document,) = library.documents("Matter")
    put_in(library, Scripted("x", facts=SEEING))
    assert library.poor_pages(document.id) == []
    events = list(library.transcribe(document.id))
    assert not [e for e in events if isinstance(e, PageTranscribed)]


def test_what_cannot_see_is_refused(library: Workspace) -> None:
    (document,) = library.documents("Matter")
    put_in(library, Scripted("x"))
    with pytest.raises(IngestError, match="does not see"):
        list(library.transcribe(document.id, [1]))
    put_in(library, Scripted("x", facts=SEEING))
    with pytest.raises(IngestError, match="no such page"):
        list(library.transcribe(document.id, [9]))


def recording(path: Path, seconds: float, rate: int = 16_000) -> bytes:
    """Noise with a pause every ten seconds."""
    chance = random.Random(1)
    samples = array(
        "h",
        (
            0 if n % (10 * rate) > 9.5 * rate else chance.randint(-9000, 9000)
            for n in range(int(seconds * rate))
        ),
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return samples.tobytes()


def test_a_dictated_note_is_heard_in_pieces(library: Workspace, tmp_path: Path) -> None:
    whole = recording(tmp_path / "note.wav", 23)
    writer = Scripted(
        "Dear colleague,", "thank you.", "Yours.", facts=replace(FACTS, audio_seconds=12)
    )
    put_in(library, writer)
    events = list(library.transcribe_audio(tmp_path / "note.wav"))
    text = "".join(e.text for e in events if isinstance(e, TextWritten))
    assert text == "Dear colleague, thank you. Yours."
    heard = b""
    for prompt in writer.messages:
        (audio,) = prompt[0].media
        with wave.open(io.BytesIO(audio.source)) as file:
            assert file.getnframes() <= 12 * 16_000
            heard += file.readframes(file.getnframes())
            if len(heard) < len(whole):
                assert heard[-200:] == bytes(200), "cut where it is quiet"
    assert heard == whole


def test_what_a_model_read_is_found_beside_what_ocr_read(library: Workspace) -> None:
    (document,) = library.documents("Matter")
    before = library.search("who signed by hand", "Matter")
    assert not any(passage.by for passage in before)
    put_in(library, Scripted("Signed by hand: Doctor Oduya, on the last of May.", facts=SEEING))
    list(library.transcribe(document.id, [1]))
    passages = library.search("Doctor Oduya", "Matter")
    (found,) = [passage for passage in passages if passage.by]
    assert found.by == "scripted" and found.pages == (1,) and "Oduya" in found.text
    assert {line.source for line in found.lines} == {TextSource.MODEL}
    assert {p.text for p in before} <= {p.text for p in passages}, "nothing took another's place"
    assert library.documents("Matter")[0].chunks == document.chunks + 1
    # Written down again, the new reading takes the place of the old one, and of no other.
    put_in(library, Scripted("Signed by hand: Doctor Adebayo.", facts=SEEING))
    list(library.transcribe(document.id, [1]))
    assert [p.text for p in library.search("Doctor", "Matter") if p.by] == [
        "Signed by hand: Doctor Adebayo."
    ]
    with library._store._database.writing() as connection:
        connection.execute("UPDATE document SET model = 'an older one'")
    list(library.embed_outdated())
    library._index.forget()
    assert [p.by for p in library.search("Adebayo", "Matter") if p.by] == ["scripted"]
    list(library.remove(document.id))
    assert library.search("Adebayo", "Matter") == []


def test_the_words_of_a_model_never_count_as_verified(library: Workspace) -> None:
    (document,) = library.documents("Matter")
    put_in(library, Scripted("The kidney was found to be of ordinary size.", facts=SEEING))
    list(library.transcribe(document.id, [1]))
    # Quoted without a model, and by one that writes.
    library.language._for_now = None
    answered = list(library.ask("What size was the kidney found to be?", "Matter"))[-1]
    assert isinstance(answered, Answered) and answered.found
    (citation,) = [c for c in answered.citations if "kidney" in c.quote]
    assert (citation.status, citation.read_by) == (CitationStatus.TRANSCRIBED, "scripted")
    said = 'It was "of ordinary size" [{}]. The dose was "500 mg" [{}].'
    put_in(library, Scripted(said.format(1, 2), said.format(2, 1)))
    seen = set()
    for _ in range(2):
        question = "What size was the kidney, and what was the dose of metformin?"
        answered = list(library.ask(question, "Matter", mode=Mode.PASSAGES))[-1]
        assert isinstance(answered, Answered)
        for statement in answered.statements:
            quoted = [c for c in answered.citations if c.n in statement.citations]
            if any(c.read_by for c in quoted):
                assert statement.status is CitationStatus.TRANSCRIBED
            seen |= {(c.status, c.read_by) for c in quoted if c.boxes}
    assert (CitationStatus.TRANSCRIBED, "scripted") in seen
    assert (CitationStatus.VERIFIED, "") in seen
    assert not [s for s in seen if s[0] is CitationStatus.VERIFIED and s[1]]


def test_a_dictated_note_becomes_a_document(library: Workspace, tmp_path: Path) -> None:
    recording(tmp_path / "note.wav", 11)
    hearing = replace(FACTS, audio_seconds=12)
    said = "Mrs. Lindqvist walks without a stick.\n\nThe wound has closed; next visit in May."
    put_in(library, Scripted(said, facts=hearing))
    *_, event = library.add_dictation(tmp_path / "note.wav", "Notes")
    assert isinstance(event, DocumentAdded)
    document = event.document
    assert (document.name, document.media_type) == ("note.wav", DICTATION)
    assert "by scripted" in document.warnings[0] and "Nobody has compared" in document.warnings[0]
    assert library._store.original(document.id) == (tmp_path / "note.wav").read_bytes()
    lines = library.page_lines(document.id, 1)
    assert lines[0].text == "Dictated note: note.wav" and lines[0].source is TextSource.TEXT
    heard = [line.text for line in lines if line.source is TextSource.MODEL]
    assert heard == said.split("\n\n")
    assert library.page_png(document.id, 1).startswith(b"\x89PNG")
    own, model = library.readings(document.id, 1)
    assert (own.source, model.by) == (TextSource.TEXT, "scripted") and model.made
    (found,) = library.search("Who walks without a stick?", "Notes")
    assert found.by == "scripted"
    library.language._for_now = None
    answered = list(library.ask("How does Mrs. Lindqvist walk?", "Notes"))[-1]
    assert isinstance(answered, Answered) and answered.found
    citation = answered.citations[0]
    assert (citation.status, citation.read_by) == (CitationStatus.TRANSCRIBED, "scripted")
    (box,) = citation.boxes
    assert box.box in [line.box for line in lines if "Lindqvist" in line.text]
    assert any("Nobody has compared" in caution for caution in answered.cautions)
    # Heard again, it takes its own place.
    put_in(library, Scripted("Mrs. Lindqvist runs.", facts=hearing))
    *_, event = library.add_dictation(tmp_path / "note.wav", "Notes")
    assert isinstance(event, DocumentReplaced) and event.document.id == document.id
    assert len(library.documents("Notes")) == 1
    assert "walks" not in library.search("Lindqvist", "Notes")[0].text
    put_in(library, Scripted("x", facts=SEEING))
    with pytest.raises(IngestError, match="what a model heard"):
        list(library.transcribe(document.id, [1]))
    # The model of the text may change.
    with library._store._database.writing() as connection:
        connection.execute("UPDATE document SET model = 'an older one'")
    list(library.embed_outdated())
    library._index.forget()
    assert [p.by for p in library.search("Lindqvist", "Notes")] == ["scripted"]


def test_a_note_without_words_is_not_kept(library: Workspace, tmp_path: Path) -> None:
    recording(tmp_path / "note.wav", 2)
    put_in(library, Scripted(" …\n", facts=replace(FACTS, audio_seconds=12)))
    with pytest.raises(IngestError, match="heard no words"):
        list(library.add_dictation(tmp_path / "note.wav", "Notes"))
    assert [c.name for c in library.collections()] == ["Matter"]


def test_a_followed_folder_does_not_take_a_dictated_note_away(
    library: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    recording(folder / "note.wav", 2)
    put_in(library, Scripted("All is well.", facts=replace(FACTS, audio_seconds=12)))
    list(library.add_dictation(folder / "note.wav", "Notes"))
    library.follow("Notes", str(folder))
    list(Following(library).events(once=True))
    assert [d.name for d in library.documents("Notes")] == ["note.wav"]


def test_what_is_no_such_recording_is_named(library: Workspace, tmp_path: Path) -> None:
    put_in(library, Scripted("x", facts=replace(FACTS, audio_seconds=12)))
    recording(tmp_path / "fast.wav", 1, rate=44_100)
    (tmp_path / "text.wav").write_text("no wave")
    for name, cause in (
        ("fast.wav", "44,100 Hz"),
        ("text.wav", "cannot be read"),
        ("gone.wav", "No such"),
    ):
        with pytest.raises(IngestError, match=cause):
            list(library.transcribe_audio(tmp_path / name))
