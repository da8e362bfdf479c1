"""A scan asked about by region: what is cropped and cited is what stands there, however it lies.

Scans drawn here. *Fed*: the picture lies turned in the file, as a feeder took it, and ``/Rotate``
shows it upright. *Turned*: the page is shown lying on its side or on its head.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pymupdf
import pytest
from PIL import Image

from app.core.answers import CropReason, Scope
from app.core.events import Answered, PassagesFound
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.ocr.engine import OcrEngine
from ingest.types import Box
from tests import figure_pages as made

WIDTH, HEIGHT, DPI = 420.0, 300.0, 200
ROTATIONS = (0, 90, 180, 270)
ABOVE = ("The north pier was repaired in March.", "Its lamps were lit again in April.")
BELOW = ("Seven barrels of tar were landed here.", "The clerk wrote down every one of them.")
REGION = Box(30.0, 170.0, 380.0, 250.0)


def upright(number: int) -> Image.Image:
    """A page of paper, its own words among others'."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    for top, lines in ((60, ABOVE), (190, BELOW)):
        for n, line in enumerate(lines):
            text = line.replace("March", ("March", "May", "June", "July")[number])
            page.insert_text((50, top + 26 * n), text, fontsize=14)
    drawn = page.get_pixmap(dpi=DPI)
    paper = np.frombuffer(drawn.samples, np.uint8).reshape(drawn.height, drawn.width, 3)
    grain = np.random.default_rng(number).integers(0, 25, paper.shape, np.uint8)
    return Image.fromarray(np.maximum(paper, 25) - grain)


def scanned(pages: list[tuple[Image.Image, int]]) -> pymupdf.Document:
    """A scan of pictures as they lie in the file, each with its ``/Rotate``."""
    document = pymupdf.open()
    for picture, rotation in pages:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=92)
        size = {"width": picture.width * 72 / DPI, "height": picture.height * 72 / DPI}
        page = document.new_page(**size)
        page.insert_image(page.rect, stream=file.getvalue())
        page.set_rotation(rotation)
    return document


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("scans")
    papers = [upright(number) for number in range(4)]
    # Pillow turns against the clock, /Rotate with it.
    fed = [(p.rotate(r, expand=True), r) for p, r in zip(papers, ROTATIONS, strict=True)]
    scanned(fed).save(folder / "fed.pdf")
    scanned(list(zip(papers, ROTATIONS, strict=True))).save(folder / "turned.pdf")
    with Workspace.open(folder / "library", KeyFile(folder / "key"), create=True) as workspace:
        list(workspace.add([folder / "fed.pdf", folder / "turned.pdf"], "scans"))
        yield workspace


@pytest.fixture(scope="module")
def ocr() -> OcrEngine:
    return OcrEngine(1)


def document_of(library: Workspace, name: str) -> int:
    return next(d.id for d in library.documents("scans") if d.name == name)


def shown(paper: Image.Image, name: str, rotation: int) -> Image.Image:
    """A page as its reader sees it."""
    return paper if name == "fed.pdf" else paper.rotate(-rotation, expand=True)


def region_on(name: str, rotation: int) -> Box:
    """Where the region of the paper is shown."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.set_rotation(0 if name == "fed.pdf" else rotation)
    return made.place_on(page, REGION)


@pytest.mark.parametrize("name", ["fed.pdf", "turned.pdf"])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_the_crop_shows_what_is_cited(
    library: Workspace, ocr: OcrEngine, name: str, rotation: int
) -> None:
    number = ROTATIONS.index(rotation)
    document, region = document_of(library, name), region_on(name, rotation)
    scope = Scope(document, number + 1, region)
    events = list(library.ask("What was landed here?", "scans", scope=scope))
    (crops,) = (event.crops for event in events if isinstance(event, PassagesFound))
    assert (crops[0].box, crops[0].page, crops[0].reason) == (
        region, number + 1, CropReason.ASKED,
    )  # fmt: skip

    # To the pixel: the crop is this part of the page as it is shown.
    drawn = library.crop(document, number + 1, crops[0].box, pixels=500_000)
    pixels = np.frombuffer(drawn.pixels, np.uint8).reshape(drawn.height, drawn.width, 3)
    scale = DPI / 72
    part = shown(upright(number), name, rotation).crop(tuple(side * scale for side in region))
    expected = np.asarray(part.resize((drawn.width, drawn.height)), np.int16)
    assert expected.min() < 80, "there is text"
    assert abs(pixels - expected).mean() < 12

    # In words: each cited line's box holds that line, within the region.
    (answered,) = (event for event in events if isinstance(event, Answered))
    assert answered.citations
    quoted = ""
    for citation in answered.citations:
        for place in citation.boxes:
            assert place.page == number + 1
            assert inside(place.box, region)
            text = read(library, ocr, document, place.page, place.box, name, rotation)
            assert text in letters(" ".join(BELOW))
            quoted += text
        assert letters(citation.quote) in quoted
    assert "barrels" in quoted


def inside(box: Box, region: Box) -> bool:
    """With a few points for the OCR's margin."""
    return (
        box.x0 > region.x0 - 4
        and box.y0 > region.y0 - 4
        and box.x1 < region.x1 + 4
        and box.y1 < region.y1 + 4
    )


def read(
    library: Workspace,
    ocr: OcrEngine,
    document: int,
    page: int,
    box: Box,
    name: str,
    rotation: int,
) -> str:
    """What OCR reads in a place of a page, turned upright, with white paper around it."""
    drawn = library.crop(document, page, box, pixels=200_000)
    picture = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.pixels)
    if name == "turned.pdf":
        picture = picture.rotate(rotation, expand=True)
    width, height = picture.size
    paper = Image.new("RGB", (width + 400, height + 400), "white")
    paper.paste(picture, (200, 200))
    lines = ocr.read(np.asarray(paper), paper.width / 3, paper.height / 3, 1).lines
    return letters(" ".join(line.text for line in lines))


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
