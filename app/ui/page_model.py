"""The page panel's view model: the open document, the marked place, and pages as images.

Images come from the background process and are kept in a cache of bounded size. Knows no widget.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from app.core.answers import Citation
from app.ui.bridge import Bridge
from app.ui.messages import Failure
from ingest.types import PageBox, Passage

CACHE_BYTES = 160 * 2**20
MAX_PIXELS = 12_000_000  # of one image; beyond that the screen scales it up


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """The document in view; ``sizes`` are its pages' widths and heights in points."""

    id: int
    name: str
    sizes: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: a page and the boxes to mark there and on other pages."""

    page: int
    boxes: tuple[PageBox, ...] = ()
    label: str = ""


class PageModel(QObject):
    """Opens documents at places and hands out page images."""

    document_opened = Signal(object)  # OpenDocument
    document_closed = Signal()
    place_shown = Signal(object)  # Place
    image_ready = Signal(int)  # page
    page_failed = Signal(int, object)  # page, Failure
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._document: OpenDocument | None = None
        self._opening: tuple[int, int] | None = None  # document id, request
        self._place = Place(1)
        self._images: OrderedDict[int, tuple[float, QPixmap]] = OrderedDict()
        self._requests: dict[int, tuple[int, float]] = {}  # page -> request, dpi
        self.problems: dict[int, Failure] = {}

    @property
    def document(self) -> OpenDocument | None:
        """The document in view."""
        return self._document

    @property
    def place(self) -> Place:
        """The place last asked for."""
        return self._place

    @property
    def rendering(self) -> bool:
        """Whether images that were asked for are still to come."""
        return bool(self._requests)

    def show_citation(self, citation: Citation) -> None:
        """Opens a citation's document with its lines marked."""
        label = f"[{citation.n}]"
        self.show(
            citation.document_id, citation.document, Place(citation.page, citation.boxes, label)
        )

    def show_passage(self, passage: Passage) -> None:
        """Opens a passage's document with its lines marked."""
        boxes = tuple(PageBox(line.page, line.box) for line in passage.lines)
        page = passage.pages[0] if passage.pages else 1
        self.show(passage.document_id, passage.document, Place(page, boxes))

    def show(self, document_id: int, name: str, place: Place) -> None:
        """Opens a document at a place, or moves there when it is open."""
        self._place = place
        if self._document is not None and self._document.id == document_id:
            self._cancel_opening()
            self.place_shown.emit(place)
            return
        if self._opening is not None and self._opening[0] == document_id:
            return  # its place has been set
        self._cancel_opening()

        def opened(value: Any) -> None:
            self._opening = None
            self._forget_images()
            self._document = OpenDocument(document_id, name, tuple(value))
            self.document_opened.emit(self._document)
            self.place_shown.emit(self._place)

        def failed(failure: Failure) -> None:
            self._opening = None
            self.request_failed.emit(failure)

        request = self._bridge.call(
            "page_sizes",
            document_id,
            on_value=opened,
            on_failed=failed,
            on_finished=lambda _c: None,
        )
        self._opening = (document_id, request)

    def close_document(self, document_id: int | None = None) -> None:
        """Closes the document in view, or only if it is this one."""
        if self._document is None or document_id not in (None, self._document.id):
            return
        self._forget_images()
        self._document = None
        self.document_closed.emit()

    def image(self, page: int) -> QPixmap | None:
        """The newest image of a page, at whatever size it has."""
        entry = self._images.get(page)
        if entry is None:
            return None
        self._images.move_to_end(page)
        return entry[1]

    def want_images(self, pages: Mapping[int, float]) -> None:
        """Asks for these pages at so many dots an inch each, and for no others any more."""
        document = self._document
        if document is None:
            return
        for page in [p for p, (_, dpi) in self._requests.items() if pages.get(p) != dpi]:
            request, _ = self._requests.pop(page)
            self._bridge.cancel(request)
        for page, dpi in pages.items():
            if page in self._requests or page in self.problems:
                continue
            limited = limited_dpi(document.sizes[page - 1], dpi)
            known = self._images.get(page)
            if known is not None and abs(known[0] - limited) < 0.5:
                continue
            self._request_image(document, page, dpi, limited)

    def retry(self) -> None:
        """Forgets which pages failed, after the background process was started again."""
        self.problems.clear()
        self._requests.clear()
        self.image_ready.emit(0)

    def _request_image(self, document: OpenDocument, page: int, dpi: float, limited: float) -> None:
        def rendered(value: Any) -> None:
            self._requests.pop(page, None)
            if self._document is document:
                self._keep(page, limited, pixmap_of(value.pixels, value.width, value.height))
                self.image_ready.emit(page)

        def failed(failure: Failure) -> None:
            self._requests.pop(page, None)
            if self._document is document:
                self.problems[page] = failure
                self.page_failed.emit(page, failure)

        request = self._bridge.call(
            "render_page",
            document.id,
            page,
            dpi=limited,
            on_value=rendered,
            on_failed=failed,
            on_finished=lambda _cancelled: None,
        )
        self._requests[page] = (request, dpi)

    def _keep(self, page: int, dpi: float, image: QPixmap) -> None:
        self._images[page] = (dpi, image)
        self._images.move_to_end(page)
        total = sum(_bytes(kept) for _, kept in self._images.values())
        while total > CACHE_BYTES and len(self._images) > 1:
            _, (_, oldest) = self._images.popitem(last=False)
            total -= _bytes(oldest)

    def _forget_images(self) -> None:
        for request, _ in self._requests.values():
            self._bridge.cancel(request)
        self._requests.clear()
        self._images.clear()
        self.problems.clear()

    def _cancel_opening(self) -> None:
        if self._opening is not None:
            self._bridge.cancel(self._opening[1])
            self._opening = None


def limited_dpi(size: tuple[float, float], dpi: float) -> float:
    """The resolution asked for, or the most that keeps a page of this size under MAX_PIXELS."""
    width, height = size
    most = 72.0 * float((MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
    return min(dpi, most)


def pixmap_of(pixels: bytes, width: int, height: int) -> QPixmap:
    """A pixmap from rows of red, green and blue bytes."""
    image = QImage(pixels, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)


def _bytes(image: QPixmap) -> int:
    return image.width() * image.height() * 4
