"""Which places of pages a model is shown as pictures, and how large: the budget is soft tokens.

Seeing costs time: on a processor without graphics card about 2 s for 70 soft tokens, 8 s for 280
(docs/benchmarks.md). So few places are shown, each no larger than its print needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.core.answerer import Picture
from app.core.answers import Crop, CropReason
from ingest.types import Box

SIDE = 48  # pixels of a soft token's square (patches of 16, pooled by 3)
_LEGIBLE = 100 / 72  # pixels a point at which print of 10 points can be read
_MOST = {CropReason.ASKED: 560, CropReason.FIGURE: 280, CropReason.DOUBTFUL: 280}
MOST_PICTURES = 4

Drawn = Callable[[int, int, Box, int], bytes]
"""Document, page, box and most pixels: a PNG file."""


def budget_for(crop: Crop, budgets: Sequence[int]) -> int:
    """The fewest soft tokens, of those that the model offers, at which the place can be read.

    >>> budget_for(Crop(1, 1, Box(0, 0, 200, 100), CropReason.FIGURE), (280, 70, 140, 560, 1120))
    70
    """
    width, height = crop.box.x1 - crop.box.x0, crop.box.y1 - crop.box.y0
    needed = width * height * _LEGIBLE**2 / SIDE**2
    allowed = [b for b in sorted(budgets) if b <= _MOST[crop.reason]] or [min(budgets)]
    return next((budget for budget in allowed if budget >= needed), allowed[-1])


def pictures_of(crops: Sequence[Crop], budgets: Sequence[int], drawn: Drawn) -> tuple[Picture, ...]:
    """The first few places, drawn; none for a model that does not see (no budgets)."""
    if not budgets:
        return ()
    pictures = []
    for crop in crops[:MOST_PICTURES]:
        tokens = budget_for(crop, budgets)
        png = drawn(crop.document_id, crop.page, crop.box, tokens * SIDE**2)
        pictures.append(Picture(crop, png, tokens))
    return tuple(pictures)
