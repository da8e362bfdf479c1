"""Image files to the pixels that a model sees. Knows no tokens' meaning; loads no torch.

The same pixels, bit for bit, as the image processor of ``transformers`` 5.24 gives for an upright
image (``Gemma4ImageProcessorPil``): transparency on white, bicubic resizing to the largest size of
the same shape within the budget. Files come from anywhere: formats and sizes are limited, and
nothing is decoded before its size is known.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from engine.errors import BadMedia
from engine.media_config import MOST_PIXELS
from engine.options import MOST_PART_BYTES

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_BAND_ROWS = 256
_RESAVE = "Save it again, or convert it to PNG."


@dataclass(frozen=True)
class Grid:
    """How an image is cut: patches of ``patch`` pixels, ``pool`` x ``pool`` of them a token."""

    patch: int = 16
    pool: int = 3

    @property
    def side(self) -> int:
        """Pixels of a soft token's side."""
        return self.patch * self.pool

    def tokens(self, width: int, height: int, budget: int) -> int:
        """Soft tokens that an image of this size takes."""
        fitted = self.fit(width, height, budget)
        return fitted[0] * fitted[1] // self.side**2

    def fit(self, width: int, height: int, budget: int) -> tuple[int, int]:
        """(width, height) in pixels: the largest of the same shape, in whole tokens, in budget.

        An image too narrow for one token across becomes one token across.
        """
        factor = math.sqrt(budget * self.side**2 / (width * height))
        across = math.floor(factor * width / self.side)
        down = math.floor(factor * height / self.side)
        if down == 0:
            across, down = min(width // height, budget), 1
        elif across == 0:
            across, down = 1, min(height // width, budget)
        return across * self.side, down * self.side


def read_source(source: bytes | str, what: str) -> bytes:
    """The bytes of an image or audio file. Raises BadMedia; ``what`` is named in it."""
    data = source if isinstance(source, bytes) else _read_file(source, what)
    if len(data) > MOST_PART_BYTES:
        raise BadMedia(what, f"It has more than {MOST_PART_BYTES:,} bytes.", "Make it smaller.")
    if not data:
        raise BadMedia(what, "It is empty.", "Choose another file.")
    return data


def _read_file(path: str, what: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MOST_PART_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadMedia(
            f"{what}, {path}", f"It cannot be read ({reason}).", "Choose another file."
        ) from error


def read_image(source: bytes | str, budget: int, grid: Grid, what: str) -> NDArray[np.uint8]:
    """uint8 [height, width, 3]: upright, in RGB, of the size that ``grid`` fits into ``budget``.

    Raises BadMedia for what is damaged, too large, or no image; ``what`` is named in it.
    """
    data = read_source(source, what)
    try:
        # Opening reads the header only.
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image, what)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            size = grid.fit(*image.size, budget)
            rgb = _rgb(image)
            if rgb.size != size:
                rgb = rgb.resize(size, Pillow.Resampling.BICUBIC)
            return np.array(rgb)
    except (BadMedia, MemoryError):
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise BadMedia(
            what, f"It has more pixels than the {MOST_PIXELS:,} that are read.", "Make it smaller."
        ) from error
    except UnidentifiedImageError as error:
        kinds = ", ".join(_FORMATS)
        raise BadMedia(
            what, f"It is no image that is read here ({kinds}), or damaged.", _RESAVE
        ) from error
    except Exception as error:  # a decoder may raise anything over damaged bytes
        raise BadMedia(what, f"It is damaged ({error}).", _RESAVE) from error


def _check_size(image: Pillow.Image, what: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise BadMedia(what, f"It has no pixels ({width} x {height}).", "Choose another image.")
    if width * height > MOST_PIXELS:
        raise BadMedia(
            what,
            f"It has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,} in all.",
            "Make it smaller.",
        )


def _rgb(image: Pillow.Image) -> Pillow.Image:
    """In RGB, transparency on white; 16-bit grey scaled to 8."""
    if image.mode.startswith("I;16"):
        # Pillow would cut the values off at 255.
        wide = np.asarray(image).astype(np.uint16)
        return Pillow.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    if "A" not in image.getbands() and image.info.get("transparency") is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    whole = Pillow.new("RGB", image.size)
    # In bands, so that a large page does not lie in memory four times.
    for top in range(0, image.height, _BAND_ROWS):
        box = (0, top, image.width, min(top + _BAND_ROWS, image.height))
        band = image.crop(box).convert("RGBA")
        white = Pillow.new("RGBA", band.size, (255, 255, 255, 255))
        whole.paste(Pillow.alpha_composite(white, band).convert("RGB"), box[:2])
    return whole
