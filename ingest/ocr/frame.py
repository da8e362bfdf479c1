"""A picture of a page together with the way back to the page's own coordinates.

Every turn, scaling and straightening changes the picture and the matrix together, so that what is
found on the picture can always be shown on the page. Knows nothing of text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.ocr.detect import Pixels, Quads
from ingest.types import Box

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """``image`` (h, w, 3; BGR) and ``to_page`` (3, 3): from its pixels to points of the page."""

    image: Pixels
    to_page: Matrix

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.image.shape[0])


def framed(pixels: Pixels, width: float, height: float, longest: int) -> Frame:
    """A page of ``width`` x ``height`` points, as RGB ``pixels``; at most ``longest`` a side."""
    high, wide = pixels.shape[:2]
    scale = min(1.0, longest / max(high, wide))
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    if scale < 1:
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    to_page = np.diag([width / image.shape[1], height / image.shape[0], 1.0])
    return Frame(image, to_page)


def turned(frame: Frame, quarters: int) -> Frame:
    """The frame turned counterclockwise by ``quarters`` times 90 degrees."""
    image, back = frame.image, np.eye(3)
    for _ in range(quarters % 4):
        # A pixel at (x, y) of the turned picture stood at (width - y, x) before.
        back = back @ np.array([[0.0, -1.0, image.shape[1]], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        image = np.rot90(image)
    return Frame(np.ascontiguousarray(image), frame.to_page @ back)


def straightened(frame: Frame, degrees: float) -> Frame:
    """The frame turned counterclockwise by ``degrees``, on a canvas that keeps its corners."""
    angle = math.radians(degrees)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    wide = math.ceil(frame.width * cos + frame.height * sin)
    high = math.ceil(frame.width * sin + frame.height * cos)
    ahead = cv2.getRotationMatrix2D((frame.width / 2, frame.height / 2), degrees, 1.0)
    ahead[:, 2] += (wide - frame.width) / 2, (high - frame.height) / 2
    image = cv2.warpAffine(
        frame.image, ahead, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    back = np.linalg.inv(np.vstack([ahead, [0.0, 0.0, 1.0]]))
    return Frame(image, frame.to_page @ back)


def page_box(frame: Frame, quads: Quads, width: float, height: float) -> Box:
    """The upright box, in points inside a page of that size, around ``quads`` (n, 4, 2)."""
    corners = quads.reshape(-1, 2).astype(np.float64)
    points = corners @ frame.to_page[:2, :2].T + frame.to_page[:2, 2]
    low, top = points.min(axis=0), points.max(axis=0)
    return Box(
        min(max(float(low[0]), 0.0), width),
        min(max(float(low[1]), 0.0), height),
        min(max(float(top[0]), 0.0), width),
        min(max(float(top[1]), 0.0), height),
    )
