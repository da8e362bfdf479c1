"""``muniment dictation``: printed, and kept where a collection is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.language_model import LanguageModel
from tests.app.core.scripted import FACTS, Scripted
from tests.app.core.test_transcribing import recording

SAID = "Mrs. Lindqvist walks without a stick."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library, a recording, and a model that hears the same in each."""
    recording(tmp_path / "note.wav", 2)
    monkeypatch.setenv("MUNIMENT_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "a.txt").write_text("The ferry runs in winter.")
    run(tmp_path, "add", str(tmp_path / "a.txt"), "-c", "Ferries")
    writer = Scripted(SAID, facts=replace(FACTS, audio_seconds=12))
    monkeypatch.setattr(LanguageModel, "engine", lambda _: writer)
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--library", str(folder / "library"), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def told(folder: Path, *arguments: str) -> Any:
    return json.loads(run(folder, *arguments, "--json").splitlines()[-1])


def test_a_note_is_kept_where_a_collection_is_named(folder: Path) -> None:
    note = str(folder / "note.wav")
    assert SAID in run(folder, "dictation", note)
    assert told(folder, "dictation", note)["document"] is None
    assert [c["name"] for c in told(folder, "collections")["collections"]] == ["Ferries"]
    printed = run(folder, "dictation", note, "-c", "Notes")
    assert SAID in printed and "Kept in Notes" in printed and "Nobody has compared" in printed
    again = told(folder, "dictation", note, "-c", "Notes")
    assert again["text"] == SAID
    assert again["document"]["media_type"] == "audio/wav; content=dictation"
    (listed,) = told(folder, "list", "-c", "Notes")["documents"]
    assert listed["id"] == again["document"]["id"]
    assert "written down by scripted" in run(folder, "search", "Lindqvist", "-c", "Notes")
    (passage,) = told(folder, "search", "Lindqvist", "-c", "Notes")["passages"]
    assert passage["by"] == "scripted"
