"""Writing exported files: whole or not at all, for the person alone, never where they do harm."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import private_file
from app.core.export import ExportError, Format, format_of, write_file
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.errors import StoreError
from tests.app.core.kept import record
from tests.app.core.read_back import Word


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as opened:
        (tmp_path / "letter.txt").write_text("Metformin was reduced.")
        list(opened.add([tmp_path / "letter.txt"], "Matter"))
        number = opened.documents("Matter")[0].id
        opened.keep_answer(record(document_ids=[number], documents=["letter.txt"]))
        yield opened


def test_files_are_private_and_whole(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "out" / "answer.md"
    target.parent.mkdir()
    workspace.export_answer(1, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [p.name for p in target.parent.iterdir()] == ["answer.md"]
    workspace.export_conversation(1, target.with_suffix(".DOCX"))
    assert Word(target.with_suffix(".DOCX").read_bytes()).notes


def test_a_file_that_is_there_stays(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "answer.md"
    target.write_text("mine")
    with pytest.raises(ExportError, match="there already"):
        workspace.export_answer(1, target)
    assert target.read_text() == "mine"
    workspace.export_answer(1, target, replace=True)
    assert "metformin" in target.read_text()


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("mine")
    with pytest.raises(ExportError, match="there already"):
        write_file(tmp_path / "a.md", b"ours", replace=False)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.md", "mine")]


def test_a_file_system_without_second_names_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_file(tmp_path / "a.md", b"ours", replace=False)
    with pytest.raises(ExportError, match="there already"):
        write_file(tmp_path / "a.md", b"again", replace=False)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.md", b"ours")]


@pytest.mark.parametrize(
    ("number", "said"), [(28, "No space"), (13, "may not be written"), (5, "cannot be written")]
)
def test_a_disk_that_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.md").write_text("old")
    monkeypatch.setattr(private_file.os, "fsync", refuse)  # type: ignore[attr-defined]
    with pytest.raises(ExportError, match=said) as caught:
        write_file(tmp_path / "a.md", b"new", replace=True)
    assert caught.value.remedy
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.md", "old")]


def test_places_that_do_harm_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    followed = tmp_path / "followed"
    (followed / "below").mkdir(parents=True)
    (tmp_path / "folder.pdf").mkdir()
    workspace.follow("Matter", str(followed))
    for target, cause in (
        (tmp_path / "a.odt", "no format"),
        (tmp_path / "a", "does not say in which format"),
        (tmp_path / "none" / "a.pdf", "no folder"),
        (tmp_path / "folder.pdf", "is no file"),
        (tmp_path / "library" / "a.pdf", "library lies in this folder"),
        (followed / "below" / "a.pdf", "Matter follows the folder"),
    ):
        with pytest.raises(ExportError) as caught:
            workspace.export_answer(1, target, replace=True)
        assert cause in caught.value.cause and caught.value.remedy
        assert not target.is_file()
    for export in (workspace.export_answer, workspace.export_conversation):
        with pytest.raises(StoreError, match="not in the library"):
            export(99, tmp_path / "a.pdf")


def test_formats_go_by_the_ending_of_the_name() -> None:
    assert format_of(Path("A.PDF"), Format, "for answers") is Format.PDF
    assert {format_of(Path(f"a{form}"), Format, "for answers") for form in Format} == set(Format)
