"""Reading a file, from the program's side: have a guest parse it, have pages OCRed, hash it.

Knows files, guests and the OCR pool; knows nothing of formats, chunks or the store. What a guest
says is checked by ``guest.wire``; a guest that fails as a process fails its own file.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from ingest.errors import DamagedFile, LimitExceeded, ReadError
from ingest.figure_reading import FiguresRead
from ingest.figures import MOST_FIGURES, find_figures
from ingest.furniture import mark_ocr_furniture
from ingest.guest import wire
from ingest.guest.frames import FrameError, Header
from ingest.guest.guest import Guest, GuestDied, GuestTimedOut
from ingest.guest.launch import Launcher, default_launcher
from ingest.guest.limits import Limits
from ingest.guest.report import error_from_wire
from ingest.reconcile import reconcile
from ingest.rendering import PageRenderer, page_sizes, render_page, render_pixels
from ingest.source import MemoryFile, SourceFile, open_source
from ingest.types import Figure, FileInfo, Page, PageImage, Reading, TextSource
from ingest.unseen import unseen_warnings

__all__ = [
    "FigureText",
    "FileOpened",
    "FileRead",
    "Limits",
    "PageRenderer",
    "PageText",
    "ReadEvent",
    "page_sizes",
    "read_file",
    "read_text",
    "render_page",
    "render_pixels",
]

READ_JOB = "ingest.guest.jobs:read"
_OCR_IN_FLIGHT = 4
_WAITING_PAGES = 200


class OcrPool(Protocol):
    """What this module needs of ``ingest.ocr``: pages in, read pages out, in any order."""

    def submit(self, image: PageImage, /) -> Future[Page]:
        """Starts the OCR of one page."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """The file is of a known format and its pages are coming."""

    info: FileInfo


@dataclass(frozen=True, slots=True)
class PageText:
    """The next page, of ``pages``; ``source`` is "text", "ocr", "empty" or "unreadable"."""

    page: Page
    pages: int
    source: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """All pages, and the file itself with its SHA-256 in hex and its time in seconds since 1970.

    ``rendition`` is the PDF that stands for the file, None where it is a PDF. ``readings`` are
    those of pages that were read more than once, as they were before they became one.
    """

    info: FileInfo
    pages: tuple[Page, ...]
    rendition: bytes | None
    original: bytes
    content_hash: str
    modified: float
    figures: tuple[Figure, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class FigureText:
    """So many of a file's figures were looked into."""

    done: int


class _Finished(NamedTuple):
    """A page with where its text came from, and its readings where there are several."""

    page: Page
    origin: str
    readings: tuple[Reading, ...] = ()


ReadEvent = FileOpened | PageText | FigureText | FileRead


def read_file(
    path: Path,
    *,
    passwords: Sequence[str] = (),
    limits: Limits | None = None,
    ocr: OcrPool | None = None,
    launcher: Launcher | None = None,
) -> Iterator[ReadEvent]:
    """Reads one file: `FileOpened`, one `PageText` a page in order, then `FileRead`.

    Pages that need OCR go to ``ocr``, a few at a time; without it they come back with what text
    layer they have, marked unreadable. Closing the iterator ends the guest.

    Raises:
        ReadError: the file cannot be read; its class, cause and remedy say why.
    """
    limits = limits or Limits()
    with open_source(path, limits) as source:
        reading = _Reading(source, limits, tuple(passwords), launcher or default_launcher())
        yield from reading.events(ocr)


def read_text(text: str, name: str) -> FileRead:
    """Typesets a plain text that stands in no file, as one called ``name`` (ending in .txt).

    Raises:
        ReadError: it cannot be laid out.
    """
    source = MemoryFile(name, text.encode())
    *_, last = _Reading(source, Limits(), (), default_launcher()).events(None)
    assert isinstance(last, FileRead)
    return last


