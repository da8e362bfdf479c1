"""Whether a page's text layer can be trusted, or its pixels have to be read instead.

Knows how much text there is, how it is painted and what images lie on the page. Knows no
language: words are judged by their shape only.
"""

from __future__ import annotations

import re

import numpy as np
import pymupdf

from ingest.drafts import Draft
from ingest.pdf.fragment import Ink
from ingest.pdf.paints import Paints, Sides
from ingest.types import Box

_STRANGE_SHARE = 0.25  # of the characters
_LAYER_ODD = 0.035  # of the words, in a layer under or behind a page-filling image
_TEXT_ODD = 0.55  # of the words, in ordinary text
_SAMPLE = 2000  # characters of ordinary text that are judged
_THIN = 100  # characters between the margins beside an image that covers most of the page
_SPARSE = 100  # words; a page with so few in a hidden layer is read again, since that is cheap
_COVER = 0.6  # of the page

_EDGE = "\"'“”‘’«»()[]{}.,;:!?*•·–—-/&%$€£#+=<>|~§†"
_VOWEL = re.compile(r"[aeiouyäöüàáâãåæçèéêëìíîïòóôõøùúûýÿœ]", re.I)
_ASCII_LETTER = re.compile(r"[a-z]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_PLAIN = re.compile(r"\(?[A-Z]?[a-z]*[aeiouy][a-z]+[.,;:)]?|(?:to|so|no|be|we|a|the)")
_ORDINARY = re.compile(
    r"[A-ZÀ-Þ]?[a-zß-ÿœĀ-ɏﬀ-ﬆ]+|[A-ZÀ-Þ]+s?|\d[\d.,:/-]*(?:st|nd|rd|th|[a-zA-Z%]{1,2})?|[A-Z]{1,4}-?\d+"
)
_ONE_LETTER = frozenset("aAiIoOuUyYeEàÀ")
_PART = re.compile(r"[-–—/'’.&@:_,]+")


def odd_words(text: str) -> tuple[float, int]:
    """The share of words whose shape no language written in Latin letters uses, and how many
    words were judged. Numbers and other scripts are not judged."""
    judged = odd = 0
    for word in text.split():
        if _PLAIN.fullmatch(word):
            judged += 1
            continue
        bare = word.strip(_EDGE)
        if not bare:
            if len(word) > 2 and len(set(word)) > 2:
                judged += 1
                odd += 1
            continue
        if not bare.isascii() and any(c > "\u024f" for c in bare):
            continue
        if not _LATIN.search(bare):
            if any(c.isdigit() for c in bare):
                continue
            judged += 1
            odd += 1
            continue
        judged += 1
        if len(bare) == 1:
            odd += bare not in _ONE_LETTER
            continue
        for part in _PART.split(bare):
            if part and not _ordinary(part):
                odd += 1
                break
    return (odd / judged if judged else 0.0), judged


def _ordinary(part: str) -> bool:
    if not _ORDINARY.fullmatch(part):
        return False
    return len(part) < 4 or part.isupper() or not part.isalpha() or bool(_VOWEL.search(part))


def _unlike_language(text: str) -> bool:
    """Letters that stand for others (a font with a shuffled encoding) miss their vowels."""
    sample = text[:4000].casefold()
    letters = len(_ASCII_LETTER.findall(sample))
    if letters < 200 or letters * 2 < len(sample) - sample.count(" "):
        return False
    vowels = sum(map(sample.count, "aeiou"))
    return not 0.22 <= vowels / letters <= 0.6


def _placed(page: pymupdf.Page, paints: Paints | None) -> list[tuple[Box, int]]:
    """The images on the visible page with their width in pixels."""
    matrix = page.rotation_matrix
    turned = page.rotation in (90, 270)
    placed = []
    for box, wide, tall in _sizes(page, paints):
        rect = (pymupdf.Rect(box) * matrix) & page.rect
        if not rect.is_empty:
            placed.append((Box(rect.x0, rect.y0, rect.x1, rect.y1), tall if turned else wide))
    return placed


def _sizes(page: pymupdf.Page, paints: Paints | None) -> list[tuple[Sides, int, int]]:
    """The boxes of images before rotation, and their widths and heights in pixels."""
    if paints is not None and paints.whole:
        return [(s.box, s.image[0], s.image[1]) for s in paints.shapes if s.image is not None]
    return [(i["bbox"], i["width"], i["height"]) for i in page.get_image_info()]


def judge(
    page: pymupdf.Page, ink: Ink, lines: list[Draft], paints: Paints | None
) -> tuple[str, float]:
    """Why the page needs OCR, empty if it does not, and the resolution of the image that fills
    it (dots per inch, 0 without one). ``paints`` is what the page paints, if that is known."""
    width, height = page.rect.width, page.rect.height
    if not ink.characters:
        if _is_blank(page):
            return "", 0.0
        return "no text layer", _resolution(_placed(page, paints), width, height)
    text = "\n".join(line.text for line in lines)
    # Inline images, which are not listed, matter under hidden text only.
    images = _placed(page, paints) if ink.hidden or page.get_images() else []
    dpi = _resolution(images, width, height)
    if ink.strange > _STRANGE_SHARE * ink.characters:
        return "its text has no Unicode values", dpi
    share, judged = odd_words(text if dpi or ink.hidden else text[:_SAMPLE])
    nothing_else = share == 1 and len(text.split()) <= 8
    if (share > _TEXT_ODD and (judged >= 8 or nothing_else)) or _unlike_language(text):
        return "its text layer is garbled", dpi
    layer = ink.hidden * 2 > ink.characters
    if layer and len(text.split()) < _SPARSE:
        return "its hidden text layer holds little", dpi
    if dpi:
        if judged >= 5 and share > _LAYER_ODD:
            return "its OCR layer is bad", dpi
        inner = sum(
            len(line.text)
            for line in lines
            if 0.1 * height < (line.box.y0 + line.box.y1) / 2 < 0.9 * height
        )
        if inner < _THIN and not layer:
            return "its text layer is thinner than its ink", dpi
    return "", dpi


def _resolution(images: list[tuple[Box, int]], width: float, height: float) -> float:
    """That of the finest image that covers most of the page (masks are finer than colours), or
    of the strips that do so together; 0 without."""
    finest = strips = covered = 0.0
    for box, pixels in images:
        wide, tall = box.x1 - box.x0, box.y1 - box.y0
        resolution = pixels / wide * 72
        if wide * tall > _COVER * width * height and pixels > 200:
            finest = max(finest, resolution)
        elif wide > _COVER * width:
            covered += wide * tall
            strips = max(strips, resolution)
    return finest or (strips if covered > _COVER * width * height else 0.0)


def _is_blank(page: pymupdf.Page) -> bool:
    """Whether the page shows nothing but its ground, seen at a low resolution."""
    if not page.get_bboxlog():
        return True
    zoom = min(1.0, 600 / max(page.rect.width, page.rect.height, 1.0))
    pixmap = page.get_pixmap(
        matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY, alpha=False
    )
    samples = np.frombuffer(pixmap.samples, dtype=np.uint8)
    if not samples.size:
        return True
    ground = int(np.bincount(samples).argmax())
    marked = int(np.count_nonzero(np.abs(samples.astype(np.int16) - ground) > 24))
    return marked < 0.0001 * samples.size
