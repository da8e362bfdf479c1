"""Drawing a page of an open PDF, with highlights, inside a guest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from ingest.guest.wire import MAX_SIDE

_ROUNDED = 0.001  # of a pixel, which MuPDF takes for none
_MARKER = (255, 232, 92)  # multiplied with the page: black stays black, white becomes yellow


@dataclass(frozen=True, slots=True)
class Drawing:
    """RGB pixels, row after row without padding, at ``dpi`` dots per inch."""

    width: int
    height: int
    dpi: float
    pixels: bytes

    def png(self) -> bytes:
        """The same as a PNG file."""
        pixmap = pymupdf.Pixmap(pymupdf.csRGB, self.width, self.height, self.pixels, False)
        encoded: bytes = pixmap.tobytes("png")
        return encoded


def visible_sizes(document: pymupdf.Document) -> list[list[float]]:
    """Width and height of every visible page in points, after crop box and rotation."""
    sizes = []
    for number in range(document.page_count):
        try:
            shown = document[number].rect
            # What is larger than any page may be cannot be drawn either.
            sizes.append([min(shown.width, MAX_SIDE), min(shown.height, MAX_SIDE)])
        except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase):
            sizes.append([0.0, 0.0])  # a page that cannot be loaded cannot be drawn either
    return sizes


def draw_page(
    document: pymupdf.Document,
    *,
    number: int,
    dpi: float,
    highlights: list[Any],
    max_pixels: int,
) -> Drawing:
    """Page ``number`` (from 1); ``highlights`` are boxes in points of the visible page.

    The resolution is lowered where the page would have more than ``max_pixels``.
    """
    page = document[number - 1]
    area = page.rect.width * page.rect.height
    zoom = min(dpi / 72.0, math.sqrt(max_pixels / max(area, 1.0)))
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False
    )
    rows = np.frombuffer(pixmap.samples, dtype=np.uint8).reshape(pixmap.height, pixmap.stride)
    pixels = rows[:, : pixmap.width * 3].reshape(pixmap.height, pixmap.width, 3).copy()
    # What is drawn is the visible page, so its points map to pixels by the zoom alone.
    for box in highlights:
        _mark(pixels, [side * zoom for side in box])
    return Drawing(pixmap.width, pixmap.height, zoom * 72.0, pixels.tobytes())


def draw_region(
    document: pymupdf.Document, *, number: int, box: list[float], pixels: int, max_dpi: float
) -> Drawing:
    """What page ``number`` (from 1) shows within ``box``, in points of the visible page.

    About ``pixels`` of them, and never more; fewer where that would go beyond ``max_dpi``.
    """
    page = document[number - 1]
    # The visible page is what is drawn, so that a box needs no turning.
    clip = pymupdf.Rect(box)
    zoom = min(math.sqrt(pixels / max(clip.width * clip.height, 1e-6)), max_dpi / 72.0)
    # Whole pixels are drawn, so a box may touch one more of them on every side.
    while math.prod(_pixels_touched(clip, zoom)) > pixels:
        zoom *= 0.98
    # Of a box that is much thinner than a pixel, nothing would be drawn.
    clip.x0, clip.x1 = _at_least_one(clip.x0, clip.x1, zoom, page.rect.width)
    clip.y0, clip.y1 = _at_least_one(clip.y0, clip.y1, zoom, page.rect.height)
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(zoom, zoom), clip=clip, colorspace=pymupdf.csRGB, alpha=False
    )
    rows = np.frombuffer(pixmap.samples, dtype=np.uint8).reshape(pixmap.height, pixmap.stride)
    drawn = np.ascontiguousarray(rows[:, : pixmap.width * 3])
    return Drawing(pixmap.width, pixmap.height, zoom * 72.0, drawn.tobytes())


def _at_least_one(low: float, high: float, zoom: float, end: float) -> tuple[float, float]:
    """A side, or the pixel that it lies in where MuPDF would round it to none."""
    if math.floor(low * zoom + _ROUNDED) < math.ceil(high * zoom - _ROUNDED):
        return low, high
    pixel = min(math.floor(low * zoom), max(0, math.ceil(end * zoom) - 1))
    return pixel / zoom, (pixel + 1) / zoom


def _pixels_touched(clip: pymupdf.Rect, zoom: float) -> tuple[int, int]:
    return (
        math.ceil(clip.x1 * zoom) - math.floor(clip.x0 * zoom),
        math.ceil(clip.y1 * zoom) - math.floor(clip.y0 * zoom),
    )


def _mark(pixels: npt.NDArray[np.uint8], box: list[float]) -> None:
    height, width = pixels.shape[:2]
    x0, y0 = max(math.floor(box[0]), 0), max(math.floor(box[1]), 0)
    x1, y1 = min(math.ceil(box[2]), width), min(math.ceil(box[3]), height)
    if x0 >= x1 or y0 >= y1:
        return
    area = pixels[y0:y1, x0:x1].astype(np.uint16)
    pixels[y0:y1, x0:x1] = (area * np.array(_MARKER, dtype=np.uint16) // 255).astype(np.uint8)
