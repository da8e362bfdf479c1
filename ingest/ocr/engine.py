"""Reads one picture of a page: from pixels to a ``Page`` whose lines lie where the ink is.

Ties the parts together: find text, turn the page upright, read, put in order. Knows no files.
"""

from __future__ import annotations

import cv2
import numpy as np

from ingest.ocr import frame, layout, orient
from ingest.ocr.cleaning import despeckled
from ingest.ocr.detect import Detector, Pixels, Quads
from ingest.ocr.recognise import Reading, Recogniser
from ingest.types import Page

LONGEST_SIDE = 2600  # pixels; more than this adds no legible detail to a page

_LOOK = 1_200_000  # pixels of the picture in which text is looked for first
_TINY = 14.0  # pixels; rectangles lower than this in it are looked for again in a larger one
_LOOK_CLOSER = 2_200_000  # takes about 700 MB
_LARGEST_SCALE = 3.0  # a small picture is not blown up further
_STEEP = 4.0  # degrees of slope above which the picture itself is straightened


class OcrEngine:
    """Both networks, loaded once. ``read`` may be called by one thread at a time."""

    def __init__(self, threads: int) -> None:
        cv2.setNumThreads(1)
        self._detector = Detector(threads)
        self._recogniser = Recogniser(threads)

    def read(self, pixels: Pixels, width: float, height: float, number: int) -> Page:
        """The text on a page of ``width`` x ``height`` points, shown by RGB ``pixels`` (h, w, 3).

        Lines come in reading order, whichever way the page is turned; their boxes are upright
        boxes in points of the page as given.
        """
        picture = frame.framed(despeckled(pixels), width, height, LONGEST_SIDE)
        quads = self._find(picture.image)
        if len(quads) and orient.lies_sideways(quads):
            picture = frame.turned(picture, 1)
            quads = self._find(picture.image)
        slope = orient.slope(quads)
        if abs(slope) > _STEEP:
            picture = frame.straightened(picture, slope)
            quads = self._find(picture.image)
            slope = orient.slope(quads)
        if not len(quads):
            return Page(number, width, height, ())
        picture, quads, readings = self._read_upright(picture, quads)
        lines = layout.arrange(
            readings,
            orient.level(quads, slope),
            [frame.page_box(picture, quad, width, height) for quad in quads],
        )
        return Page(number, width, height, tuple(lines))

    def _read_upright(
        self, picture: frame.Frame, quads: Quads
    ) -> tuple[frame.Frame, Quads, list[Reading]]:
        """Reads all ``quads``, after half a turn of everything if the page stands on its head."""
        chosen = orient.samples(quads)
        sample = self._recogniser.read(picture.image, quads[chosen])
        if orient.stands_on_head(picture.image, quads[chosen], sample, self._recogniser):
            size = np.array([picture.width, picture.height], np.float32)
            picture = frame.turned(picture, 2)
            quads = np.roll(size - quads, 2, axis=1)
            sample = self._recogniser.read(picture.image, quads[chosen])
        others = np.setdiff1d(np.arange(len(quads)), chosen)
        rest = self._recogniser.read(picture.image, quads[others])
        readings = dict(zip((*chosen, *others), (*sample, *rest), strict=True))
        return picture, quads, [readings[i] for i in range(len(quads))]

    def close(self) -> None:
        """Ends the threads."""
        self._recogniser.close()

    def _find(self, image: Pixels) -> Quads:
        area = image.shape[0] * image.shape[1]
        scale = min(_LARGEST_SCALE, (_LOOK / area) ** 0.5)
        quads = self._detector.find(image, scale)
        closer = min(2.0, (_LOOK_CLOSER / area) ** 0.5)
        if len(quads) and closer > scale:
            low = float(np.median(np.minimum(*orient.sides(quads)))) * scale
            if low < _TINY:
                quads = self._detector.find(image, closer)
        return quads
