"""Boxes lie where the ink is, under every rotation and crop box."""

from __future__ import annotations

import numpy as np
import pymupdf
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_making import pages_of

from ingest.pdf.frames import to_upright, to_visible, turn_of
from ingest.types import Box

_ZOOM = 3


def ink_box(page: pymupdf.Page) -> Box | None:
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(_ZOOM, _ZOOM), colorspace=pymupdf.csGRAY, alpha=False
    )
    pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)
    ys, xs = np.nonzero(pixels[:, : pixmap.width] < 128)
    if not len(xs):
        return None
    return Box(*(float(v) / _ZOOM for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)))


@settings(max_examples=60, deadline=None)
@given(
    rotation=st.sampled_from([0, 90, 180, 270]),
    turn=st.sampled_from([0, 90, 180, 270]),
    crop=st.tuples(*[st.integers(0, 60)] * 4),
    media=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    x=st.integers(120, 280),
    y=st.integers(120, 380),
    size=st.integers(8, 24),
)
def test_box_lies_on_the_ink(
    rotation: int,
    turn: int,
    crop: tuple[int, int, int, int],
    media: tuple[int, int],
    x: int,
    y: int,
    size: int,
) -> None:
    made = pymupdf.open()
    page = made.new_page(width=400, height=500)
    page.insert_text((x, y), "Hxg", fontsize=size, rotate=turn)
    x0, y0 = media
    cut = (x0 + crop[0], y0 + crop[1], 400 - crop[2], 500 - crop[3])
    made.xref_set_key(page.xref, "MediaBox", f"[{x0} {y0} 400 500]")
    made.xref_set_key(page.xref, "CropBox", "[{} {} {} {}]".format(*cut))
    made.xref_set_key(page.xref, "Rotate", str(rotation))
    made = pymupdf.open("pdf", made.tobytes())
    (read,) = pages_of(made)
    assert (read.width, read.height) == (made[0].rect.width, made[0].rect.height)
    ink = ink_box(made[0])
    if ink is None:
        assert not read.lines
        return
    (line,) = read.lines
    found = line.box
    assert 0 <= found.x0 <= found.x1 <= read.width
    assert 0 <= found.y0 <= found.y1 <= read.height
    slack = 1.0
    assert found.x0 - slack <= ink.x0 and ink.x1 <= found.x1 + slack
    assert found.y0 - slack <= ink.y0 and ink.y1 <= found.y1 + slack
    area = (found.x1 - found.x0) * (found.y1 - found.y0)
    assert (ink.x1 - ink.x0) * (ink.y1 - ink.y0) > 0.4 * area


boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.floats(0, 1000, width=32)] * 4)


@given(box=boxes, turn=st.integers(0, 3))
def test_frames_invert(box: Box, turn: int) -> None:
    upright = to_upright(box, turn)
    assert upright.x0 <= upright.x1 and upright.y0 <= upright.y1
    assert to_visible(upright, turn) == box


def test_turn_of_directions() -> None:
    assert [turn_of(*d) for d in ((1, 0), (0, 1), (-1, 0), (0, -1), (0.9, 0.1))] == [0, 1, 2, 3, 0]


def test_text_outside_the_crop_box_is_not_read() -> None:
    made = pymupdf.open()
    page = made.new_page(width=400, height=400)
    page.insert_text((20, 40), "cut away")
    page.insert_text((220, 240), "kept")
    page.set_cropbox(pymupdf.Rect(200, 200, 400, 400))
    (read,) = pages_of(made)
    assert [line.text for line in read.lines] == ["kept"]
    assert abs(read.lines[0].box.x0 - 20) < 1


def test_scaled_user_units_keep_boxes_on_the_ink() -> None:
    made = pymupdf.open()
    page = made.new_page(width=200, height=200)
    page.insert_text((50, 100), "Hxg", fontsize=20)
    made.xref_set_key(page.xref, "UserUnit", "2")
    made = pymupdf.open("pdf", made.tobytes())
    (read,) = pages_of(made)
    ink = ink_box(made[0])
    assert ink is not None
    found = read.lines[0].box
    assert found.x0 - 1 <= ink.x0 and ink.x1 <= found.x1 + 1
    assert found.y0 - 1 <= ink.y0 and ink.y1 <= found.y1 + 1