class _Reading:
    """One file on its way through a guest."""

    def __init__(
        self,
        source: SourceFile | MemoryFile,
        limits: Limits,
        passwords: tuple[str, ...],
        launcher: Launcher,
    ) -> None:
        self._source = source
        self._limits = limits
        self._passwords = passwords
        self._launcher = launcher
        self._seconds = limits.opening_seconds(source.size)
        self._rendition: bytes | None = None

    def events(self, ocr: OcrPool | None) -> Iterator[ReadEvent]:
        request: Header = {
            "job": READ_JOB,
            "name": self._source.path.name,
            "passwords": list(self._passwords),
            "limits": self._limits.to_wire(),
        }
        try:
            with self._launcher.start(request, self._source.descriptor) as guest:
                info = self._opened(guest)
                yield FileOpened(info)
                found = []
                readings: list[Reading] = []
                for done in _in_order(self._pages(guest, info), ocr, self._limits):
                    found.append(done.page)
                    readings += done.readings
                    yield PageText(done.page, info.page_count, done.origin)
        except GuestTimedOut as error:
            raise self._too_slow() from error
        except GuestDied as error:
            raise self._too_slow() if error.exceeded else self._crashed(error) from error
        except (FrameError, wire.WireError) as error:
            raise self._nonsense(error) from error
        # Only now, so that a file that is long in OCR does not lie in memory; the guest has read
        # the same bytes, or the file would have changed.
        original = self._source.content()
        pages = mark_ocr_furniture(found)
        figures = FiguresRead(find_figures(pages))
        if ocr is not None and figures.figures:
            shown = self._rendition or original
            name = self._source.path.name
            passwords = () if self._rendition else self._passwords
            with PageRenderer(
                shown, passwords=passwords, name=name, launcher=self._launcher
            ) as renderer:
                known = {p.number for p in pages if p.confidence is not None}
                for count in figures.read(renderer, ocr, self._limits.ocr_seconds, known):
                    yield FigureText(count)
        told = [*_figure_warnings(pages, figures), *unseen_warnings(pages, figures.figures)]
        yield FileRead(
            replace(info, warnings=(*info.warnings, *told)),
            pages,
            self._rendition,
            original,
            hashlib.sha256(original).hexdigest(),
            self._source.modified,
            tuple(figures.figures),
            tuple(readings),
        )

    def _opened(self, guest: Guest) -> FileInfo:
        header, _ = self._receive(guest, 0)
        if header.get("kind") != "opened":
            raise wire.WireError("kind")
        info = wire.info_from_wire(header.get("info"), self._limits)
        self._seconds += self._limits.seconds_per_page * info.page_count
        return info

    def _pages(self, guest: Guest, info: FileInfo) -> Iterator[Page | PageImage]:
        """The pages as the guest sends them; every number once and in order."""
        body_limit = self._limits.max_pixels * 3
        lines = characters = 0
        for number in range(1, info.page_count + 1):
            header, body = self._receive(guest, body_limit)
            page: Page | PageImage
            if header.get("kind") == "page":
                page = wire.page_from_wire(header.get("page"), self._limits)
            elif header.get("kind") == "image":
                page = wire.image_from_wire(header.get("image"), body, self._limits)
            else:
                raise wire.WireError("kind")
            if page.number != number:
                raise wire.WireError("page order")
            text = page if isinstance(page, Page) else page.fallback
            if text is not None:
                lines += len(text.lines)
                characters += sum(len(line.text) for line in text.lines)
            if (
                lines > self._limits.max_document_lines
                or characters > self._limits.max_document_text
            ):
                raise self._too_much_text()
            yield page
        header, body = self._receive(guest, self._limits.max_rendition_bytes)
        if header.get("kind") != "done" or (body and not body.startswith(b"%PDF-")):
            raise wire.WireError("end")
        self._rendition = body or None

    def _receive(self, guest: Guest, max_body: int) -> tuple[Header, bytes]:
        began = time.monotonic()
        header, body = guest.receive(max(self._seconds, 0.1), max_body)
        self._seconds -= time.monotonic() - began
        if header.get("kind") == "error":
            raise error_from_wire(header, str(self._source.path))
        return header, body

    def _too_slow(self) -> LimitExceeded:
        return LimitExceeded(
            str(self._source.path),
            "Reading it took longer than a file may take.",
            "Split it into smaller files, or print it to a new PDF.",
        )

    def _too_much_text(self) -> LimitExceeded:
        lines, characters = self._limits.max_document_lines, self._limits.max_document_text
        return LimitExceeded(
            str(self._source.path),
            f"It has more text than a file may ({lines:,} lines, {characters:,} characters).",
            "Split it into smaller files.",
        )

    def _crashed(self, error: GuestDied) -> DamagedFile:
        return DamagedFile(
            str(self._source.path),
            f"The reader crashed on it ({error}).",
            "Open it in the program that made it, save it again, and add that file.",
        )

    def _nonsense(self, error: Exception) -> DamagedFile:
        return DamagedFile(
            str(self._source.path),
            f"The reader gave an impossible answer ({error}).",
            "Do not trust this file. Print it to a new PDF, and add that.",
        )


