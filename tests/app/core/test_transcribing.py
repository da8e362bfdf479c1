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

from app.core.events import PageTranscribed, TextWritten
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import IngestError
from ingest.types import TextSource
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
