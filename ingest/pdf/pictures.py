"""A page drawn twice, with its text and without: the difference is what a person sees of the text.

Knows how to ask MuPDF for it; knows nothing of what is suspicious.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from ingest.pdf.paints import Sides

Pixels = npt.NDArray[np.uint8]

_MOST_PIXELS = 4_000_000


class Drawing:
    """What a page paints, kept to be drawn in parts. Coordinates are points of the visible page."""

    def __init__(self, page: pymupdf.Page) -> None:
        self._page = page
        self._drawn = 0
        self._list: Any = None

    def picture(self, around: Sides, zoom: float, *, text: bool) -> Picture:
        """The page around a box on white paper, with its text or without it.

        ``zoom`` is in pixels a point, lowered where there would be more than four million.
        Raises what MuPDF raises.
        """
        x0, y0, x1, y1 = around
        zoom = min(zoom, (_MOST_PIXELS / max((x1 - x0) * (y1 - y0), 1.0)) ** 0.5)
        frame = mupdf.FzIrect(
            int(x0 * zoom), int(y0 * zoom), int(x1 * zoom) + 1, int(y1 * zoom) + 1
        )
        colours = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
        pixmap = mupdf.fz_new_pixmap_with_bbox(colours, frame, mupdf.FzSeparations(0), 0)
        mupdf.fz_clear_pixmap_with_value(pixmap, 255)
        device = mupdf.fz_new_draw_device(mupdf.FzMatrix(zoom, 0, 0, zoom, 0, 0), pixmap)
        if not text:
            # MuPDF calls no method that a device does not have.
            device.m_internal.fill_text = None
            device.m_internal.stroke_text = None
        self._run(device)
        mupdf.fz_close_device(device)
        shown = pymupdf.Pixmap("raw", pixmap)
        flat = np.frombuffer(shown.samples, dtype=np.uint8)
        rows = flat.reshape(shown.height, shown.stride)[:, : shown.width * 3]
        pixels = rows.reshape(shown.height, shown.width, 3)
        return Picture(pixels, frame.x0, frame.y0, zoom)

    def _run(self, device: Any) -> None:
        """Plays the page to a device; kept for more than one picture, which most pages need."""
        self._drawn += 1
        if self._drawn == 1:
            mupdf.fz_run_page(self._page.this, device, mupdf.FzMatrix(), mupdf.FzCookie())
            return
        if self._list is None:
            self._list = mupdf.fz_new_display_list_from_page(self._page.this)
        everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
        mupdf.fz_run_display_list(
            self._list, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie()
        )


class Picture:
    """Pixels, shape (height, width, 3), whose first is ``left`` and ``top`` of the page's."""

    def __init__(self, pixels: Pixels, left: int, top: int, zoom: float) -> None:
        self._pixels = pixels
        self._left, self._top, self._zoom = left, top, zoom

    def part(self, box: Sides) -> Pixels:
        """What lies within a box (points of the visible page); empty where nothing does."""
        x0, y0, x1, y1 = (max(side * self._zoom, 0.0) for side in box)
        return self._pixels[
            max(int(y0) - self._top, 0) : max(int(y1) + 1 - self._top, 0),
            max(int(x0) - self._left, 0) : max(int(x1) + 1 - self._left, 0),
        ]


def difference(a: Pixels, b: Pixels) -> Pixels:
    """The largest difference in red, green or blue, 0 to 255, of each pixel: (height, width)."""
    apart: Pixels = (np.maximum(a, b) - np.minimum(a, b)).max(axis=2, initial=0)
    return apart


def has_ink(part: Pixels, least: float = 40, share: float = 0.015) -> bool:
    """Whether a part of a picture shows more than its ground: ``share`` of the pixels stand out
    from the most frequent grey by more than ``least`` of 255."""
    if not part.size:
        return False
    grey = part.mean(axis=2)
    ground = float(np.bincount(grey.astype(np.uint8).ravel()).argmax())
    return bool((np.abs(grey - ground) > least).mean() > share)