def _figure_warnings(pages: Sequence[Page], figures: FiguresRead) -> list[str]:
    """What was left out of the search for figures, so that nobody takes it for complete."""
    warnings = []
    hurried = [str(page.number) for page in pages if page.hurried]
    if hurried:
        more = f" and {len(hurried) - 10} more" if len(hurried) > 10 else ""
        warnings.append(
            "Pages with too many drawings were not searched for figures and hidden text, "
            "or not wholly: "
            f"{', '.join(hurried[:10])}{more}."
        )
    if len(figures.figures) >= MOST_FIGURES:
        warnings.append(f"Only its first {MOST_FIGURES:,} figures were kept.")
    if figures.left_out:
        warnings.append(f"The text inside of {figures.left_out} of its figures was not read.")
    if figures.failed:
        warnings.append(f"The text inside of {figures.failed} of its figures cannot be read.")
    return warnings


def _in_order(
    pages: Iterator[Page | PageImage], ocr: OcrPool | None, limits: Limits
) -> Iterator[_Finished]:
    """Pages with where their text came from; a few are OCRed while later ones are parsed."""
    waiting: deque[tuple[PageImage, Future[Page]] | Page] = deque()
    in_flight = pixels = 0
    try:
        for page in pages:
            if isinstance(page, Page):
                waiting.append(page)
            elif ocr is None:
                waiting.append(_without_ocr(page, "OCR is not available."))
            else:
                waiting.append((page, ocr.submit(page)))
                in_flight += 1
                pixels += page.pixels.size // 3
            while waiting and (
                in_flight >= _OCR_IN_FLIGHT
                or pixels > limits.max_pixels
                or len(waiting) > _WAITING_PAGES
                or _ready(waiting[0])
            ):
                first = waiting.popleft()
                if not isinstance(first, Page):
                    in_flight -= 1
                    pixels -= first[0].pixels.size // 3
                yield _finished(first, limits)
                # The last of its pixels goes before the next page's come.
                del first
        while waiting:
            yield _finished(waiting.popleft(), limits)
    finally:
        for item in waiting:
            if not isinstance(item, Page):
                item[1].cancel()


def _ready(item: tuple[PageImage, Future[Page]] | Page) -> bool:
    return isinstance(item, Page) or item[1].done()


def _finished(item: tuple[PageImage, Future[Page]] | Page, limits: Limits) -> _Finished:
    if isinstance(item, Page):
        return _Finished(item, _origin(item, "text"))
    image, future = item
    try:
        # The pool times each page; this only guards against a pool that has stopped.
        error = future.exception(timeout=limits.ocr_seconds * (_OCR_IN_FLIGHT + 1))
    except TimeoutError:
        future.cancel()
        page = _without_ocr(image, "OCR took too long.")
        return _Finished(page, _origin(page, "text"))
    if error is not None:
        why = error.cause if isinstance(error, ReadError) else type(error).__name__
        page = _without_ocr(image, f"OCR failed: {why}")
        return _Finished(page, _origin(page, "text"))
    read = future.result()
    numbered = replace(read, number=image.number)
    page = reconcile(numbered, image.fallback, layered=image.layered)
    readings: tuple[Reading, ...] = ()
    if image.fallback is not None and image.fallback.lines:
        readings = (
            Reading(image.number, TextSource.TEXT, image.fallback.lines),
            Reading(image.number, TextSource.OCR, read.lines),
        )
    return _Finished(page, _origin(page, "ocr"), readings)


def _without_ocr(image: PageImage, why: str) -> Page:
    reason = f"{image.reason} {why}".strip()
    if image.fallback is not None:
        return replace(image.fallback, unreadable=reason)
    return Page(image.number, image.width, image.height, (), reason)


def _origin(page: Page, source: str) -> str:
    if page.unreadable:
        return "unreadable"
    return source if page.lines else "empty"
