"""Which way a page's text runs, from the boxes of its lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.types import Box, Line, TextSource
from ingest.upright import quarter_turns, turned

WIDTH, HEIGHT = 600.0, 400.0


def page(lines: int, source: TextSource = TextSource.OCR) -> list[Line]:
    """Lines as they stand on an upright page."""
    return [
        Line(f"The line numbered {n}", Box(50, 40 + 20 * n, 350, 52 + 20 * n), source=source)
        for n in range(lines)
    ]


def lying(lines: list[Line], quarters: int) -> list[Line]:
    """The same after quarter turns with the clock of the paper that they stand on."""
    found = []
    width, height = WIDTH, HEIGHT
    boxes = [line.box for line in lines]
    for _ in range(quarters):
        boxes = [Box(height - b.y1, b.x0, height - b.y0, b.x1) for b in boxes]
        width, height = height, width
    for line, box in zip(lines, boxes, strict=True):
        found.append(Line(line.text, box, source=line.source))
    return found


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_page_is_turned_back_the_way_it_lies(quarters: int) -> None:
    assert quarter_turns(lying(page(9), quarters)) == quarters


def test_what_is_not_known_is_left_as_it_is() -> None:
    assert quarter_turns([]) == 0
    assert quarter_turns(lying(page(2), 1)) == 0, "one step tells too little"
    assert quarter_turns(lying(page(9, TextSource.TEXT), 3)) == 0, "a text layer is upright"
    two_columns = [
        *page(6),
        *(Line(x.text, Box(360, x.box.y0, 590, x.box.y1), source=x.source) for x in page(6)),
    ]
    assert quarter_turns(two_columns) == 0


@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9))
def test_turning_the_picture_undoes_it(quarters: int, width: int, height: int) -> None:
    upright = np.arange(width * height * 3, dtype=np.uint16).reshape(height, width, 3)
    laid = np.rot90(upright, -quarters)
    assert np.array_equal(turned(laid, quarters), upright)
