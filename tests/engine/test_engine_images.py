"""Image files: the pixels of the reference processor, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import picture, saved, tone, wav
from PIL import Image as Pillow
from PIL import ImageOps
from transformers.models.gemma4.image_processing_pil_gemma4 import (
    Gemma4ImageProcessorPil,
    get_aspect_ratio_preserving_size,
)

from engine.audio import audio_tokens, read_audio
from engine.errors import BadMedia
from engine.images import Grid, read_image
from engine.media_config import BUDGETS, MOST_PIXELS, AudioConfig, Marks, VisionConfig
from engine.towers import cut

GRID = Grid()
VISION = VisionConfig({}, Marks(1, 2, 3), 16, 3, 280, both_ways=False)
AUDIO = AudioConfig({}, Marks(1, 2, 3), {}, 750, 40)


def exif(image: Pillow.Image, orientation: int) -> bytes:
    tags = Pillow.Exif()
    tags[0x0112] = orientation
    return saved(image, "JPEG", exif=tags.tobytes(), quality=90)


def palette(transparent: bool) -> bytes:
    image = picture(120, 80, 5).quantize(16)
    return saved(image, "PNG", **({"transparency": 3} if transparent else {}))


def transparent_rgb() -> bytes:
    image = picture(64, 64, 6)
    return saved(image, "PNG", transparency=image.getpixel((3, 3)))


FILES = {
    "rgb": lambda: saved(picture(320, 200, 1)),
    "grey": lambda: saved(picture(320, 200, 2, "L")),
    "bilevel": lambda: saved(picture(320, 200, 3, "1")),
    "cmyk": lambda: saved(picture(200, 320, 4, "CMYK"), "JPEG"),
    "palette": lambda: palette(transparent=False),
    "transparent palette": lambda: palette(transparent=True),
    "transparent": lambda: saved(picture(100, 300, 7, "RGBA")),
    "transparent grey": lambda: saved(picture(100, 300, 8, "RGBA").convert("LA")),
    "transparent colour": transparent_rgb,
    "one pixel high": lambda: saved(picture(400, 1, 9)),
    "one pixel wide": lambda: saved(picture(1, 400, 10)),
    "one pixel": lambda: saved(picture(1, 1, 11)),
    "20,000 wide": lambda: saved(picture(20_000, 30, 12)),
    "20,000 wide, one high": lambda: saved(picture(20_000, 1, 13)),
    "large": lambda: saved(picture(2480, 3508, 14), "JPEG", quality=70),
    "exif 3": lambda: exif(picture(150, 90, 15), 3),
    "exif 6": lambda: exif(picture(150, 90, 16), 6),
    "exif 5": lambda: exif(picture(150, 90, 17, "L"), 5),
    "webp": lambda: saved(picture(333, 77, 18, "RGBA"), "WEBP", lossless=True),
    "tiff": lambda: saved(picture(99, 101, 19, "CMYK"), "TIFF"),
    "gif": lambda: saved(picture(99, 101, 20, "P"), "GIF"),
    "bmp": lambda: saved(picture(672, 960, 21), "BMP"),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_the_reference(name: str) -> None:
    data = FILES[name]()
    upright = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data)))
    for budget in (70, 280):
        processor = Gemma4ImageProcessorPil(max_soft_tokens=budget)
        expected = processor(images=upright, return_tensors="pt")
        pixels = read_image(data, budget, GRID, "The image")
        patches, places = cut(pixels, processor, VISION)
        count = patches.shape[1]
        assert count // 9 == expected["num_soft_tokens_per_image"][0]
        assert torch.equal(patches[0], expected["pixel_values"][0, :count])
        assert torch.equal(places[0], expected["image_position_ids"][0, :count])
        assert (expected["image_position_ids"][0, count:] == -1).all()


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.sampled_from(BUDGETS))
@settings(max_examples=300, deadline=None)
def test_sizes_are_those_of_the_reference(width: int, height: int, budget: int) -> None:
    expected = get_aspect_ratio_preserving_size(height, width, 16, budget * 9, 3)
    assert GRID.fit(width, height, budget) == expected[::-1]
    assert 1 <= GRID.tokens(width, height, budget) <= budget


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    """Pillow would cut them off at 255 and leave a white page."""
    shades = np.linspace(0, 65_535, 48 * 48 * 70, dtype=np.uint16).reshape(48 * 7, 480)
    pixels = read_image(saved(Pillow.fromarray(shades)), 70, GRID, "The image")
    assert pixels.min() < 5
    assert pixels.max() > 250
    assert 110 < pixels.mean() < 145


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    blank = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", blank) + chunk(b"IEND", b"")
    )


JPEG = saved(picture(300, 300, 1), "JPEG")
BAD = {
    "nothing": (b"", "empty"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image that is read here"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged"),
    "head of a jpeg": (JPEG[:30], "damaged"),
    "truncated png": (saved(picture(90, 90))[:-200], "damaged"),
    "truncated gif": (saved(picture(90, 90, mode="P"), "GIF")[:400], "damaged"),
    "bomb": (png_of(200_000, 200_000), "pixels"),
    "small bomb": (png_of(8_000, 8_000), "8,000 x 8,000 pixels"),
    "no pixels at all": (png_of(0, 10), "no pixels|damaged"),
    "too little data": (png_of(500, 500), "damaged"),
    "missing": ("/nowhere/page.png", "cannot be read"),
    "a folder": ("/", "cannot be read"),
    "a strange name": ("a\0b", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused(name: str) -> None:
    source, says = BAD[name]
    with pytest.raises(BadMedia, match=says) as caught:
        read_image(source, 70, GRID, "Image 3 of the prompt")
    assert "Image 3 of the prompt" in str(caught.value)
    assert caught.value.remedy


@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_crash(kind: str, data: st.DataObject) -> None:
    whole = bytearray(saved(picture(40, 30, 2), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = read_image(bytes(whole), 70, GRID, "The image")
    except BadMedia:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[0] % 48 == pixels.shape[1] % 48 == 0


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    data = saved(picture(70, 50))
    path = tmp_path / "é page.png"
    path.write_bytes(data)
    from_path = read_image(str(path), 70, GRID, "The image")
    assert np.array_equal(from_path, read_image(data, 70, GRID, "The image"))


def test_a_page_at_600_dots_an_inch_is_let_in() -> None:
    assert MOST_PIXELS > 4961 * 7016


def test_wav_files() -> None:
    samples = tone(0.5)
    heard = read_audio(wav(samples), AUDIO, "The audio")
    assert np.array_equal(heard, (samples / 32768).astype(np.float32))
    assert audio_tokens(len(heard), AUDIO, unified=False) == 13
    assert audio_tokens(len(heard), AUDIO, unified=True) == 13


BAD_AUDIO = {
    "nothing": (b"", "empty"),
    "mp3": (b"ID3\x04" + bytes(100), "no WAV file"),
    "44 kHz": (wav(tone(0.1), rate=44_100), "44,100 Hz"),
    "stereo": (wav(tone(0.1), channels=2), "2 channel"),
    "truncated": (wav(tone(0.5))[:5000], "cut short"),
    "too long": (wav(np.zeros(31 * 16_000)), "31.0 s; the model hears 30 s"),
    "head only": (wav(tone(0.1))[:20], "no WAV file"),
}


@pytest.mark.parametrize("name", BAD_AUDIO)
def test_bad_audio_is_refused(name: str) -> None:
    source, says = BAD_AUDIO[name]
    with pytest.raises(BadMedia, match=says):
        read_audio(source, AUDIO, "Audio 1 of the prompt")


def test_the_models_own_numbers_count() -> None:
    short = replace(AUDIO, most_tokens=25)
    assert short.seconds == 1
    with pytest.raises(BadMedia, match="hears 1 s"):
        read_audio(wav(tone(1.5)), short, "The audio")
