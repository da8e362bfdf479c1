"""Images and audio that the tests make themselves."""

from __future__ import annotations

import io
import wave

import numpy as np
from PIL import Image as Pillow


def picture(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Pillow.Image:
    """A random picture with coarse and fine structure."""
    random = np.random.default_rng(seed)
    coarse = Pillow.fromarray(random.integers(0, 256, (5, 7, 4), dtype=np.uint8), "RGBA")
    fine = random.integers(0, 40, (height, width, 4), dtype=np.uint8)
    whole = (
        np.asarray(coarse.resize((width, height), Pillow.Resampling.BICUBIC)) // 8 * 7 + fine % 32
    )
    image = Pillow.fromarray(whole.astype(np.uint8), "RGBA")
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def saved(image: Pillow.Image, kind: str = "PNG", **settings: object) -> bytes:
    """The file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def tone(seconds: float, seed: int = 0) -> np.ndarray:
    """int16 [samples] at 16 kHz: a few tones and noise."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16_000)) / 16_000
    mixed = sum(np.sin(2 * np.pi * f * t) for f in random.uniform(100, 4000, 4)) / 6
    return ((mixed + random.normal(0, 0.02, len(t))) * 20_000).astype(np.int16)


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> bytes:
    """A WAV file of int16 samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
