"""Text that a page paints where nobody sees it: beyond its edges, or cut off by a clip.

MuPDF leaves it out when it is asked for the text of a page, so it never becomes a line; it is
only looked for to tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from ingest.pdf.paints import Boxes, Paints, Sides, boxes_of

_LEAST = 4.0  # points of width: a blank is no text
_FAR = 1e5  # points
_AHEAD = 10  # spans


def outside_spans(
    page: pymupdf.Page, flags: int, known: Sequence[Sides], paints: Paints
) -> list[dict[str, Any]]:
    """The spans that the page paints and does not show. ``known`` are the boxes of those that were
    found on it with ``flags``, in their order. Raises what PyMuPDF raises."""
    missing = _missing(known, paints)
    if not missing:
        return []
    inside = boxes_of(known)
    if _any_touches(boxes_of(missing), inside).all():
        return []
    everywhere = pymupdf.Rect(-_FAR, -_FAR, _FAR, _FAR)
    whole = page.get_textpage(clip=everywhere, flags=flags & ~pymupdf.TEXT_CLIP).extractDICT()
    spans = [
        span
        for block in whole["blocks"]
        for line in block.get("lines", ())
        for span in line["spans"]
        if not span["text"].isspace()
    ]
    shown = _any_touches(boxes_of([span["bbox"] for span in spans]), inside)
    return [span for span, is_shown in zip(spans, shown, strict=True) if not is_shown]


def _missing(known: Sequence[Sides], paints: Paints) -> list[Sides]:
    """The boxes of painted texts that none of the next few spans touches.

    Spans come in the order in which they are painted, so most are found at once.
    """
    missing = []
    at = 0
    for _, (x0, y0, x1, y1) in paints.texts:
        if x1 - x0 < _LEAST:
            continue
        for n in range(at, min(at + _AHEAD, len(known))):
            left, top, right, bottom = known[n]
            if left < x1 and x0 < right and top < y1 and y0 < bottom:
                at = n
                break
        else:
            missing.append((x0, y0, x1, y1))
    return missing


def _any_touches(boxes: Boxes, others: Boxes) -> npt.NDArray[np.bool_]:
    """For each box whether one of the others overlaps it: shape (boxes,)."""
    a, b = boxes[:, None, :], others[None, :, :]
    across = (a[..., 0] < b[..., 2]) & (b[..., 0] < a[..., 2])
    touches = across & (a[..., 1] < b[..., 3]) & (b[..., 1] < a[..., 3])
    return np.asarray(touches.any(axis=1))
