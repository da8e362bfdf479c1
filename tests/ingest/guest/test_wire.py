from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.guest import wire
from ingest.guest.limits import Limits
from ingest.types import (
    Box,
    FileInfo,
    Graphic,
    GraphicKind,
    Line,
    Page,
    PageImage,
    Role,
    TextSource,
)

LIMITS = Limits(max_pixels=10_000, max_text=500, max_lines=20, max_pages=50)
sides = st.floats(0, 500).map(lambda value: round(value, 2))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted((draw(sides), draw(sides)))
    y0, y1 = sorted((draw(sides), draw(sides)))
    return Box(x0, y0, x1, y1)


texts = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.just("\t"), max_size=20)
lines = st.builds(
    Line,
    text=texts,
    box=boxes(),
    role=st.sampled_from(Role),
    block=st.integers(0, 99),
    level=st.integers(0, 6),
    source=st.sampled_from((TextSource.TEXT, TextSource.OCR)),
    confidence=st.none() | st.floats(0, 1),
)
pages = st.builds(
    Page,
    number=st.integers(1, 50),
    width=st.just(500.0),
    height=st.just(500.0),
    lines=st.lists(lines, max_size=5).map(tuple),
    unreadable=texts,
    graphics=st.lists(
        st.builds(Graphic, box=boxes(), kind=st.sampled_from(GraphicKind)), max_size=3
    ).map(tuple),
    hurried=st.booleans(),
)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@given(pages)
def test_pages_come_back_as_they_were(page: Page) -> None:
    assert wire.page_from_wire(through_json(wire.page_to_wire(page)), LIMITS) == page


def test_a_child_cannot_speak_for_a_model() -> None:
    line = Line("said", Box(0, 0, 1, 1), source=TextSource.MODEL)
    value = through_json(wire.page_to_wire(Page(1, 500.0, 500.0, (line,))))
    with pytest.raises(wire.WireError, match="source"):
        wire.page_from_wire(value, LIMITS)


@given(pages, st.data())
def test_a_field_of_any_other_kind_gives_a_page_or_a_wire_error(page: Page, data: Any) -> None:
    value = through_json(wire.page_to_wire(page))
    junk = data.draw(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=9)
        | st.lists(st.integers(), max_size=5)
        | st.dictionaries(st.text(), st.integers(), max_size=2)
    )
    target = data.draw(st.sampled_from([*value, "line"]))
    if target == "line" and value["lines"]:
        row = data.draw(st.sampled_from(value["lines"]))
        row[data.draw(st.integers(0, len(row) - 1))] = junk
    elif target != "line":
        value[target] = junk
    try:
        checked = wire.page_from_wire(value, LIMITS)
    except wire.WireError:
        return
    for line in checked.lines:
        assert 0 <= line.box.x0 <= line.box.x1 <= checked.width
        assert 0 <= line.box.y0 <= line.box.y1 <= checked.height
        line.text.encode("utf-8")


def test_boxes_are_clipped_and_controls_removed() -> None:
    page = Page(1, 100, 50, (Line("a\x00b\nc\td\ud800", Box(-5, -5, 300, 300)),))
    checked = wire.page_from_wire(wire.page_to_wire(page), LIMITS)
    assert checked.lines[0].box == Box(0, 0, 100, 50)
    assert checked.lines[0].text == "a b c\td "


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": 51},
        {"number": True},
        {"width": -1},
        {"width": 1e9},
        {"lines": [[]] * 21},
        {"lines": [["x" * 501, [0, 0, 1, 1], "body", 0, 0, "text", None]]},
        {"lines": [["x" * 300, [0, 0, 1, 1], "body", 0, 0, "text", None]] * 2},
        {"lines": [["x", [0, 0, 1, 1], "king", 0, 0, "text", None]]},
        {"lines": [["x", [2, 0, 1, 1], "body", 0, 0, "text", None]]},
        {"lines": [["x", [0, 0, 1, 1], "body", 0, 0, "text", 1.5]]},
        {"lines": [["x", [0, 0, 1, 1], "body", -1, 0, "text", None]]},
        {"lines": [["x", [0, 0, 1, 1], [], 0, 0, "text", None]]},
        {"unreadable": 3},
        {"graphics": [[[0, 0, 1, 1], "oil"]]},
        {"graphics": [[[2, 0, 1, 1], "image"]]},
        {"graphics": [[[0, 0, 1, 1], "image"]] * 101},
        {"graphics": None},
        {"hurried": 1},
        {"unseen": ["x" * 301]},
        {"unseen": ["x"] * 51},
        {"unseen": [3]},
        {"unseen": None},
    ],
)
def test_what_is_out_of_range_is_refused(change: dict[str, Any]) -> None:
    value = {
        "number": 1, "width": 9, "height": 9, "lines": [], "unreadable": "",
        "graphics": [[[0, 0, 1, 1], "image"]], "hurried": False, "unseen": [],
    }  # fmt: skip
    assert wire.page_from_wire(copy.deepcopy(value), LIMITS).number == 1
    with pytest.raises(wire.WireError):
        wire.page_from_wire(value | change, LIMITS)


def test_images_come_back_and_must_match_their_body() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = PageImage(4, 10, 20, pixels, "no text", Page(4, 10, 20, ()))
    header = through_json(wire.image_to_wire(image))
    back = wire.image_from_wire(header, pixels.tobytes(), LIMITS)
    assert (back.pixels == pixels).all()
    assert back.fallback == image.fallback
    for change, body in (
        ({}, b"short"),
        ({"rows": 200, "columns": 200}, bytes(120_000)),
        ({"rows": -2, "columns": -3}, pixels.tobytes()),
        ({"fallback": {}}, pixels.tobytes()),
        ({"number": 5}, pixels.tobytes()),
    ):
        with pytest.raises(wire.WireError):
            wire.image_from_wire(header | change, body, LIMITS)


def test_file_facts_come_back() -> None:
    info = FileInfo("text/html", 3, "T", "A", "2024-01-01", ("careful",))
    header = through_json(wire.info_to_wire(info))
    assert wire.info_from_wire(header, LIMITS) == info
    for change in (
        {"media_type": "Text/Html; x"},
        {"page_count": 51},
        {"warnings": ["x"] * 101},
        {"warnings": [1]},
        {"title": "x" * 5000},
    ):
        with pytest.raises(wire.WireError):
            wire.info_from_wire(header | change, LIMITS)
