"""Where pages and boxes fall on the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.page_layout import (
    GAP,
    MARGIN,
    PIXELS_PER_POINT,
    PageLayout,
    fitting_zoom,
    next_zoom,
)
from ingest.types import Box

SIZES = [(600.0, 800.0), (800.0, 600.0)]


def test_pages_lie_below_one_another_and_centred() -> None:
    layout = PageLayout(SIZES, 0.75, 1000)  # 0.75: one pixel a point
    first, second = layout.page_rect(1), layout.page_rect(2)
    assert (first.left(), first.top(), first.width(), first.height()) == (200, MARGIN, 600, 800)
    assert second.top() == pytest.approx(first.bottom() + GAP)
    assert second.center().x() == pytest.approx(first.center().x())
    assert layout.size().height() == pytest.approx(second.bottom() + MARGIN)


def test_wide_pages_widen_the_column() -> None:
    layout = PageLayout(SIZES, 1.5, 400)
    assert layout.size().width() == pytest.approx(800 * 1.5 * PIXELS_PER_POINT + 2 * MARGIN)


def test_fitting_fills_the_width_with_each_page() -> None:
    layout = PageLayout(SIZES, None, 700)
    assert layout.page_rect(1).width() == pytest.approx(700 - 2 * MARGIN)
    assert layout.page_rect(2).width() == pytest.approx(700 - 2 * MARGIN)
    assert layout.size().width() == pytest.approx(700)


def test_small_receipts_are_not_blown_up() -> None:
    assert fitting_zoom(100, 2000) == 2.5


def test_visible_pages() -> None:
    layout = PageLayout([(100.0, 100.0)] * 1000, 0.75, 300)
    assert layout.visible(0, 50) == range(1, 2)
    top = layout.page_rect(500).top()
    assert layout.visible(top, top + 100 + GAP + 1) == range(500, 502)
    assert layout.page_at(top + 10) == 500
    assert PageLayout((), 1.0, 100).visible(0, 100) == range(1, 1)


def test_zoom_steps() -> None:
    assert next_zoom(1.0, 1) == 1.1
    assert next_zoom(1.0, -1) == 0.9
    assert next_zoom(0.97, 1) == 1.0
    assert next_zoom(6.0, 1) == 6.0


@given(
    page=st.integers(1, 2),
    zoom=st.one_of(st.none(), st.floats(0.1, 6)),
    width=st.floats(200, 3000),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_box_keeps_its_share_of_the_page(
    page: int, zoom: float | None, width: float, x: float, y: float
) -> None:
    layout = PageLayout(SIZES, zoom, width)
    page_width, page_height = SIZES[page - 1]
    box = Box(x * page_width, y * page_height, page_width, page_height)
    rect, area = layout.box_rect(page, box), layout.page_rect(page)
    assert rect.left() == pytest.approx(area.left() + x * area.width())
    assert rect.top() == pytest.approx(area.top() + y * area.height())
    assert rect.right() == pytest.approx(area.right())
    assert rect.bottom() == pytest.approx(area.bottom())
