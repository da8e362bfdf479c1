"""Reading what stands inside of figures that are pictures: their crops go through OCR.

Only figures without text of their own are read. Knows figures, the renderer and the OCR pool; a
crop that cannot be drawn or read leaves its figure as it was, and is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from ingest.clusters import area
from ingest.errors import ReadError
from ingest.rendering import PageRenderer
from ingest.types import Box, Figure, FigureKind, Line, Page, PageImage

MOST_READ = 200  # crops of a document

_DPI = 200.0
_MOST_PIXELS = 4_000_000
_IN_FLIGHT = 4
_LETTERS = 12  # letters and digits inside: with so many the page has told what the figure says
_DOUBTFUL = 0.6  # confidence: what is read in a picture of something else than text


class OcrPool(Protocol):
    """What this module needs of ``ingest.ocr``."""

    def submit(self, image: PageImage, /) -> Future[Page]:
        """Starts the OCR of one picture."""


@dataclass(slots=True)
class FiguresRead:
    """Figures with what was read in them; how many could not be, and how many were left out."""

    figures: list[Figure]
    failed: int = 0
    left_out: int = 0
    _waiting: deque[tuple[int, Future[Page]]] = field(default_factory=deque)

    def read(
        self, renderer: PageRenderer, ocr: OcrPool, seconds: float, known: Collection[int] = ()
    ) -> Iterator[int]:
        """Reads them, a few at a time; yields how many are done. Each may take ``seconds``.

        ``known`` are the pages that were wholly read by OCR.
        """
        wanted = [i for i, f in enumerate(self.figures) if f.page not in known and _is_mute(f)]
        self.left_out = max(len(wanted) - MOST_READ, 0)
        try:
            for done, index in enumerate(wanted[:MOST_READ], start=1):
                self._submit(index, renderer, ocr)
                while len(self._waiting) >= _IN_FLIGHT:
                    self._take(seconds)
                yield done
            while self._waiting:
                self._take(seconds)
                yield len(wanted)
        finally:
            for _, future in self._waiting:
                future.cancel()

    def _submit(self, index: int, renderer: PageRenderer, ocr: OcrPool) -> None:
        figure = self.figures[index]
        box = figure.box
        pixels = min(int(area(box) * (_DPI / 72.0) ** 2), _MOST_PIXELS)
        try:
            drawn = renderer.region(figure.page, box, max(pixels, 1))
        except (ReadError, ValueError):
            self.failed += 1
            return
        image = PageImage(
            number=figure.page,
            width=box.x1 - box.x0,
            height=box.y1 - box.y0,
            pixels=drawn.array(),
            reason="a figure",
        )
        self._waiting.append((index, ocr.submit(image)))

    def _take(self, seconds: float) -> None:
        index, future = self._waiting.popleft()
        try:
            # The pool times each picture; this only guards against a pool that has stopped.
            error = future.exception(timeout=seconds * (_IN_FLIGHT + 1))
        except TimeoutError:
            future.cancel()
            self.failed += 1
            return
        if error is not None:
            self.failed += 1
            return
        figure = self.figures[index]
        lines = [_placed(line, figure.box) for line in future.result().lines]
        inside = [line for line in lines if _is_new(line, figure)]
        self.figures[index] = replace(figure, inside=(*figure.inside, *inside))


def _is_mute(figure: Figure) -> bool:
    letters = sum(c.isalnum() for line in figure.inside for c in line.text)
    return letters < _LETTERS and figure.kind is not FigureKind.SIGNATURE


def _placed(line: Line, crop: Box) -> Line:
    """A line of the crop, on the page."""
    x0, y0, x1, y1 = line.box
    return replace(line, box=Box(crop.x0 + x0, crop.y0 + y0, crop.x0 + x1, crop.y0 + y1))


def _is_new(line: Line, figure: Figure) -> bool:
    """Whether it was read in the picture itself, not in the caption that is cut out with it."""
    if line.confidence is not None and line.confidence < _DOUBTFUL:
        return False
    known = "".join(figure.caption.split()).casefold()
    return "".join(line.text.split()).casefold() not in known
