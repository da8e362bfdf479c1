"""Removes the specks that fax machines and hard-thresholded scans leave on a page.

Left alone, specks become accents, full stops and commas. Only pictures that are black and white
and large enough for a full stop to be bigger than a speck are touched.
"""

from __future__ import annotations

import cv2
import numpy as np

from ingest.ocr.detect import Pixels

_SPECK = 3  # pixels; a full stop in 10 point type at 200 dots an inch has 12
_LARGE = 1500  # pixels of the longer side
_MANY = 100  # specks that make a page dirty
_GREY = 0.01  # share of pixels between black and white that a black and white picture may have


def despeckled(image: Pixels) -> Pixels:
    """``image`` (h, w, 3) without isolated dots of up to three pixels, if it is full of them."""
    if max(image.shape[:2]) < _LARGE or not _is_black_and_white(image):
        return image
    dark = (image[:, :, 1] < 128).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] <= _SPECK
    small[0] = False
    if small.sum() < _MANY or count < 2:
        return image
    clean = image.copy()
    clean[small[labels]] = 255
    return clean


def _is_black_and_white(image: Pixels) -> bool:
    sample = image[::7, ::5]
    grey = ((sample > 40) & (sample < 215)).any(axis=2)
    return bool(grey.mean() < _GREY)
