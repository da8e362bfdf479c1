"""Asking about a page or a region: only what stands there, on pages however turned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest

from app.core.answers import CitationStatus, Crop, CropReason, Scope
from app.core.citations import cite
from app.core.crops import DOUBTFUL, crops_of
from app.core.events import Answered, ModeChosen, PassagesFound
from app.core.scoped import points_only
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import IngestError
from ingest.types import Box, ChunkLine, FigureKind, PageBox, Passage, TextSource
from tests import figure_pages as made

LEFT = "The captain earned 4,100 crowns a month in 1911."
RIGHT = "The cook earned 1,900 crowns a month in 1911."


def crew(folder: Path, rotation: int) -> tuple[Path, Box, Box]:
    """Two sentences that answer the same question, far apart, on a turned and cropped page."""
    document = pymupdf.open()
    page = document.new_page(width=700, height=600)
    left, right = Box(80, 90, 400, 112), Box(300, 480, 660, 502)
    page.insert_text((90, 106), LEFT, fontsize=11)
    page.insert_text((310, 496), RIGHT, fontsize=11)
    document = made.turned(document, rotation, (40, 50, 690, 590))
    path = folder / f"crew{rotation}.pdf"
    document.save(path)
    return path, made.place_on(document[0], left), made.place_on(document[0], right)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("scoped")
    files = [crew(folder, rotation)[0] for rotation in (0, 90, 180, 270)]
    made.report().save(folder / "ferry.pdf")
    mute = pymupdf.open()
    page = mute.new_page(width=500, height=700)
    made.prose(page, 100)
    page.insert_image(pymupdf.Rect(100, 300, 400, 500), stream=made.picture())
    mute.save(folder / "mute.pdf")
    files += [folder / "ferry.pdf", folder / "mute.pdf"]
    with Workspace.open(folder / "library", KeyFile(folder / "key"), create=True) as workspace:
        list(workspace.add(files, "Matter"))
        yield workspace


def number(library: Workspace, name: str) -> int:
    return next(d.id for d in library.documents("Matter") if d.name == name)


def asked(library: Workspace, question: str, scope: Scope) -> tuple[PassagesFound, Answered]:
    events = list(library.ask(question, "Matter", scope=scope))
    assert isinstance(events[0], ModeChosen)
    assert isinstance(events[1], PassagesFound) and isinstance(events[-1], Answered)
    return events[1], events[-1]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_answer_comes_from_the_region_alone(
    library: Workspace, tmp_path: Path, rotation: int
) -> None:
    _, left, right = crew(tmp_path, rotation)
    document = number(library, f"crew{rotation}.pdf")
    for region, sentence, other in ((left, LEFT, RIGHT), (right, RIGHT, LEFT)):
        question = "How many crowns a month were earned in 1911?"
        _, answer = asked(library, question, Scope(document, 1, region))
        assert answer.found and sentence in answer.text and other not in answer.text
        (citation,) = answer.citations
        (place,) = citation.boxes
        assert place.page == 1
        assert region.x0 <= place.box.x0 and place.box.x1 <= region.x1
        assert region.y0 <= place.box.y0 and place.box.y1 <= region.y1
        assert answer.searched.pages == 1 and answer.scope == Scope(document, 1, region)
    _, both = asked(library, question, Scope(document, 1))
    assert LEFT in both.text and RIGHT in both.text


def test_what_is_only_pointed_at_is_read_out(library: Workspace) -> None:
    document = number(library, "ferry.pdf")
    region = Box(60, 85, 480, 135)
    _, answer = asked(library, "What does this say?", Scope(document, 1, region))
    assert answer.found and made.PROSE[1] in answer.text.replace("\n", " ")
    _, other = asked(library, "Which bank lent the money?", Scope(document, 1, region))
    assert not other.found and other.text == "Not found in this region of page 1."
    assert points_only("What does this say?") and not points_only("Who signed this?")


def test_a_region_without_text_says_so_and_is_what_a_model_would_see(library: Workspace) -> None:
    document = number(library, "mute.pdf")
    region = Box(120, 310, 380, 480)
    found, answer = asked(library, "What is shown?", Scope(document, 1, region))
    assert not answer.found
    assert answer.text.startswith("No text could be read in this region of page 1.")
    assert found.crops[0] == Crop(document, 1, region, CropReason.ASKED)
    assert found.crops[1].reason is CropReason.FIGURE
    drawn = library.crop(document, 1, found.crops[0].box, pixels=10_000)
    assert 9_000 < drawn.width * drawn.height <= 10_000
    assert drawn.width > drawn.height
    assert library.crop_png(document, 1, region, pixels=100).startswith(b"\x89PNG")


def test_a_figure_is_found_and_cited_on_its_box(library: Workspace) -> None:
    (figure,) = library.figures(number(library, "ferry.pdf"))
    assert figure.kind is FigureKind.CHART
    passages = library.search("chart of the crossings by quarter", "Matter", k=5)
    (found,) = [p for p in passages if p.figure is not None and p.document == "ferry.pdf"]
    assert found.figure == figure
    assert {line.box for line in found.lines} == {found.figure.box}
    citation = cite(1, found, figure.caption)
    assert citation.status is CitationStatus.VERIFIED
    assert citation.boxes == (PageBox(1, figure.box),)


@pytest.mark.parametrize(
    ("page", "region", "cause"),
    [
        (3, None, "ferry.pdf has no such page"),
        (1, Box(10, 10, 900, 40), "does not lie on page 1 of ferry.pdf, which is 500 by 700"),
        (1, Box(-20, 10, 90, 40), "does not lie"),
        (1, Box(90, 10, 20, 40), "right edge"),
    ],
)
def test_places_that_are_none_are_told(
    library: Workspace, page: int, region: Box | None, cause: str
) -> None:
    with pytest.raises(IngestError) as caught:
        asked(library, "What?", Scope(number(library, "ferry.pdf"), page, region))
    assert cause in caught.value.cause and caught.value.remedy


def test_another_collection_has_no_such_page(library: Workspace) -> None:
    library.create_collection("Other")
    scope = Scope(number(library, "ferry.pdf"), 1)
    with pytest.raises(IngestError, match="not in Other"):
        list(library.ask("What?", "Other", scope=scope))


def passage(confidence: float | None, source: TextSource = TextSource.OCR) -> Passage:
    lines = (
        ChunkLine(1, Box(10, 10, 50, 20), 0, 5, source, confidence),
        ChunkLine(2, Box(3, 10, 50, 20), 6, 11, source, 0.99 if confidence else None),
    )
    return Passage(4, "a.pdf", (1,), "words words", (), lines, 1.0)


def test_only_doubtful_pages_are_worth_seeing() -> None:
    assert crops_of([passage(DOUBTFUL + 0.01), passage(None, TextSource.TEXT)]) == ()
    assert crops_of([passage(DOUBTFUL - 0.1)]) == (
        Crop(4, 1, Box(4, 4, 56, 26), CropReason.DOUBTFUL),
    )
