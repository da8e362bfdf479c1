"""The real program, in processes of its own: from sample files to a cited answer and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pymupdf
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples" / "documents"
RECORD = SAMPLES / "record-brandvik.pdf"
LEASE = SAMPLES / "contract-equipment-lease.pdf"
PROGRAM = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library") / "library"


def call(library: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "MUNIMENT_LIBRARY": str(library),
        "MUNIMENT_KEY_FILE": str(library.parent / "my.key"),
    }
    return subprocess.run(
        [*PROGRAM, *words],
        env={**os.environ, **settings, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def told(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.stdout, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.fixture(scope="module")
def filled(library: Path) -> Path:
    """A library with the patient record (a scan, a turned page) and a contract."""
    result = call(library, "add", str(RECORD), str(LEASE), "-c", "Samples", "--json")
    assert result.returncode == 0, result.stderr
    sums = told(result)
    assert (sums["added"], sums["failed"]) == (2, 0)
    return library


def test_a_question_is_answered_from_the_scanned_page(filled: Path) -> None:
    question = "Which antibiotic was given instead of cefuroxime?"
    result = call(filled, "ask", question, "-c", "Samples", "--json")
    assert result.returncode == 0, result.stderr
    answer = told(result)
    assert answer["found"]
    quoted = [c for c in answer["citations"] if "clindamycin 600 mg" in c["quote"]]
    assert [c["page"] for c in quoted] == [5], answer
    assert quoted[0]["document"] == RECORD.name
    assert quoted[0]["status"] == "verified"
    with pymupdf.open(RECORD) as document:
        sheet = document[4].rect
    for box in quoted[0]["boxes"]:
        assert 0 <= box["x0"] < box["x1"] <= sheet.width
        assert 0 <= box["y0"] < box["y1"] <= sheet.height


def test_what_is_not_there_is_not_found(filled: Path) -> None:
    result = call(filled, "ask", "Who composed the opera Zaubertal?", "-c", "Samples", "--json")
    answer = told(result)
    assert result.returncode == 0
    assert not answer["found"]
    assert answer["citations"] == []
    assert answer["searched"]["documents"] == 2


def test_search_gives_passages_with_boxes(filled: Path) -> None:
    words = ("early termination fee", "-c", "Samples", "-k", "3", "--json")
    passages = told(call(filled, "search", *words))["passages"]
    assert 1 <= len(passages) <= 3
    assert passages[0]["document"] == LEASE.name
    assert 2 in passages[0]["pages"]
    assert {"page", "x0", "y0", "x1", "y1"} == set(passages[0]["boxes"][0])


def test_the_same_file_is_recognised_and_a_bad_one_fails_alone(
    filled: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7\nnothing that a reader could use")
    result = call(filled, "add", str(LEASE), str(bad), "-c", "Samples", "--json")
    assert result.returncode == 3
    sums = told(result)
    assert (sums["added"], sums["unchanged"], sums["failed"]) == (0, 1, 1)
    failure = sums["failures"][0]
    assert failure["path"] == str(bad)
    assert failure["cause"]
    assert failure["remedy"]


def test_a_turned_page_is_drawn_with_its_highlights(filled: Path, tmp_path: Path) -> None:
    png = tmp_path / "page.png"
    words = ("show", RECORD.name, "--page", "4", "--png", str(png), "--dpi", "72")
    result = call(filled, *words, "--highlight", "haemoglobin g/l reference")
    assert result.returncode == 0, result.stderr
    drawn = pymupdf.Pixmap(png)
    with pymupdf.open(RECORD) as document:
        plain = document[3].get_pixmap(dpi=72)
    assert (drawn.width, drawn.height) == (plain.width, plain.height)
    assert coloured(drawn) > coloured(plain) + 1000


def coloured(picture: pymupdf.Pixmap) -> int:
    """How many pixels are clearly not grey."""
    channels = picture.n
    samples = picture.samples
    return sum(
        max(samples[i : i + 3]) - min(samples[i : i + 3]) > 40
        for i in range(0, len(samples), channels)
    )


def test_a_wrong_key_names_the_library_and_the_way_out(filled: Path, tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    key.write_text("00" * 32)
    result = call(filled, "list", "--json", MUNIMENT_KEY_FILE=str(key))
    assert result.returncode == 1
    error = told(result)["error"]
    assert error["subject"] == str(filled)
    assert "key file" in error["cause"]
    assert error["remedy"]


def test_nothing_readable_lies_in_the_library(filled: Path) -> None:
    for path in filled.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (b"clindamycin", b"Brandvik", b"metformin", b"Glenstrae"):
                assert word not in content, path.name


def test_removed_is_gone(filled: Path) -> None:
    result = call(filled, "remove", LEASE.name, "-c", "Samples", "--json")
    assert result.returncode == 0, result.stderr
    names = [d["name"] for d in told(call(filled, "list", "-c", "Samples", "--json"))["documents"]]
    assert names == [RECORD.name]
