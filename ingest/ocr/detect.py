"""Finds where text stands in a picture: one rotated rectangle for each stretch of a line.

The network is PaddleOCR's DBNet (Liao et al., "Real-time Scene Text Detection with
Differentiable Binarization", AAAI 2020); the steps after it follow that paper. This module does
not read the text and knows neither orientation nor reading order.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.ocr.models import DETECTOR, open_session

Pixels = NDArray[np.uint8]
Quads = NDArray[np.float32]

_INK = 0.3  # probability above which a pixel belongs to a text kernel
_KEEP = 0.5  # mean probability a rectangle must have
_GROW = 1.6  # the network shrinks text; this is how far its rectangles grow back
_STEP = 32  # the network wants multiples of this


class Detector:
    """The detection network. Not safe for use by several threads at once."""

    def __init__(self, threads: int) -> None:
        self._session = open_session(DETECTOR, threads)

    def find(self, image: Pixels, scale: float) -> Quads:
        """Rectangles of text in ``image`` (h, w, 3; BGR), looked for at ``scale`` times its size.

        Returns (n, 4, 2): the corners top left, top right, bottom right, bottom left of each, in
        pixels of ``image``, by position on the picture (the text itself may stand on its head).
        """
        height, width = image.shape[:2]
        size = (_rounded(width * scale), _rounded(height * scale))
        way = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
        small = cv2.resize(image, size, interpolation=way)
        values = (small.astype(np.float32) * (2 / 255) - 1).transpose(2, 0, 1)[np.newaxis]
        (heat,) = self._session.run(None, {"x": np.ascontiguousarray(values)})
        quads = _rectangles(heat[0, 0])
        quads *= np.array([width / size[0], height / size[1]], np.float32)
        return quads


def _rounded(length: float) -> int:
    return max(_STEP, round(length / _STEP) * _STEP)


def _rectangles(heat: NDArray[np.float32]) -> Quads:
    """The rectangles around the hot regions of a probability map (h, w)."""
    mask = cv2.dilate((heat > _INK).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Any] = []
    for contour in contours:
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < 3:
            continue
        corners = cv2.boxPoints((centre, (width, height), angle))
        if _mean_inside(heat, corners) < _KEEP:
            continue
        # Growing a rectangle by d on every side is what clipping its outline outwards gives.
        grow = width * height * _GROW / (width + height)
        found.append(_ordered(cv2.boxPoints((centre, (width + grow, height + grow), angle))))
    return np.array(found, np.float32).reshape(-1, 4, 2)


def _mean_inside(heat: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    """Mean of ``heat`` inside a polygon."""
    high, wide = heat.shape
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (wide - 1, high - 1))
    top = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (wide - 1, high - 1))
    part = heat[low[1] : top[1] + 1, low[0] : top[0] + 1]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(part, mask)[0])


def _ordered(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners as top left, top right, bottom right, bottom left."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], np.float32)
