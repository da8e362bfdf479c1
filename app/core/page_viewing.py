"""Looking at the pages of stored documents: their lines, figures and readings, and as pixels.

The part of `app.core.workspace.Workspace` that shows. Pages are drawn in guests, a few of which
stay open. Safe to use from several threads.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence

from PIL import Image

from app.core.answers import Scope
from app.core.audit import Audit
from app.core.events import PageImageData
from app.core.marking import Marked, mark, matching_pages
from app.core.scoped import check_scope
from ingest.errors import IngestError
from ingest.reading import PageRenderer
from ingest.store import Store
from ingest.types import Box, Figure, Line, Reading
from ingest.upright import quarter_turns, turned

_OPEN_PAGES = 3


class PageViewing:
    """Shows the documents of one store."""

    audit: Audit

    def __init__(self, store: Store) -> None:
        self._store = store
        self._renderers: OrderedDict[int, PageRenderer] = OrderedDict()
        self._render_lock = threading.Lock()

    def close_pages(self) -> None:
        """Ends the guests that draw."""
        with self._render_lock:
            for renderer in self._renderers.values():
                renderer.close()
            self._renderers.clear()

    def page_sizes(self, document_id: int) -> list[tuple[float, float]]:
        """Width and height of every page in points."""
        return [(page.width, page.height) for page in self._store.page_states(document_id)]

    def page_lines(self, document_id: int, page: int) -> list[Line]:
        """A page's lines in reading order."""
        return list(self._store.page_lines(document_id, page))

    def render_page(self, document_id: int, page: int, *, dpi: float) -> PageImageData:
        """A page as pixels, drawn in a guest."""
        renderer = self._renderer(document_id, page)
        self.audit.viewed(document_id, page)
        drawn = renderer.render(page, dpi)
        return PageImageData(drawn.width, drawn.height, drawn.dpi, drawn.pixels)

    def mark(self, document_id: int, page: int, words: str) -> Marked:
        """The lines of a page that hold some words, a phrase in quotation marks or a sentence.

        Raises:
            IngestError: nothing on the page matches; the remedy names the pages that do.
        """
        self._store.page_lines(document_id, page)  # says so when there is no such page
        lines = [stored.lines for stored in self._store.pages(document_id)]
        marked = mark(words, lines, page)
        if not marked.boxes:
            name, others = self._store.document(document_id).name, matching_pages(words, lines)
            raise IngestError(
                f"“{words}”",
                f"Nothing on page {page} of {name} matches.",
                f"These pages do: {', '.join(map(str, others))}."
                if others
                else "Nor does any other page; try other words.",
            )
        return marked

    def crop(self, document_id: int, page: int, box: Box, *, pixels: int) -> PageImageData:
        """What a page shows within a box, as at most ``pixels`` pixels, drawn in a guest.

        This is what a model that sees is given; see `app.core.crops`.

        Raises:
            IngestError: there is no such page, the box does not lie on it, or it cannot be drawn.
        """
        check_scope(self._store, Scope(document_id, page, box))
        drawn = self._renderer(document_id, page).region(page, box, pixels)
        return PageImageData(drawn.width, drawn.height, drawn.dpi, drawn.pixels)

    def crop_png(self, document_id: int, page: int, box: Box, *, pixels: int) -> bytes:
        """The same as a PNG file."""
        check_scope(self._store, Scope(document_id, page, box))
        return self._renderer(document_id, page).region_png(page, box, pixels)

    def upright_png(self, document_id: int, page: int, box: Box, *, pixels: int) -> bytes:
        """The same for a model: where OCR read the page sideways or upside down, set upright."""
        quarters = quarter_turns(self._store.page_lines(document_id, page))
        if not quarters:
            return self.crop_png(document_id, page, box, pixels=pixels)
        check_scope(self._store, Scope(document_id, page, box))
        drawn = self._renderer(document_id, page).region(page, box, pixels)
        encoded = io.BytesIO()
        Image.fromarray(turned(drawn.array(), quarters)).save(encoded, "PNG")
        return encoded.getvalue()

    def figures(self, document_id: int, page: int | None = None) -> list[Figure]:
        """A document's figures, or those of one page, in order."""
        return [stored.figure for stored in self._store.figures(document_id, page=page)]

    def page_confidence(self, document_id: int, page: int) -> float | None:
        """The mean confidence of a page's OCR, 0 to 1; None where none was needed."""
        states = self._store.page_states(document_id)
        return next((state.confidence for state in states if state.number == page), None)

    def readings(self, document_id: int, page: int) -> list[Reading]:
        """Every reading of a page: the file's own text, OCR, a model's."""
        found = self._store.readings(document_id, page)
        self.audit.viewed(document_id, page)
        return found

    def page_png(
        self, document_id: int, page: int, *, dpi: float = 150, boxes: Sequence[Box] = ()
    ) -> bytes:
        """A page as a PNG file, the lines in ``boxes`` highlighted."""
        return self._renderer(document_id, page).png(page, dpi, boxes)

    def _renderer(self, document_id: int, page: int) -> PageRenderer:
        self._store.page_lines(document_id, page)  # says so when there is no such page
        with self._render_lock:
            renderer = self._renderers.pop(document_id, None)
            if renderer is None:
                document = self._store.document(document_id)
                renderer = PageRenderer(
                    self._store.shown_pdf(document_id), document.password, name=document.name
                )
            self._renderers[document_id] = renderer
            while len(self._renderers) > _OPEN_PAGES:
                self._renderers.popitem(last=False)[1].close()
            return renderer

    def _drop_renderer(self, document_id: int) -> None:
        with self._render_lock:
            renderer = self._renderers.pop(document_id, None)
        if renderer is not None:
            renderer.close()
