from __future__ import annotations

import hashlib
import io
import os
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docx
import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw

from ingest import reading
from ingest.errors import (
    DamagedFile,
    FileUnreachable,
    LimitExceeded,
    PasswordNeeded,
    UnsupportedFile,
)
from ingest.guest.guest import GuestDied
from ingest.guest.launch import ForkServer, Spawner
from ingest.reading import FileOpened, FileRead, Limits, PageText, read_file
from ingest.source import open_source
from ingest.types import Box, Line, Page, PageImage, TextSource

HERE = Path(__file__).parent


def pdf(*texts: str, **save: Any) -> bytes:
    document = pymupdf.open()
    for text in texts:
        document.new_page().insert_text((72, 100), text)
    data: bytes = document.tobytes(**save)
    return data


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def text_of(pages: tuple[Page, ...]) -> str:
    return " ".join(line.text for page in pages for line in page.lines)


def read_all(path: Path, **options: Any) -> FileRead:
    events = list(read_file(path, **options))
    assert isinstance(events[-1], FileRead)
    return events[-1]


@pytest.fixture(scope="module")
def misbehaving() -> Iterator[ForkServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE / "guest"))
        server = ForkServer(("ingest.guest.jobs", "misbehaving"))
        server.warm_up()
        yield server
        server.close()


class Pool:
    """An OCR pool of threads that writes the page's number, and counts what is in flight."""

    def __init__(self, failing: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self._threads = ThreadPoolExecutor(4)
        self._failing = failing
        self._lock = threading.Lock()
        self.running = self.most = 0

    def submit(self, image: PageImage) -> Future[Page]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        return self._threads.submit(self._read, image)

    def _read(self, image: PageImage) -> Page:
        time.sleep(0.02 if image.number % 2 else 0.001)
        with self._lock:
            self.running -= 1
        if image.number in self._failing:
            raise DamagedFile("page", "Smudged.", "Clean it.")
        line = Line(f"seen {image.number}", Box(0, 0, 9, 9), source=TextSource.OCR, confidence=0.9)
        return Page(image.number, image.width, image.height, (line,))


def scan(pages: int) -> bytes:
    frames = []
    for number in range(pages):
        image = Image.new("RGB", (400, 300), "white")
        ImageDraw.Draw(image).text((20, 20), f"page {number}", fill="black", font_size=40)
        frames.append(image)
    data = io.BytesIO()
    frames[0].save(data, "TIFF", save_all=True, append_images=frames[1:])
    return data.getvalue()


def test_the_events_of_a_pdf(tmp_path: Path) -> None:
    data = pdf("first page", "second page")
    events = list(read_file(write(tmp_path, "a.pdf", data)))
    opened, first, second, end = events
    assert isinstance(opened, FileOpened)
    assert opened.info.media_type == "application/pdf"
    assert isinstance(first, PageText)
    assert isinstance(second, PageText)
    assert (first.pages, first.source, second.page.number) == (2, "text", 2)
    assert isinstance(end, FileRead)
    assert end.rendition is None
    assert end.original == data
    assert end.content_hash == hashlib.sha256(data).hexdigest()
    assert end.pages == (first.page, second.page)
    assert text_of(end.pages) == "first page second page"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"Plain words", "Plain words"),
        ("a.md", b"# Head\n\nwords", "Head words"),
        ("a.html", b"<html><p>words</p>", "words"),
        ("a.eml", b"From: a@b\nSubject: Hi\n\nwords", "Hi From: a@b Subject: Hi words"),
    ],
)
def test_other_formats_have_a_rendition(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    end = read_all(write(tmp_path, name, content))
    assert text_of(end.pages) == expected
    assert end.rendition is not None
    assert end.rendition.startswith(b"%PDF-")
    assert reading.page_sizes(end.rendition) == ((595.0, 842.0),)


def test_a_misnamed_file_is_read_with_a_warning(tmp_path: Path) -> None:
    end = read_all(write(tmp_path, "a.pdf", b"<html><body>words</body></html>"))
    assert end.info.media_type == "text/html"
    assert "HTML" in end.info.warnings[0]


def test_spawned_guests_read_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf("words"))
    assert read_all(path, launcher=Spawner()) == read_all(path)


