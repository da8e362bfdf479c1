"""Which way a page's text runs, told from its lines as OCR has put them in order.

OCR reads pages that lie sideways or stand on their head; the boxes of their lines stay where the
ink is. A model that is shown such a page, or a part of it, should see it upright.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.types import Box, Line, TextSource

_LONG = 1.5  # times as long as it is high, or as high as it is long
_LEAST_LETTERS = 4  # of a line that tells which way it runs
_LEAST_STEPS = 3  # from line to line, by which a direction is believed


def quarter_turns(lines: Iterable[Line]) -> int:
    """Quarter turns against the clock, 0 to 3, that set a page upright; 0 in doubt.

    ``lines`` in reading order. Only those from OCR tell: a file's own text is turned already.
    """
    read = [
        line
        for line in lines
        if line.source is TextSource.OCR and sum(c.isalnum() for c in line.text) >= _LEAST_LETTERS
    ]
    tall = [line for line in read if _height(line.box) > _LONG * _width(line.box)]
    wide = [line for line in read if _width(line.box) > _LONG * _height(line.box)]
    if _letters(tall) > _letters(wide):
        # From line to line to the left: the text runs down the page.
        steps = [_step(a.box, b.box, across=True) for a, b in pairwise(tall)]
        onward, back = steps.count(1), steps.count(-1)
        if max(onward, back) < _LEAST_STEPS or onward == back:
            return 0
        return 1 if back > onward else 3
    steps = [_step(a.box, b.box, across=False) for a, b in pairwise(wide)]
    upward = steps.count(-1)
    return 2 if upward >= _LEAST_STEPS and upward > 2 * steps.count(1) else 0


def turned(pixels: NDArray[Any], quarters: int) -> NDArray[Any]:
    """An image (h, w, 3) after so many quarter turns against the clock."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _step(before: Box, after: Box, *, across: bool) -> int:
    """The way from a line to the next one of its column: 1 to the right or down, -1 back."""
    if across:
        low, high, start, end = 1, 3, 0, 2
    else:
        low, high, start, end = 0, 2, 1, 3
    common = min(before[high], after[high]) - max(before[low], after[low])
    shorter = min(before[high] - before[low], after[high] - after[low])
    if common < 0.5 * shorter:
        return 0
    moved = (after[start] + after[end]) - (before[start] + before[end])
    return (moved > 0) - (moved < 0)


def _letters(lines: Iterable[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _width(box: Box) -> float:
    return box.x1 - box.x0


def _height(box: Box) -> float:
    return box.y1 - box.y0
