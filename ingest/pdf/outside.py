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

from ingest.pdf.paints import Boxes, Paint, Sides, boxes_of

_LEAST = 4.0  # points of width: a blank is no text
_FAR = 1e5  # points


def outside_spans(
    page: pymupdf.Page, flags: int, known: Sequence[Sides], paints: Sequence[Paint]
) -> list[dict[str, Any]]:
    """The spans that the page paints and does not show. ``known`` are the boxes of those that were
    found on it with ``flags``. Raises what PyMuPDF raises."""
    texts = boxes_of([p.box for p in paints if p.kind.endswith("text")])
    texts = texts[texts[:, 2] - texts[:, 0] > _LEAST]
    inside = boxes_of(known)
    if not len(texts) or _any_touches(texts, inside).all():
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


def _any_touches(boxes: Boxes, others: Boxes) -> npt.NDArray[np.bool_]:
    """For each box whether one of the others overlaps it: shape (boxes,)."""
    a, b = boxes[:, None, :], others[None, :, :]
    across = (a[..., 0] < b[..., 2]) & (b[..., 0] < a[..., 2])
    touches = across & (a[..., 1] < b[..., 3]) & (b[..., 1] < a[..., 3])
    return np.asarray(touches.any(axis=1))
