"""`ask --page --region` and `show --region`, as a person runs them."""

from __future__ import annotations

import io
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from tests import figure_pages as made
from tests.app.program import Program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("regions")
    program = Program(folder)
    document = made.report()
    page = document[1]
    # A chart that is a picture: only OCR can read the words in it.
    page.insert_image(
        pymupdf.Rect(100, 300, 400, 500), stream=made.picture(900, 600, "Lighthouse budget 88")
    )
    document.save(folder / "ferry.pdf")
    added = program.json("add", str(folder / "ferry.pdf"))
    assert added["added"] == 1
    return program


def test_ask_about_a_page_and_a_region(program: Program) -> None:
    question = "Was the crew paid?"
    page = program.json("ask", question, "--page", "2")
    assert page["found"] and page["scope"] == {"document_id": 1, "page": 2, "region": None}
    assert {c["page"] for c in page["citations"]} == {2}
    region = program.json("ask", question, "--page", "1", "--region", "60,85,480,135")
    assert {box["page"] for c in region["citations"] for box in c["boxes"]} == {1}
    assert all(box["y1"] < 140 for c in region["citations"] for box in c["boxes"])
    assert region["crops"][0]["reason"] == "asked"
    assert region["crops"][0]["box"] == {"page": 1, "x0": 60, "y0": 85, "x1": 480, "y1": 135}
    empty = program.run("ask", question, "--page", "1", "--region", "10,600,100,650")
    assert empty.returncode == 0
    assert "No text could be read in this region of page 1." in empty.stdout
    assert "Searched a region of page 1 only" in empty.stdout


def test_words_in_a_picture_are_read_and_found(program: Program) -> None:
    found = program.json("search", "lighthouse budget")["passages"][0]
    assert found["figure"]["kind"] == "picture" and found["pages"] == [2]
    assert "Lighthouse budget" in found["text"]
    (box,) = found["boxes"]
    assert box == found["figure"]["box"]
    assert "picture" in program.run("search", "lighthouse budget").stdout
    asked = program.json("ask", "What does this say?", "--page", "2", "--region", "90,290,410,510")
    assert asked["found"] and "Lighthouse budget" in asked["answer"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--page", "9"), 1, "no such page"),
        (("--page", "1", "--region", "0,0,900,90"), 1, "500 by 700 points"),
        (("--page", "1", "--region", "0,0,90"), 2, "Write four numbers"),
        (("--page", "1", "--region", "0,0,nan,90"), 2, "Write four numbers"),
        (("--region", "0,0,90,90"), 2, "Name it with --page"),
        (("--page", "0"), 2, "than or equal to 1"),
    ],
)
def test_places_that_are_none_are_told(
    program: Program, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = program.run("ask", "What is it?", *arguments)
    assert done.returncode == code
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_a_page_is_that_of_one_document(program: Program) -> None:
    plain, turned = program.folder / "plain.pdf", program.folder / "turned.pdf"
    made.report("Figure 2: Ferries").save(plain)
    made.turned(made.report(), 90).save(turned)
    program.json("add", str(turned), str(plain), "-c", "Two")
    done = program.run("ask", "What?", "--page", "1", "-c", "Two")
    assert done.returncode == 1 and "Name it with --document" in done.stderr
    chart = made.place_on(pymupdf.open(turned)[0], made.CHART)
    region = ",".join(f"{side:.1f}" for side in chart)
    asked = program.json(
        "ask", "What is it?", "--page", "1", "--region", region,
        "-c", "Two", "--document", "turned.pdf",
    )  # fmt: skip
    (figure,) = [crop for crop in asked["crops"] if crop["reason"] == "figure"]
    assert figure["box"]["x0"] <= chart.x0 + 1 and figure["box"]["x1"] >= chart.x1 - 1


def test_show_draws_a_region(program: Program, tmp_path: Path) -> None:
    png = tmp_path / "chart.png"
    shown = program.json(
        "show", "ferry.pdf", "-c", "Documents", "--png", str(png), "--region", "100,200,320,380",
        "--dpi", "72",
    )  # fmt: skip
    image = Image.open(io.BytesIO(png.read_bytes()))
    assert abs(image.width - 220) <= 2 and abs(image.height - 180) <= 2
    assert shown["figures"][0]["label"] == "figure 1" and shown["ocr_confidence"] is None
