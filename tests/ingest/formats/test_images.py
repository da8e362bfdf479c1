from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

import ingest.pdf
from ingest.errors import DamagedFile, LimitExceeded
from ingest.formats.blocks import Rendition
from ingest.formats.detect import Kind
from ingest.formats.images import render
from ingest.guest.limits import Limits
from ingest.types import PageImage


def picture(width: int = 300, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Black at the left, a red corner at the upper right, white elsewhere."""
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    pixels[:, : width // 4] = 0
    pixels[: height // 4, -width // 4 :] = (255, 0, 0)
    return Image.fromarray(pixels).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def rendered(data: bytes, kind: Kind, **limits: Any) -> Rendition:
    return render(data, kind, "image", Limits(**limits))


def pixels_of(made: Rendition, page: int = 0) -> np.ndarray[Any, Any]:
    """What OCR would be given for the page."""
    document = pymupdf.open(stream=made.pdf, filetype="pdf")
    found = list(ingest.pdf.read_document(document))[page]
    assert isinstance(found, PageImage)
    return found.pixels


def test_png_pixels_are_kept_to_the_last_bit() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (333, 517, 3), dtype=np.uint8)
    made = rendered(saved(Image.fromarray(noise), "PNG"), Kind.PNG)
    assert np.array_equal(pixels_of(made), noise)


@pytest.mark.parametrize("dpi", [96, 150, 200, 300])
def test_the_page_has_the_size_that_the_resolution_states(dpi: int) -> None:
    made = rendered(saved(picture(), "PNG", dpi=(dpi, dpi)), Kind.PNG)
    page = pymupdf.open(stream=made.pdf, filetype="pdf")[0]
    assert page.rect.width == pytest.approx(300 * 72 / dpi, abs=0.1)
    assert pixels_of(made).shape == (200, 300, 3)


@pytest.mark.parametrize("dpi", [None, (1, 1), (72, 72), (5000, 5000)])
def test_absurd_resolutions_count_as_none(dpi: tuple[int, int] | None) -> None:
    options = {} if dpi is None else {"dpi": dpi}
    made = rendered(saved(picture(), "PNG", **options), Kind.PNG)
    page = pymupdf.open(stream=made.pdf, filetype="pdf")[0]
    assert page.rect.width == pytest.approx(300 * 72 / 200, abs=0.1)


def test_jpeg_bytes_are_not_encoded_again() -> None:
    data = saved(picture(), "JPEG", quality=80)
    made = rendered(data, Kind.JPEG)
    document = pymupdf.open(stream=made.pdf, filetype="pdf")
    assert document.extract_image(document[0].get_images()[0][0])["image"] == data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_orientation_is_applied(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = picture()
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = rendered(saved(stored, "JPEG", quality=95, exif=exif), Kind.JPEG)
    shown = pixels_of(made).astype(int)
    assert shown.shape == (200, 300, 3)
    assert np.abs(shown - np.asarray(upright).astype(int)).mean() < 8


@pytest.mark.parametrize(
    ("mode", "kind", "format_name"),
    [
        ("1", Kind.PNG, "PNG"),
        ("L", Kind.PNG, "PNG"),
        ("P", Kind.PNG, "PNG"),
        ("LA", Kind.PNG, "PNG"),
        ("RGBA", Kind.WEBP, "WEBP"),
        ("CMYK", Kind.JPEG, "JPEG"),
        ("YCbCr", Kind.TIFF, "TIFF"),
        ("CMYK", Kind.TIFF, "TIFF"),
    ],
)
def test_every_mode_is_shown_as_it_looks(mode: str, kind: Kind, format_name: str) -> None:
    options: dict[str, Any] = {"lossless": True} if format_name == "WEBP" else {}
    made = rendered(saved(picture(mode=mode), format_name, **options), kind)
    shown = pixels_of(made).astype(int)
    assert shown[100, 20].max() < 30
    assert shown[150, 280].min() > 225


def test_transparent_becomes_white() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (40, 40, 60, 60))
    shown = pixels_of(rendered(saved(image, "PNG"), Kind.PNG))
    assert shown[10, 10].tolist() == [255, 255, 255]
    assert shown[50, 50].tolist() == [0, 0, 0]


@pytest.mark.parametrize("highest", [65535, 4095])
def test_deep_grey_is_scaled(highest: int) -> None:
    ramp = np.linspace(0, highest, 10_000).reshape(100, 100).astype(np.uint16)
    shown = pixels_of(rendered(saved(Image.fromarray(ramp), "PNG"), Kind.PNG))
    assert shown[0, 0].max() < 5
    assert shown[-1, -1].min() > 250


def test_a_tiff_has_a_page_for_each_frame() -> None:
    frames = [picture(), picture(mode="L"), picture(120, 80)]
    data = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:], dpi=(100, 100))
    made = rendered(data, Kind.TIFF)
    document = pymupdf.open(stream=made.pdf, filetype="pdf")
    assert [round(page.rect.width) for page in document] == [216, 216, 86]
    with pytest.raises(LimitExceeded):
        rendered(data, Kind.TIFF, max_pages=2)


def test_a_truncated_jpeg_gives_what_there_is_and_a_warning() -> None:
    data = saved(picture(600, 600), "JPEG")
    made = rendered(data[: len(data) // 2], Kind.JPEG)
    assert "cut short" in made.warnings[0]
    with pytest.raises(DamagedFile):
        rendered(data[:50], Kind.JPEG)


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
    bomb = b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
    with pytest.raises(LimitExceeded, match="50000"):
        rendered(bomb, Kind.PNG)


@pytest.mark.parametrize("kind", [Kind.PNG, Kind.JPEG, Kind.TIFF, Kind.WEBP])
def test_what_only_begins_like_an_image_is_damage(kind: Kind) -> None:
    starts = {
        Kind.PNG: b"\x89PNG\r\n\x1a\n",
        Kind.JPEG: b"\xff\xd8\xff\xe0",
        Kind.TIFF: b"II*\x00\x08\x00\x00\x00",
        Kind.WEBP: b"RIFF\x00\x01\x00\x00WEBPVP8 ",
    }
    with pytest.raises(DamagedFile):
        rendered(starts[kind] + b"\x00\x07nonsense" * 50, kind)
