"""Figures are found by what they show, where a model looks at them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from app.core.audit_entries import What
from app.core.events import DocumentAdded, Progressed
from app.core.figure_sight import FiguresSeen
from app.core.policy import PolicyForbids
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import DamagedFile, ModelError
from ingest.image_embedder import ImageEmbedder, Pixels, Vectors
from ingest.rendering import DrawnPage, PageRenderer
from ingest.store import NewDocument
from ingest.types import Box, Page, PageImage
from tests import figure_pages as made
from tests.app.policed import use_policy
from tests.ingest.test_upright import lying
from tests.ingest.test_upright import page as lines_of

COLOURS = {"red": (220, 30, 30), "green": (20, 170, 40), "blue": (30, 60, 210)}
_AXES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)


class ColourSense(ImageEmbedder):
    """Stands in for a learned model: pictures and words are what colour they are of."""

    dimension = 3

    def __init__(self, folder: Path) -> None:
        self.model = folder.name
        self.looked: list[tuple[int, ...]] = []

    def embed_images(self, images: Sequence[Pixels]) -> Vectors:
        self.looked += [image.shape for image in images]
        found = []
        for image in images:
            ink = image.reshape(-1, 3).astype(np.float32)
            ink = ink[ink.min(axis=1) < 200]
            found.append(ink.mean(axis=0) - ink.mean() if len(ink) else np.ones(3))
        return _units(np.array(found, np.float32).reshape(-1, 3))

    def embed_words(self, texts: Sequence[str]) -> Vectors:
        mixed = [sum((_AXES[i] for i, c in enumerate(COLOURS) if c in t), start=_AXES.mean(0) / 9)
                 for t in texts]  # fmt: skip
        return _units(np.array(mixed, np.float32))


def _units(rows: Vectors) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write_album(path: Path, colours: Sequence[str], *, told: bool = False) -> None:
    """A page of text, then a page for each picture; nothing is said of them unless ``told``."""
    chance = np.random.default_rng(5)
    document = pymupdf.open()
    made.prose(document.new_page(width=500, height=700), 100)
    for n, colour in enumerate(colours):  # of many sizes: what repeats would be a letterhead
        page = document.new_page(width=500, height=700)
        made.prose(page, 600)  # too far away to be about the picture
        paper = chance.integers(-20, 20, (120 + n, 240 + 3 * n, 3)) + np.array(COLOURS[colour])
        encoded = io.BytesIO()
        Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(encoded, "PNG")
        page.insert_image(
            pymupdf.Rect(100, 100, 400 - 9 * n, 250 + 7 * n), stream=encoded.getvalue()
        )
        if told:
            page.insert_text((100, 280), f"Figure {colour[0]}: a sheet of paper", fontsize=10)
    document.save(path)


@pytest.fixture(autouse=True)
def senses(monkeypatch: pytest.MonkeyPatch) -> list[ColourSense]:
    """The models opened, each a `ColourSense` named after its folder."""
    opened: list[ColourSense] = []

    def opening(folder: Path) -> ColourSense:
        if not folder.is_dir():
            raise ModelError(str(folder), "There is no such folder.", "Choose another.")
        opened.append(ColourSense(folder))
        return opened[-1]

    monkeypatch.setattr("app.core.adding.OcrPool", NoOcr)
    monkeypatch.setattr("ingest.image_embedder.open_image_embedder", opening)
    return opened


class NoOcr:
    """Reads nothing in any picture, and at once."""

    def submit(self, image: PageImage) -> Future[Page]:
        read: Future[Page] = Future()
        read.set_result(Page(image.number, image.width, image.height, ()))
        return read

    def stop(self) -> None:
        """Nothing to end."""


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Workspace]:
    for name in ("sense", "other"):
        (tmp_path / name).mkdir()
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as workspace:
        yield workspace


def add(library: Workspace, path: Path, collection: str = "Album") -> None:
    events = list(library.add([path], collection))
    assert any(isinstance(event, DocumentAdded) for event in events)


def shown(library: Workspace, words: str, collection: str = "Album") -> list[int]:
    """The pages of the figures found, in order."""
    found = library.search(words, collection, k=20)
    return [passage.figure.page for passage in found if passage.figure is not None]


def vectors(library: Workspace) -> list[str]:
    """The kinds of what the vault keeps of figures, one for each figure."""
    with library._store._database.reading() as connection:
        rows = connection.execute("SELECT kind FROM original WHERE kind LIKE 'figures%'")
        return [row[0] for row in rows]


def test_a_picture_without_words_is_found_by_what_it_shows(
    library: Workspace, tmp_path: Path
) -> None:
    write_album(tmp_path / "album.pdf", ["red", "green", "blue"])
    add(library, tmp_path / "album.pdf")
    before = library.search("the green picture", "Album", k=20)
    assert all(passage.figure is None for passage in before)
    events = list(library.look_at_figures(tmp_path / "sense"))
    assert [(e.done, e.total) for e in events if isinstance(e, Progressed)] == [(3, 3)]
    assert library.figures_seen() == FiguresSeen("sense", 3, 3, 0)
    found = library.search("the green picture", "Album")[0]
    assert found.figure is not None and found.pages == (3,) and found.text == ""
    assert shown(library, "the blue picture")[0] == 4
    assert shown(library, "the red picture")[0] == 2
    # Going without leaves everything as it was before.
    list(library.look_at_figures(None))
    assert library.search("the green picture", "Album", k=20) == before
    assert vectors(library) == [] and library.figures_seen().model == ""


def test_figures_are_looked_at_when_they_are_added_and_go_with_their_document(
    library: Workspace, tmp_path: Path
) -> None:
    list(library.look_at_figures(tmp_path / "sense"))
    write_album(tmp_path / "a.pdf", ["red", "green"])
    write_album(tmp_path / "b.pdf", ["blue"], told=True)
    add(library, tmp_path / "a.pdf")
    assert shown(library, "the green picture")[0] == 3
    add(library, tmp_path / "b.pdf")
    assert shown(library, "the blue picture")[0] == 2
    assert vectors(library) == ["figures by sense"] * 3
    write_album(tmp_path / "a.pdf", ["green"])  # replaced: other figures, other vectors
    list(library.add([tmp_path / "a.pdf"], "Album"))
    assert vectors(library) == ["figures by sense"] * 2
    assert shown(library, "the green picture")[0] == 2
    one = next(d for d in library.documents("Album") if d.name == "a.pdf")
    list(library.remove(one.id))
    assert len(vectors(library)) == 1
    assert [p.document for p in library.search("the green picture", "Album") if p.figure] == [
        "b.pdf"
    ]
    library.remove_collection("Album")
    assert vectors(library) == []


def test_what_was_stopped_goes_on_and_another_model_begins_anew(
    library: Workspace, tmp_path: Path, senses: list[ColourSense]
) -> None:
    for name, colours in (("a", [*COLOURS] * 3), ("b", ["red"])):
        write_album(tmp_path / f"{name}.pdf", colours)
        add(library, tmp_path / f"{name}.pdf", name)
    looking = library.look_at_figures(tmp_path / "sense")
    next(looking)
    looking.close()  # type: ignore[attr-defined]
    assert library.figures_seen().seen == 8
    list(library.look_at_figures(tmp_path / "sense"))
    assert sum(len(sense.looked) for sense in senses) == 10, "each figure is looked at once"
    stop = threading.Event()
    stop.set()
    assert list(library._sight.catch_up(stop=stop)) == []
    list(library.look_at_figures(tmp_path / "other"))
    assert vectors(library) == ["figures by other"] * 10
    with pytest.raises(ModelError, match="no such folder"):
        list(library.look_at_figures(tmp_path / "gone"))
    assert library.figures_seen() == FiguresSeen("other", 10, 10, 0)


def test_a_search_stays_within_collection_and_documents(library: Workspace, tmp_path: Path) -> None:
    list(library.look_at_figures(tmp_path / "sense"))
    for name, colours in (("a", ["red", "green"]), ("b", ["green"])):
        write_album(tmp_path / f"{name}.pdf", colours)
        add(library, tmp_path / f"{name}.pdf")
    write_album(tmp_path / "c.pdf", ["green", "green", "green"])
    add(library, tmp_path / "c.pdf", "Other")
    found = library.search("the green picture", "Album", k=20)
    assert {p.document for p in found} == {"a.pdf", "b.pdf"}
    only = next(d.id for d in library.documents("Album") if d.name == "b.pdf")
    found = library.search("the green picture", "Album", k=20, documents=[only])
    assert [p.document for p in found if p.figure] == ["b.pdf"]


def test_the_change_of_the_text_model_keeps_what_was_seen(
    library: Workspace, tmp_path: Path, senses: list[ColourSense]
) -> None:
    write_album(tmp_path / "album.pdf", ["red", "green"])
    add(library, tmp_path / "album.pdf")
    list(library.look_at_figures(tmp_path / "sense"))
    (document,) = library.documents("Album")
    with library._store._database.writing() as connection:
        connection.execute("UPDATE document SET model = 'an older one'")
    list(library.embed_outdated())
    library._index.forget()
    assert library.documents("Album")[0].chunks == document.chunks
    assert shown(library, "the green picture")[0] == 3
    assert len(senses[0].looked) == 2


def test_a_figure_that_cannot_be_drawn_is_noted_and_not_tried_again(
    library: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_album(tmp_path / "album.pdf", ["red", "green"])
    add(library, tmp_path / "album.pdf")
    region = PageRenderer.region

    def failing(self: PageRenderer, page: int, box: Box, pixels: int) -> DrawnPage:
        if page == 2:
            raise DamagedFile("album.pdf", "The page cannot be drawn.", "Open it elsewhere.")
        return region(self, page, box, pixels)

    monkeypatch.setattr(PageRenderer, "region", failing)
    list(library.look_at_figures(tmp_path / "sense"))
    assert library.figures_seen() == FiguresSeen("sense", 2, 1, 1)
    monkeypatch.undo()
    assert library._store.unseen_figures("sense") == {}
    assert library._store.unseen_figures("other") == {1: [0, 1]}


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_page_read_sideways_is_shown_upright(library: Workspace, quarters: int) -> None:
    upright = np.full((400, 600, 3), 255, np.uint8)
    upright[:40] = COLOURS["red"]  # the top edge
    laid = np.ascontiguousarray(np.rot90(upright, -quarters))
    height, width = laid.shape[:2]
    encoded = io.BytesIO()
    Image.fromarray(laid).save(encoded, "PNG")
    document = pymupdf.open()
    document.new_page(width=width, height=height).insert_image(
        pymupdf.Rect(0, 0, width, height), stream=encoded.getvalue()
    )
    page = Page(1, width, height, tuple(lying(lines_of(9), quarters)))
    new = NewDocument(
        "scan.pdf", "", "/scan.pdf", "application/pdf", "hash", 0, "", "", (), [page], [],
        np.empty((0, 384), np.float32), "model", document.tobytes(), None,
    )  # fmt: skip
    number = library._store.put(library._store.add_collection("Scans").id, new).id
    whole = Box(0, 0, width, height)
    png = library.upright_png(number, 1, whole, pixels=60_000)
    with Image.open(io.BytesIO(png)) as shown:
        pixels = np.asarray(shown.convert("RGB")).astype(int)
    assert pixels.shape[1] > pixels.shape[0]
    assert abs(pixels[2].mean(axis=0) - COLOURS["red"]).max() < 12
    assert pixels[-2].min() > 240
    if not quarters:
        assert png == library.crop_png(number, 1, whole, pixels=60_000)


def test_the_policy_decides_and_the_log_tells(
    library: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(library.look_at_figures(tmp_path / "sense"))
    last = list(library.audit.entries())[-1]
    assert last.what == What.MODEL_CHANGED
    assert (last.detail["kind"], last.detail["model"]) == ("pictures", "sense")
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "[models]\nallowed = []\n")
    with pytest.raises(PolicyForbids):
        list(library.look_at_figures(tmp_path / "other"))
    assert list(library.audit.entries())[-1].what == What.POLICY_REFUSED
    list(library.look_at_figures(None))  # going without is nobody's business
