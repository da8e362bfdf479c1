"""Images: each becomes a page that it fills, at the size its resolution states.

JPEG bytes are kept as they are where a PDF can hold them; everything else is decoded and stored
without loss.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pymupdf
from PIL import Image, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError

from ingest.errors import DamagedFile, LimitExceeded
from ingest.formats.blocks import Rendition
from ingest.formats.detect import Kind
from ingest.guest.limits import Limits

DEFAULT_DPI = 200.0
_MIN_DPI, _MAX_DPI = 91.0, 600.0  # 72 is what programs write that do not know
_SCREEN_DPI = 96.0
_LARGE_INCHES = 20.0
_ORIENTATION = 0x0112
_TURNS = {1: 0, 3: 180, 6: 90, 8: 270}
_PIL_FORMATS = {Kind.PNG: "PNG", Kind.JPEG: "JPEG", Kind.TIFF: "TIFF", Kind.WEBP: "WEBP"}


@dataclass(frozen=True, slots=True)
class _Picture:
    """What goes on one page: encoded bytes, size in pixels, clockwise turn, dots per inch."""

    stream: bytes
    width: int
    height: int
    turn: int
    dpi: float


def render(data: bytes, kind: Kind, name: str, limits: Limits) -> Rendition:
    """The rendition of an image file: one page for each frame of a TIFF, one for the others.

    Raises:
        LimitExceeded: more pixels or pages than allowed.
        DamagedFile: the image cannot be decoded at all.
    """
    Image.MAX_IMAGE_PIXELS = None  # `_check_size` is stricter, and it asks before decoding
    notes: list[str] = []
    document = pymupdf.open()
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # Pillow's, about metadata we do not use
            Image.open(io.BytesIO(data), formats=[_PIL_FORMATS[kind]]) as image,
        ):
            frames = getattr(image, "n_frames", 1)
            if kind is not Kind.TIFF and frames > 1:
                notes.append(f"Only the first of {frames} frames of the animation was read.")
            if kind is Kind.TIFF and frames > limits.max_pages:
                raise _too_many(name, frames, limits)
            for frame in _frames(image, kind):
                _check_size(frame, name, limits)
                _add_page(document, _picture(frame, data, kind, notes))
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, ValueError) as error:
        if document.page_count == 0:
            why = "" if isinstance(error, UnidentifiedImageError) else f" ({str(error)[:200]})"
            cause = f"The image cannot be decoded{why}."
            raise DamagedFile(name, cause, "Look for a complete copy, or scan it again.") from error
        notes.append(f"Only the first {document.page_count} pages could be decoded.")
    pdf = document.tobytes(deflate=True, deflate_images=True, no_new_id=True)
    document.close()
    return Rendition(pdf, kind.value, warnings=tuple(dict.fromkeys(notes)))


def _frames(image: Image.Image, kind: Kind) -> Iterator[Image.Image]:
    if kind is Kind.TIFF:
        yield from ImageSequence.Iterator(image)
    else:
        yield image


def _check_size(image: Image.Image, name: str, limits: Limits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_pixels:
        cause = f"The image is {image.width} × {image.height} pixels large."
        remedy = f"Save it with at most {limits.max_pixels // 1_000_000} million pixels."
        raise LimitExceeded(name, cause, remedy)


def _too_many(name: str, frames: int, limits: Limits) -> LimitExceeded:
    cause = f"It has {frames} pages; {limits.max_pages} are allowed."
    return LimitExceeded(name, cause, "Split it into smaller files.")


def _picture(frame: Image.Image, data: bytes, kind: Kind, notes: list[str]) -> _Picture:
    orientation = frame.getexif().get(_ORIENTATION, 1)
    dpi = _resolution(frame)
    whole = _load(frame, notes)
    if whole and kind is Kind.JPEG and frame.mode in ("RGB", "L") and orientation in _TURNS:
        return _Picture(data, frame.width, frame.height, _TURNS[orientation], dpi)
    upright = _plain(ImageOps.exif_transpose(frame))
    encoded = io.BytesIO()
    upright.save(encoded, "PNG", compress_level=1)
    return _Picture(encoded.getvalue(), upright.width, upright.height, 0, dpi)


def _load(frame: Image.Image, notes: list[str]) -> bool:
    """Decodes the pixels; a file that is cut short gives what there is, and false."""
    try:
        frame.load()
    except OSError:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            frame.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        notes.append("The image is cut short; the part that is missing is blank.")
        return False
    return True


def _plain(image: Image.Image) -> Image.Image:
    """The image as 1-bit, grey or RGB, on white where it is transparent."""
    if image.mode in ("1", "L", "RGB"):
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _stretched(image)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(paper, layered).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Deep grey values to 8 bits: by their format's range if they use it, else by their own."""
    values = np.asarray(image, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and 4096.0 < high <= 65535.0:
        low, high = 0.0, 65535.0
    scaled = (values - low) * (255.0 / max(high - low, 1.0))
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8), "L")


def _resolution(image: Image.Image) -> float:
    """Dots per inch; screen resolutions on what would be a poster are cameras' placeholders."""
    stated = image.info.get("dpi")
    try:
        dpi = float(stated[0]) if stated else 0.0
    except (TypeError, ValueError, ZeroDivisionError):
        dpi = 0.0
    if not _MIN_DPI <= dpi <= _MAX_DPI:
        return DEFAULT_DPI
    if dpi <= _SCREEN_DPI and max(image.size) / dpi > _LARGE_INCHES:
        return DEFAULT_DPI
    return dpi


def _add_page(document: pymupdf.Document, picture: _Picture) -> None:
    scale = 72.0 / picture.dpi
    page = document.new_page(width=picture.width * scale, height=picture.height * scale)
    page.insert_image(page.rect, stream=picture.stream, keep_proportion=False)
    page.set_rotation(picture.turn)