def test_ocr_pages_come_in_order_a_few_at_a_time(tmp_path: Path) -> None:
    pool = Pool(failing={5})
    events = list(read_file(write(tmp_path, "a.tif", scan(12)), ocr=pool))
    pages = [event for event in events if isinstance(event, PageText)]
    assert [event.page.number for event in pages] == list(range(1, 13))
    assert [event.source for event in pages].count("ocr") == 11
    assert pages[4].source == "unreadable"
    assert "Smudged" in pages[4].page.unreadable
    assert pages[6].page.lines[0].text == "seen 7"
    assert pool.most <= 5


def test_pictures_that_wait_for_ocr_are_few_when_they_are_large(
    tmp_path: Path, misbehaving: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.pdf", pdf("words"))
    monkeypatch.setattr(reading, "READ_JOB", "misbehaving:sends_pictures")
    pool = Pool()
    end = read_all(path, ocr=pool, launcher=misbehaving, limits=Limits(max_pixels=15_000))
    assert len(end.pages) == 6
    assert pool.most <= 2


def test_a_scan_inside_a_word_document_is_read(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Typed words.")
    document.add_picture(io.BytesIO(scan(1)))
    path = tmp_path / "a.docx"
    document.save(str(path))
    end = read_all(path, ocr=Pool())
    assert end.info.page_count == 2
    assert text_of(end.pages) == "Typed words. seen 2"


def test_without_ocr_a_scan_is_marked_unreadable(tmp_path: Path) -> None:
    end = read_all(write(tmp_path, "a.tif", scan(1)))
    assert "OCR is not available" in end.pages[0].unreadable


def test_closing_the_iterator_ends_the_guest(tmp_path: Path) -> None:
    events = read_file(write(tmp_path, "a.pdf", pdf(*["words"] * 50)))
    next(events)
    events.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "password", "typed"),
    [
        (pymupdf.PDF_ENCRYPT_AES_256, "secret", "secret"),
        (pymupdf.PDF_ENCRYPT_RC4_128, "secret", "secret"),
        (pymupdf.PDF_ENCRYPT_AES_256, "Zürich", "Zürich"),
        (pymupdf.PDF_ENCRYPT_AES_256, "SaSLprep", "SªSL\u00adprep"),
        (pymupdf.PDF_ENCRYPT_AES_256, "secret", " secret "),
    ],
)
def test_passwords(tmp_path: Path, method: int, password: str, typed: str) -> None:
    data = pdf("hidden words", encryption=method, user_pw=password, owner_pw="owner")
    path = write(tmp_path, "a.pdf", data)
    for wrong in ((), ("wrong", "")):
        with pytest.raises(PasswordNeeded) as caught:
            read_all(path, passwords=wrong)
        assert caught.value.subject == str(path)
    assert text_of(read_all(path, passwords=("wrong", typed)).pages) == "hidden words"


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.pdf", b"", DamagedFile),
        ("a.pdf", b"%PDF-1.7 and nothing", DamagedFile),
        ("a.pdf", b"words only", DamagedFile),
        ("a.bin", os.urandom(5000).replace(b"%PDF", b"...."), UnsupportedFile),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), UnsupportedFile),
    ],
)
def test_bad_files_fail_with_a_reason(
    tmp_path: Path, name: str, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        read_all(write(tmp_path, name, content))
    assert caught.value.cause  # type: ignore[attr-defined]
    assert caught.value.remedy  # type: ignore[attr-defined]


def test_unreachable_files(tmp_path: Path) -> None:
    with pytest.raises(FileUnreachable, match="no such file"):
        read_all(tmp_path / "missing.pdf")
    with pytest.raises(FileUnreachable, match="folder"):
        read_all(tmp_path)
    with pytest.raises(FileUnreachable):
        read_all(tmp_path / ("x" * 5000))
    with pytest.raises(FileUnreachable):
        read_all(Path("nul\0byte.pdf"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_and_a_device_are_no_files(tmp_path: Path) -> None:
    fifo = tmp_path / "a.pdf"
    os.mkfifo(fifo)
    for path in (fifo, Path(os.devnull)):
        with pytest.raises(FileUnreachable, match="no regular file"):
            read_all(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_no_permission(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"words")
    path.chmod(0)
    with pytest.raises(FileUnreachable, match="may not be read"):
        read_all(path)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf("words", "more"))
    events = read_file(path)
    next(events)
    path.write_bytes(pdf("other words"))
    with pytest.raises(FileUnreachable, match="changed"):
        list(events)


def test_limits_of_size_pages_and_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf("one", "two", "three"))
    with pytest.raises(LimitExceeded):
        read_all(path, limits=Limits(max_pages=2))
    with pytest.raises(LimitExceeded):
        read_all(path, limits=Limits(max_file_bytes=10))
    page = read_all(path, limits=Limits(max_text=2)).pages[0]
    assert page.lines == ()
    assert "too much text" in page.unreadable


def test_a_huge_text_exceeds_the_pages(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"words and words\n\n" * 20_000)
    with pytest.raises(LimitExceeded):
        read_all(path, limits=Limits(max_pages=20))


def test_a_decompression_bomb_stays_inside_its_limits(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "before")
    bomb = zlib.compress(zlib.compress(b" " * 60_000_000, 9))
    xref = document[0].get_contents()[0]
    document.update_stream(xref, bomb, compress=False)
    document.xref_set_key(xref, "Filter", "[/FlateDecode /FlateDecode]")
    path = write(tmp_path, "bomb.pdf", document.tobytes())
    try:
        end = read_all(path, limits=Limits(memory_bytes=50 << 20, seconds=20))
        assert len(end.pages) == 1
    except (LimitExceeded, DamagedFile) as error:
        assert not isinstance(error.__cause__, GuestDied), error


def test_a_page_of_enormous_size_is_still_read(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page(width=14_000, height=14_000).insert_text((72, 100), "words on a wall")
    assert "words" in text_of(read_all(write(tmp_path, "a.pdf", document.tobytes())).pages)


@pytest.mark.parametrize(
    ("job", "error", "cause"),
    [
        ("segfault", DamagedFile, "crashed"),
        ("killed", DamagedFile, "crashed"),
        ("leaves", DamagedFile, "crashed"),
        ("garbage", DamagedFile, "impossible"),
        ("endless_body", DamagedFile, "impossible"),
        ("wrong_fields", DamagedFile, "impossible"),
        ("pages_out_of_order", DamagedFile, "impossible"),
        ("invents_an_error", DamagedFile, "impossible"),
        ("says_too_many_values", DamagedFile, "too many values"),
        ("says_more_pages_than_it_said", DamagedFile, "impossible"),
        ("says_too_much", LimitExceeded, "more text"),
        ("sends_too_many_pixels", DamagedFile, "impossible"),
        ("sends_another_rendition", DamagedFile, "impossible"),
        ("drips", LimitExceeded, "longer"),
        ("hangs_at_once", LimitExceeded, "longer"),
        ("eats_memory", LimitExceeded, "memory"),
    ],
)
def test_a_guest_that_misbehaves_fails_its_own_file(
    tmp_path: Path,
    misbehaving: ForkServer,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
    error: type[Exception],
    cause: str,
) -> None:
    path = write(tmp_path, "a.pdf", pdf("words"))
    with monkeypatch.context() as patch:
        patch.setattr(reading, "READ_JOB", f"misbehaving:{job}")
        seconds = 0.3 if job in ("hangs_at_once", "drips") else 20
        limits = Limits(
            seconds=seconds, seconds_per_page=0.1, memory_bytes=200 << 20, max_document_text=20_000
        )
        with pytest.raises(error, match=cause) as caught:
            read_all(path, launcher=misbehaving, limits=limits)
        assert str(path) in str(caught.value)
    # The next file is read as if nothing had happened.
    assert text_of(read_all(path, launcher=misbehaving).pages) == "words"


def test_several_files_at_once(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{number}.pdf", pdf(f"number {number}")) for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        ends = list(threads.map(read_all, paths))
    assert [text_of(end.pages) for end in ends] == [f"number {number}" for number in range(8)]


def test_hashes_are_those_of_the_content(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    with open_source(write(tmp_path, "a", data), Limits()) as source:
        assert source.content() == data
        assert source.content_hash() == hashlib.sha256(data).hexdigest()
