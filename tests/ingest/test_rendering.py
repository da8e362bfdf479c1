from __future__ import annotations

import io
import os
import signal
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

import ingest.pdf
from ingest.errors import DamagedFile, PasswordNeeded
from ingest.rendering import DrawnPage, PageRenderer, page_sizes, render_page, render_pixels
from ingest.types import Box, Page


def turned(rotation: int, crop: bool, **save: Any) -> bytes:
    document = pymupdf.open()
    page = document.new_page(width=400, height=600)
    page.insert_text((100, 200), "A line to be marked", fontsize=20)
    if crop:
        page.set_cropbox(pymupdf.Rect(50, 100, 390, 500))
    page.set_rotation(rotation)
    data: bytes = document.tobytes(**save)
    return data


def pixels(drawn: DrawnPage) -> np.ndarray[Any, Any]:
    return np.frombuffer(drawn.pixels, np.uint8).reshape(drawn.height, drawn.width, 3)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [False, True])
def test_highlights_lie_on_the_words_as_seen(rotation: int, crop: bool) -> None:
    data = turned(rotation, crop)
    (page,) = ingest.pdf.read_document(pymupdf.open(stream=data, filetype="pdf"))
    assert isinstance(page, Page)
    box = page.lines[0].box
    with PageRenderer(data) as renderer:
        (size,) = renderer.sizes()
        assert size == pytest.approx((page.width, page.height))
        plain = pixels(renderer.render(1, 72)).astype(int)
        marked = pixels(renderer.render(1, 72, [box])).astype(int)
    assert plain.shape[:2] == pytest.approx((size[1], size[0]), abs=1)
    dark = np.argwhere(plain.min(axis=2) < 128)
    changed = np.argwhere((plain != marked).any(axis=2))
    # All ink lies in what changed, and what changed is the box.
    assert (dark.min(axis=0) >= changed.min(axis=0)).all()
    assert (dark.max(axis=0) <= changed.max(axis=0)).all()
    assert changed.min(axis=0) == pytest.approx((box.y0, box.x0), abs=1.5)
    assert changed.max(axis=0) == pytest.approx((box.y1, box.x1), abs=1.5)
    # Multiplied: ink stays dark, paper becomes yellow.
    assert marked[tuple(dark[0])].max() < 128
    assert marked[changed[0][0], changed[0][1]].tolist() == [255, 232, 92]


def test_png_and_pixels_show_the_same() -> None:
    data = turned(90, True)
    png = np.asarray(Image.open(io.BytesIO(render_page(data, page=1, dpi=100))))
    drawn = render_pixels(data, page=1, dpi=100)
    assert drawn.dpi == pytest.approx(100)
    assert np.array_equal(png, pixels(drawn))
    assert page_sizes(data) == ((400.0, 340.0),)


def test_highlights_outside_the_page_are_clipped() -> None:
    data = turned(0, False)
    render_pixels(data, page=1, dpi=72, highlights=[Box(-50, -50, 9000, 10), Box(500, 0, 600, 9)])


def test_pages_that_would_be_too_large_are_drawn_smaller() -> None:
    document = pymupdf.open()
    document.new_page(width=10_000, height=10_000)
    drawn = render_pixels(document.tobytes(), page=1, dpi=300)
    assert drawn.width * drawn.height < 61_000_000
    assert drawn.dpi < 60


def test_encrypted_and_broken_files() -> None:
    data = turned(0, False, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    assert render_page(data, password="secret", page=1).startswith(b"\x89PNG")
    with pytest.raises(PasswordNeeded):
        render_page(data, page=1)
    with pytest.raises(DamagedFile):
        render_page(b"no pdf", page=1)
    with pytest.raises(ValueError, match="no page 2"):
        render_page(turned(0, False), page=2)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_renderer_outlives_its_guest() -> None:
    with PageRenderer(turned(0, False)) as renderer:
        before = renderer.render(1, 72)
        guest = renderer._guest
        assert guest is not None
        os.kill(guest._learn_pid(0) or 0, signal.SIGKILL)  # type: ignore[attr-defined]
        guest._status(5)  # type: ignore[attr-defined]
        assert renderer.render(1, 72) == before
