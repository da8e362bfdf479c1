"""Reads the text inside rectangles that the detector found.

The network is PaddleOCR's SVTR recogniser; its output is decoded greedily as CTC (Graves et al.,
2006). This module takes rectangles as they are and knows nothing of lines, columns or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.ocr.detect import Pixels, Quads
from ingest.ocr.models import RECOGNISER, open_session

_HEIGHT = 48  # pixels; what the network was trained on
_WIDEST = 48 * 80  # a longer strip is squeezed, so that no rectangle can take all memory
_STEP = 8  # the network gives one character slot for this many pixels
_SHARP = 2.0  # a strip that shrinks by more than this is averaged, not sampled
# Time goes with a strip's width, and a full page reads as well when its strips are squeezed a
# little; where one does not, it is read again as it is.
_FULL_PAGE = 20_000  # pixels of all strips together, from which a page counts as full
_SQUEEZE = 0.82
_CROWDED = 8.5  # pixels a character
_DOUBTFUL = 0.85  # confidence


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of one rectangle; ``confidence`` is the mean over its characters, 0 to 1."""

    text: str
    confidence: float


class Recogniser:
    """The recognition network. ``threads`` strips are read at the same time."""

    def __init__(self, threads: int) -> None:
        # One thread inside the network and several strips beside each other: strips are too
        # small to share out within one.
        self._session = open_session(RECOGNISER, 1)
        characters = self._session.get_modelmeta().custom_metadata_map["character"]
        self._alphabet = ["", *characters.splitlines(), " "]
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def read(self, image: Pixels, quads: Quads, turned: int = 0) -> list[Reading]:
        """The text of each of ``quads`` (n, 4, 2) in ``image`` (h, w, 3; BGR).

        ``turned`` counts quarter turns by which each strip is turned counterclockwise first.
        """
        corners = [np.roll(quad, -turned, axis=0) for quad in quads]
        total = _HEIGHT * sum(_aspect(quad) for quad in corners)
        squeeze = _SQUEEZE if total > _FULL_PAGE else 1.0
        if self._pool is None:
            return [self._read_one(image, quad, squeeze) for quad in corners]
        # Long strips first: the last to finish is then a short one.
        order = sorted(range(len(corners)), key=lambda i: -_aspect(corners[i]))
        done = self._pool.map(lambda i: self._read_one(image, corners[i], squeeze), order)
        readings = dict(zip(order, done, strict=True))
        return [readings[i] for i in range(len(corners))]

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _read_one(self, image: Pixels, quad: NDArray[np.float32], squeeze: float) -> Reading:
        strip = _strip(image, quad, squeeze)
        values = (strip.astype(np.float32) * (2 / 255) - 1).transpose(2, 0, 1)[np.newaxis]
        (slots,) = self._session.run(None, {"x": np.ascontiguousarray(values)})
        reading = _decode(slots[0], self._alphabet)
        crowded = strip.shape[1] < _CROWDED * len(reading.text)
        if squeeze < 1 and (crowded or reading.confidence < _DOUBTFUL):
            return self._read_one(image, quad, 1.0)
        return reading


def _aspect(quad: NDArray[np.float32]) -> float:
    wide, high = float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[3] - quad[0]))
    return wide / max(1.0, high)


def _strip(image: Pixels, quad: NDArray[np.float32], squeeze: float) -> Pixels:
    """The rectangle cut out, upright, 48 pixels high, its width a multiple of 8."""
    high = max(1.0, float(np.linalg.norm(quad[3] - quad[0])))
    wide = min(_WIDEST, max(_STEP, round(_HEIGHT * _aspect(quad) * squeeze / _STEP) * _STEP))
    shrink = high / _HEIGHT
    factor = int(shrink) if shrink >= _SHARP else 1
    size = (wide * factor, _HEIGHT * factor)
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
    matrix = cv2.getAffineTransform(np.ascontiguousarray(quad[[0, 1, 3]]), target)
    way = cv2.INTER_LINEAR if shrink > 1 else cv2.INTER_CUBIC
    strip = cv2.warpAffine(image, matrix, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    if factor > 1:
        strip = cv2.resize(strip, (wide, _HEIGHT), interpolation=cv2.INTER_AREA)
    result: Pixels = strip
    return result


def _decode(slots: NDArray[np.float32], alphabet: Sequence[str]) -> Reading:
    """Greedy CTC: the best character of each slot, repeats and blanks dropped."""
    best = slots.argmax(axis=1)
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    where = np.flatnonzero(keep)
    if not len(where):
        return Reading("", 0.0)
    return Reading(
        "".join(alphabet[i] for i in best[where]),
        float(slots[where, best[where]].mean()),
    )
