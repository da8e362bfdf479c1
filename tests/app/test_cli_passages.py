"""What ``search`` prints: snippets with the words marked, and what is only near in meaning."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.cli import passages
from app.cli.passages import ONLY_NEAR, SNIPPET, Found, snippet
from app.core.marking import word_places
from ingest.types import Box, ChunkLine, Passage
from tests.app.program import Program

LONG = "The lessee keeps the machine clean.\n" * 30
CLAUSE = "The insurer bears damages\nby fire, but not by floods."


def passage(text: str, name: str = "lease.pdf", heading: tuple[str, ...] = ()) -> Passage:
    line = ChunkLine(2, Box(0, 0, 1, 1), 0, len(text))
    return Passage(1, name, (1,), text, heading, (line,), 1.0)


def printed(found: Found, monkeypatch: pytest.MonkeyPatch, *, full: bool = False) -> str:
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    monkeypatch.setattr(passages, "stdout", terminal)
    found.print(full=full)
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue()


def test_a_long_passage_is_cut_about_its_words_and_they_are_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Found("flood damage", [passage(LONG + CLAUSE + "\n" + LONG)], {})
    said = printed(found, monkeypatch)
    assert "\x1b[1mdamages\x1b[0m" in said and "\x1b[1mfloods\x1b[0m" in said
    assert "    … " in said and said.rstrip().endswith("…")
    assert len(said) < SNIPPET * 1.5 and "[1] lease.pdf, page 2" in said
    whole = printed(found, monkeypatch, full=True)
    assert whole.count("keeps the machine clean") == 60 and "…" not in whole
    assert "\x1b[1mfloods\x1b[0m" in whole


def test_a_snippet_holds_most_words_and_begins_and_ends_with_whole_words() -> None:
    text = f"A flood came. {LONG}{CLAUSE}\n{LONG}"
    start, end = snippet(text, word_places("damages by flood", text))
    assert CLAUSE in text[start:end] and end - start <= SNIPPET
    assert text[start - 1].isspace() and text[end].isspace()
    assert snippet(CLAUSE, []) == (0, len(CLAUSE))
    assert snippet(LONG, [])[0] == 0
    unspaced = "x" * 1000
    assert snippet(unspaced, word_places(unspaced, unspaced)) == (0, SNIPPET)


def test_what_holds_no_word_is_said_to_be_near_in_meaning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = Found("xyzzy", [passage(CLAUSE)], {1: "Lease"})
    assert near.as_fields()["words_found"] is False
    assert near.as_fields()["passages"][0]["words"] == []
    assert near.as_fields()["passages"][0]["text"] == CLAUSE
    assert ONLY_NEAR in printed(near, monkeypatch)
    for words, where in (
        ("flood", passage(CLAUSE)),
        ("Larkspur", passage(CLAUSE, "larkspur_lease.pdf")),
        ("insurance", passage("It is paid by fire.", heading=("Insurance",))),
        ("deed", passage(CLAUSE)),  # of its title
    ):
        found = Found(words, [where], {1: "Deed of lease"})
        assert found.as_fields()["words_found"] is True
        assert found.as_fields()["passages"][0]["words"] == [words]
        assert ONLY_NEAR not in printed(found, monkeypatch)
    # Words that are never looked for cannot be missing.
    assert Found("what is the", [passage(CLAUSE)], {}).as_fields()["words_found"] is None
    assert "Nothing found." in printed(Found("flood", [], {}), monkeypatch)


def test_a_document_cannot_write_codes_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = passage("[bold]flood[/bold] \x1b[2J\x07", "[red]x[/red].pdf")
    said = printed(Found("flood", [evil], {}), monkeypatch)
    assert "\x1b[2J" not in said and "\x07" not in said
    assert "[red]x[/red].pdf" in said and "[bold]" in said


def test_search_prints_no_codes_into_a_file(tmp_path: Path) -> None:
    program = Program(tmp_path)
    note = tmp_path / "note.txt"
    note.write_text(CLAUSE)
    program.json("add", str(note))
    said = program.run("search", "floods").stdout
    assert "\x1b" not in said and "    by fire, but not by floods." in said
    said = program.run("search", "xyzzy").stdout
    assert said.startswith(ONLY_NEAR)
    assert program.json("search", "xyzzy")["words_found"] is False
    assert program.json("search", "floods", "--full")["words_found"] is True
