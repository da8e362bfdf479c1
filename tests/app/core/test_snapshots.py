"""Snapshots of documents: where they lie, how much they take, and that they go with them.

A few bytes stand in for a snapshot; ``tests/engine/test_engine_snapshots.py`` has models.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import DocumentAdded
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from engine.snapshot_folder import DamagedSnapshot, SnapshotFolder
from ingest.errors import IngestError, StoreError
from tests.app.program import Program


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(f"The ferry number {name} leaves at nine.")
    key = KeyFile(tmp_path / "key")
    with Workspace.open(tmp_path / "library", key, create=True) as opened:
        yield opened


def add(workspace: Workspace, path: Path, collection: str = "Ferries") -> int:
    events = workspace.add([path], collection)
    return next(event.document.id for event in events if isinstance(event, DocumentAdded))


def keep(workspace: Workspace, document: int, size: int = 1000, at: int = 0) -> Path:
    """A snapshot of a document, last used at a time."""
    folder = SnapshotFolder(workspace.snapshots.place)
    owner = workspace.snapshots.owner(document)
    path = folder.path(owner, b"a model")
    with folder.open(path, owner) as file:
        file.append(1, bytes(size))
    os.utime(path, (at, at))
    return path


def test_snapshots_go_with_their_documents(workspace: Workspace, tmp_path: Path) -> None:
    one, two = (add(workspace, tmp_path / f"{name}.txt") for name in ("one", "two"))
    three = add(workspace, tmp_path / "three.txt", "Others")
    paths = [keep(workspace, document) for document in (one, two, three)]
    assert [path.exists() for path in paths] == [True, True, True]
    list(workspace.remove(one))
    assert [path.exists() for path in paths] == [False, True, True]
    workspace.remove_collection("Ferries")
    assert [path.exists() for path in paths] == [False, False, True]
    assert workspace.snapshots.forget_all() == 1


def test_closing_wipes_the_keys_and_nothing_is_written_with_what_is_left(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True)
    data_key, snapshots = workspace._data_key, workspace.snapshots
    assert any(data_key) and any(snapshots._key)
    workspace.close()
    assert not any(data_key) and not any(snapshots._key)
    with pytest.raises(StoreError, match="closed"):
        _ = snapshots.place


def test_the_limit_holds_and_is_remembered(workspace: Workspace, tmp_path: Path) -> None:
    documents = [add(workspace, tmp_path / f"{name}.txt") for name in ("one", "two", "three")]
    paths = [keep(workspace, i, 600 << 10, at=1000 - i) for i in documents]
    assert workspace.snapshots.state.files == 3
    workspace.snapshots.limit(1)
    assert [path.exists() for path in paths] == [True, False, False]
    with pytest.raises(IngestError, match="less than nothing"):
        workspace.snapshots.limit(-1)
    workspace.close()
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key")) as again:
        assert again.snapshots.place.budget == 1 << 20
        again.snapshots.limit(0)
        assert again.snapshots.state.nbytes == 0


def test_neither_another_library_nor_another_document_reads_them(
    workspace: Workspace, tmp_path: Path
) -> None:
    one, two = (add(workspace, tmp_path / f"{name}.txt") for name in ("one", "two"))
    path = keep(workspace, one)
    with Workspace.open(tmp_path / "other", KeyFile(tmp_path / "key"), create=True) as other:
        place, elsewhere = workspace.snapshots.place, other.snapshots.place
    owners = workspace.snapshots.owner(one), workspace.snapshots.owner(two)
    with SnapshotFolder(place).open(path, owners[0]) as file:
        assert file.read(0) == bytes(1000)
    # What the library's own key gives without the document's secret is not enough.
    for folder, owner in ((elsewhere, owners[0]), (place, owners[1]), (place, f"document {one}")):
        with SnapshotFolder(folder).open(path, owner) as file, pytest.raises(DamagedSnapshot):
            file.read(0)


def test_the_command_line_shows_limits_and_clears(workspace: Workspace, tmp_path: Path) -> None:
    keep(workspace, add(workspace, tmp_path / "one.txt"))
    workspace.close()
    program = Program(tmp_path)
    assert "1 snapshot, 0.0 of 10,240 MiB." in program.run("snapshots").stdout
    assert program.json("snapshots", "--limit", "500")["limit_mib"] == 500
    cleared = program.json("snapshots", "--clear")
    assert (cleared["files"], cleared["nbytes"], cleared["deleted"]) == (0, 0, 1)
    assert "less than nothing" in program.run("snapshots", "--limit", "-1").stderr
