"""Crops of pages: the right place under every rotation and crop box, bounded in pixels."""

from __future__ import annotations

import numpy as np
import pymupdf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.guest.draw import Drawing, draw_page, draw_region
from ingest.rendering import PageRenderer
from ingest.types import Box
from tests import figure_pages as made

CROP = (60.0, 150.0, 460.0, 640.0)


def pixels_of(drawing: Drawing) -> np.ndarray:
    return np.frombuffer(drawing.pixels, np.uint8).reshape(drawing.height, drawing.width, 3)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, CROP])
def test_a_region_shows_what_the_page_shows_there(
    rotation: int, crop: tuple[float, float, float, float] | None
) -> None:
    document = made.turned(made.report(), rotation, crop)
    place = made.place_on(document[0], Box(160.0, 260.0, 190.0, 380.0))
    with PageRenderer(document.tobytes()) as renderer:
        drawn = renderer.region(1, place, 20_000)
        whole = renderer.render(1, 144)
    inner = drawn.array()[3:-3, 3:-3]
    assert (abs(inner.astype(int) - (51, 76, 178)) < 6).all()
    scale = 2.0
    x, y = int((place.x0 + place.x1) / 2 * scale), int((place.y0 + place.y1) / 2 * scale)
    assert (abs(whole.array()[y, x].astype(int) - (51, 76, 178)) < 6).all()


@settings(max_examples=40, deadline=None)
@example(x0=0.0, y0=0.0, wide=500.0, high=0.5, pixels=1)
@example(x0=0.0, y0=680.0, wide=500.0, high=0.5, pixels=3)
@given(
    x0=st.floats(0, 480),
    y0=st.floats(0, 680),
    wide=st.floats(0.5, 500),
    high=st.floats(0.5, 700),
    pixels=st.integers(1, 200_000),
)
def test_never_more_pixels_than_allowed(
    x0: float, y0: float, wide: float, high: float, pixels: int
) -> None:
    document = made.report()
    box = [x0, y0, min(x0 + wide, 500.0), min(y0 + high, 700.0)]
    drawn = draw_region(document, number=1, box=box, pixels=pixels, max_dpi=600)
    assert 1 <= drawn.width * drawn.height <= max(pixels, 4)
    assert len(drawn.pixels) == drawn.width * drawn.height * 3
    assert drawn.dpi <= 600


def test_a_whole_page_as_a_region_is_the_page() -> None:
    document = made.report()
    page = draw_page(document, number=1, dpi=72, highlights=[], max_pixels=10**7)
    region = draw_region(document, number=1, box=[0, 0, 500, 700], pixels=350_000, max_dpi=600)
    assert (pixels_of(page) == pixels_of(region)).all()


def test_what_cannot_be_drawn_is_told() -> None:
    with PageRenderer(made.report().tobytes(), name="ferry.pdf") as renderer:
        with pytest.raises(ValueError, match=r"ferry\.pdf has no page 3"):
            renderer.region(3, Box(0, 0, 10, 10), 100)
        with pytest.raises(ValueError, match="nothing of"):
            renderer.region(1, Box(600, 0, 700, 10), 100)
        with pytest.raises(ValueError, match="0 pixels"):
            renderer.region(1, Box(0, 0, 10, 10), 0)
        assert renderer.region_png(1, Box(-50, -50, 900, 900), 5_000).startswith(b"\x89PNG")
        drawn = renderer.region(1, Box(10, 10, 12, 12), 10**8)
        assert drawn.dpi <= 600.5 and drawn.width * drawn.height < 1_000


def test_user_units_scale_regions_too() -> None:
    document = pymupdf.open()
    page = document.new_page(width=200, height=200)
    page.draw_rect(pymupdf.Rect(50, 50, 100, 100), fill=(1, 0, 0), width=0)
    document.xref_set_key(page.xref, "UserUnit", "2")
    with PageRenderer(document.tobytes()) as renderer:
        assert renderer.sizes() == ((400.0, 400.0),)
        drawn = renderer.region(1, Box(110, 110, 190, 190), 6_400)
    assert (drawn.array() == (255, 0, 0)).all()
