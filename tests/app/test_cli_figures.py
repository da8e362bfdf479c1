"""``muniment models use-figures``, with a tiny model: what it says, finds and refuses."""

from __future__ import annotations

import pytest

from tests import figure_pages as made
from tests.app.program import Program
from tests.tiny_clip import make_clip


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("figures")
    made.report().save(folder / "report.pdf")
    make_clip(folder / "clip")
    program = Program(folder)
    assert program.run("add", str(folder / "report.pdf"), "-c", "Ferries").returncode == 0
    return program


def test_figures_are_looked_at_and_found(program: Program) -> None:
    question = ("search", "the chart of the crossings", "-c", "Ferries")
    before = program.json(*question)
    told = program.run("models", "use-figures", str(program.folder / "clip"))
    assert told.returncode == 0 and "1 of 1 figure looked at" in told.stdout, told.stderr
    assert "Loading" not in told.stderr
    found = program.json(*question)["passages"]
    (figure,) = [p for p in found if p["figure"]]
    (without,) = [p for p in before["passages"] if p["figure"]]
    assert figure["figure"] == without["figure"] and figure["score"] > without["score"]
    assert program.json("models", "use-figures")["image_model"] is None
    assert program.json(*question) == before


def test_what_is_no_such_model_is_refused(program: Program) -> None:
    result = program.run("models", "use-figures", str(program.folder))
    assert result.returncode == 1
    assert "It cannot be used for pictures" in result.stderr and "Traceback" not in result.stderr
    assert program.run("search", "ferry", "-c", "Ferries").returncode == 0
