"""Specks go, full stops stay, and grey pictures are left alone."""

from __future__ import annotations

import numpy as np

from ingest.ocr.cleaning import despeckled


def dirty_page() -> np.ndarray:
    """White, with 400 single dark pixels and one full stop of 12."""
    page = np.full((1600, 1200, 3), 255, np.uint8)
    page[10:410:20, 10:410:20] = 0
    page[800:803, 600:604] = 0
    return page


def test_specks_are_removed_and_full_stops_kept() -> None:
    clean = despeckled(dirty_page())
    assert (clean[:, :, 0] == 0).sum() == 12
    assert (clean[800:803, 600:604] == 0).all()


def test_a_nearly_clean_page_is_left_alone() -> None:
    page = dirty_page()
    page[50:500] = 255
    assert (despeckled(page) == page).all()


def test_grey_pictures_are_left_alone() -> None:
    page = dirty_page()
    page[1000:1400] = 128
    assert (despeckled(page) == page).all()
