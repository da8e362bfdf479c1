"""What a page paints, in order: a box for each stroke of text, shape, shade and image.

As PyMuPDF's ``get_bboxlog``, and at its cost, with the colour of what is filled: what lies over
and under a text says whether it can be seen. Coordinates are those of the page before rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

Sides = tuple[float, float, float, float]
Colour = tuple[float, float, float]
Boxes = npt.NDArray[np.float32]

MOST_PAINTS = 60_000  # of a page; reading more would take longer than its text

_OPAQUE = 0.97
_SYMBOL = 3  # characters
_GREY, _RGB = 1, 2  # of fz_colorspace_type
_LEAST = 2.0  # points of either side: what is smaller covers no text, and its colour is not asked


class Shape(NamedTuple):
    """Something painted that is no text; ``number`` is its place among all that is painted.

    ``kind`` is path, stroke, shade, image or stencil; veil for a path that lets something through;
    mask or group for what blends that which follows within the box. ``colour`` is that of an opaque
    path: red, green and blue, 0 to 1; ``image`` are the width and height of an image or stencil in
    pixels, its bits in a channel, and its bytes as they are stored.
    """

    number: int
    kind: str
    box: Sides
    colour: Colour | None = None
    image: tuple[int, int, int, int] | None = None


class Paints(NamedTuple):
    """What a page paints. ``texts`` are places among all that is painted, and boxes; ``whole`` is
    false where there was more than was looked at. ``spoken`` are texts that the file gives out for
    that of other letters (ActualText)."""

    texts: Sequence[tuple[int, Sides]]
    shapes: Sequence[Shape]
    whole: bool
    spoken: Sequence[str] = ()


def read_paints(page: pymupdf.Page) -> Paints:
    """Everything the page paints, up to a bound. Raises what PyMuPDF raises."""
    rotation = page.rotation
    if rotation:
        page.set_rotation(0)
    try:
        cookie = mupdf.FzCookie()
        device = _Device(cookie)
        mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(), cookie)
        mupdf.fz_close_device(device)
    finally:
        if rotation:
            page.set_rotation(rotation)
    return Paints(device.texts, device.shapes, device.number < MOST_PAINTS, tuple(device.spoken))


def boxes_of(boxes: Sequence[Sides]) -> Boxes:
    """Boxes as an array, shape (boxes, 4), none of whose sides is out of all bounds."""
    flat = np.fromiter(chain.from_iterable(boxes), np.float32, 4 * len(boxes)).reshape(-1, 4)
    return np.clip(np.nan_to_num(flat, copy=False), -1e6, 1e6)


def _sides(rect: Any) -> Sides:
    return rect.x0, rect.y0, rect.x1, rect.y1


class _Device(mupdf.FzDevice2):  # type: ignore[misc] # MuPDF ships no types
    """MuPDF calls a method for each thing that is painted, with pointers of its own."""

    def __init__(self, cookie: Any) -> None:
        super().__init__()
        self.texts: list[tuple[int, Sides]] = []
        self.shapes: list[Shape] = []
        self.spoken: list[str] = []
        self.number = 0
        self._open: list[tuple[str, int]] = []
        self._cookie = cookie
        self._colours: dict[tuple[int, ...], Colour] = {}
        for name in (
            *("fill_path", "stroke_path", "fill_text", "stroke_text", "ignore_text"),
            *("fill_shade", "fill_image", "fill_image_mask", "begin_mask", "begin_group"),
            *("begin_metatext", "end_metatext"),
        ):
            getattr(self, f"use_virtual_{name}")()

    def fill_text(self, _: Any, text: Any, ctm: Any, *_p: Any) -> None:
        self._text(mupdf.ll_fz_bound_text(text, None, ctm))

    def stroke_text(self, _: Any, text: Any, stroke: Any, ctm: Any, *_p: Any) -> None:
        self._text(mupdf.ll_fz_bound_text(text, stroke, ctm))

    def ignore_text(self, _: Any, text: Any, ctm: Any) -> None:
        self._text(mupdf.ll_fz_bound_text(text, None, ctm))

    def _text(self, rect: Any) -> None:
        if self._count():
            self.texts.append((self.number, (rect.x0, rect.y0, rect.x1, rect.y1)))

    def fill_path(
        self, _: Any, path: Any, _o: Any, ctm: Any, space: Any, colour: Any, alpha: float, *_p: Any
    ) -> None:
        x0, y0, x1, y1 = box = _sides(mupdf.ll_fz_bound_path(path, None, ctm))
        if x1 - x0 <= _LEAST or y1 - y0 <= _LEAST:
            self._shape("path", box)
        elif alpha < _OPAQUE:
            self._shape("veil", box)
        else:
            self._shape("path", box, self._rgb(space, colour))

    def stroke_path(self, _: Any, path: Any, stroke: Any, ctm: Any, *_p: Any) -> None:
        self._shape("stroke", _sides(mupdf.ll_fz_bound_path(path, stroke, ctm)))

    def fill_shade(self, _: Any, shade: Any, ctm: Any, *_p: Any) -> None:
        self._shape("shade", _sides(mupdf.ll_fz_bound_shade(shade, ctm)))

    def fill_image(self, _: Any, image: Any, ctm: Any, *_p: Any) -> None:
        self._shape("image", _unit(ctm), None, _image(image))

    def fill_image_mask(self, _: Any, image: Any, ctm: Any, *_p: Any) -> None:
        self._shape("stencil", _unit(ctm), None, _image(image))

    def begin_mask(self, _: Any, area: Any, *_p: Any) -> None:
        self._shape("mask", _sides(area))

    def begin_group(
        self, _: Any, area: Any, _s: Any, _i: Any, _k: Any, mode: int, alpha: float
    ) -> None:
        if mode or alpha < _OPAQUE:
            self._shape("group", _sides(area))

    def begin_metatext(self, _: Any, kind: int, text: str) -> None:
        self._open.append((text if kind == mupdf.FZ_METATEXT_ACTUALTEXT else "", len(self.texts)))

    def end_metatext(self, _: Any) -> None:
        if self._open:
            text, before = self._open.pop()
            # A symbol or a space for a glyph, or the words of letters that are drawn as shapes.
            if len(text) > _SYMBOL and len(self.texts) > before:
                self.spoken.append(text)

    def _shape(
        self,
        kind: str,
        box: Sides,
        colour: Colour | None = None,
        image: tuple[int, int, int, int] | None = None,
    ) -> None:
        if self._count():
            self.shapes.append(Shape(self.number, kind, box, colour, image))

    def _count(self) -> bool:
        """Whether there is room for one more; ends the run where there is not."""
        if self.number == MOST_PAINTS:
            self._cookie.set_abort()
            return False
        self.number += 1
        return True

    def _rgb(self, space: Any, colour: Any) -> Colour | None:
        if not space:
            return None
        kind = space.type
        if kind == _GREY:
            grey = mupdf.floats_getitem(colour, 0)
            return grey, grey, grey
        if kind == _RGB:
            red, green, blue = (mupdf.floats_getitem(colour, n) for n in range(3))
            return red, green, blue
        key = (int(space.this), *(mupdf.floats_getitem(colour, n) for n in range(space.n)))
        if key not in self._colours:
            # Without names these would be gone before the call.
            target = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
            parameters = mupdf.FzColorParams()
            red, green, blue, *_ = mupdf.ll_fz_convert_color(
                space, colour, target.m_internal, None, parameters.internal()
            )
            self._colours[key] = red, green, blue
        return self._colours[key]


def _unit(ctm: Any) -> Sides:
    unit = mupdf.FzRect(mupdf.FzRect.Fixed_UNIT)
    return _sides(mupdf.ll_fz_transform_rect(unit.internal(), ctm))


def _image(image: Any) -> tuple[int, int, int, int]:
    stored = mupdf.ll_fz_compressed_image_buffer(image)
    size = mupdf.ll_fz_compressed_buffer_size(stored) if stored else 0
    return image.w, image.h, image.bpc, size
