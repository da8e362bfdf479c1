"""How a page lies: turned by quarters, and how far its lines slope.

Works on the detector's rectangles and on sample readings. A line that is read the wrong way round
gives characters that the recogniser itself does not believe, so confidence decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from ingest.ocr.detect import Pixels, Quads
from ingest.ocr.recognise import Reading, Recogniser

_SAMPLES = 6
_SURE = 0.85  # samples read with this confidence stand upright


def sides(quads: Quads) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Widths and heights of rectangles (n, 4, 2), in pixels."""
    return (
        np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1),
        np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1),
    )


def lies_sideways(quads: Quads) -> bool:
    """Whether most text runs up or down the picture."""
    widths, heights = sides(quads)
    tall = heights > 1.5 * widths
    wide = widths > 1.5 * heights
    return bool(heights[tall].sum() > widths[wide].sum())


def stands_on_head(
    image: Pixels, quads: Quads, upright: Sequence[Reading], recogniser: Recogniser
) -> bool:
    """Whether sample lines, read as ``upright`` as they are, read better after half a turn."""
    before = _belief(upright)
    if not len(quads) or before >= _SURE:
        return False
    return _belief(recogniser.read(image, quads, turned=2)) > before + 0.05


def slope(quads: Quads) -> float:
    """The angle in degrees by which lines fall to the right (negative: rise)."""
    widths, heights = sides(quads)
    long = widths > 4 * heights
    if not long.any():
        return 0.0
    run = quads[long, 1] - quads[long, 0] + quads[long, 2] - quads[long, 3]
    angles = np.degrees(np.arctan2(run[:, 1], run[:, 0]))
    order = np.argsort(angles)
    weight = np.cumsum(widths[long][order])
    middle = int(np.searchsorted(weight, weight[-1] / 2))
    return float(angles[order][middle])


def level(quads: Quads, degrees: float) -> Quads:
    """Rectangles as they would stand if lines that fall by ``degrees`` ran level."""
    angle = math.radians(-degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]], np.float32)
    result: Quads = (quads @ rotation).astype(np.float32)
    return result


def samples(quads: Quads) -> NDArray[np.intp]:
    """Indices of a few rectangles that tell how a page lies: neither short nor costly."""
    widths, heights = sides(quads)
    aspect = widths / np.maximum(heights, 1)
    good = np.flatnonzero((aspect > 3) & (aspect < 25))
    if len(good) < 3:
        good = np.argsort(-aspect)[:_SAMPLES]
    spread = np.linspace(0, len(good) - 1, min(_SAMPLES, len(good))).astype(int)
    result: NDArray[np.intp] = good[spread]
    return result


def _belief(readings: Sequence[Reading]) -> float:
    return fmean(reading.confidence for reading in readings)
