"""A page as pixels for OCR. Knows nothing of text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pymupdf

DPI = 200.0
_COARSE = 90.0  # an image below this only lies behind what is to be read
_FINE = 600.0
_PIXELS = 12_000_000


def page_pixels(page: pymupdf.Page, dpi: float = 0.0) -> npt.NDArray[np.uint8]:
    """The visible page as RGB, shape (height, width, 3).

    ``dpi`` is the native resolution of an image that fills the page, 0 for the usual one; it is
    lowered where the page would have more than 12 million pixels.
    """
    dpi = min(dpi, _FINE) if dpi > _COARSE else DPI
    area = max(page.rect.width * page.rect.height, 1.0)
    zoom = min(dpi / 72, (_PIXELS / area) ** 0.5)
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False
    )
    flat = np.frombuffer(pixmap.samples, dtype=np.uint8)
    rows = flat.reshape(pixmap.height, pixmap.stride)[:, : pixmap.width * 3]
    return rows.reshape(pixmap.height, pixmap.width, 3).copy()
