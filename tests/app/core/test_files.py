"""Which files of a folder are meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.events import FileFailed, FileSkipped
from app.core.files import expand


def test_a_folder_gives_its_documents_and_names_the_rest(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.DOCM", "c.xlsx", "table.csv", "LICENSE", ".hidden.pdf", "~$b.docx"):
        (tmp_path / name).write_text("x")
    (tmp_path / "gone.pdf").symlink_to(tmp_path / "nowhere")
    found = list(expand([tmp_path, tmp_path / "a.pdf"]))
    assert [f.name for f in found if isinstance(f, Path)] == ["a.pdf", "b.DOCM"]
    reasons = {Path(f.path).name: f.reason for f in found if isinstance(f, FileSkipped)}
    assert reasons.keys() == {"c.xlsx", "table.csv", "LICENSE", "gone.pdf"}
    assert ".xlsx" in reasons["c.xlsx"] and "named" in reasons["table.csv"]


def test_a_named_file_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    named = [tmp_path / "table.csv", tmp_path / ".hidden", tmp_path / "missing"]
    assert list(expand(named)) == named


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_closed_folder_is_a_failure(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    (failure,) = expand([tmp_path])
    assert isinstance(failure, FileFailed) and failure.path == str(closed)
