"""What a removal takes along beside the vault's rows, and that it is finished when interrupted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import DocumentAdded
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from tests.app.program import Program
from tests.ingest.remains import found, on_disk

WORDS = b"zirconium"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key"), create=True) as opened:
        yield opened


def add(workspace: Workspace, folder: Path, name: str, text: str, collection: str = "C") -> int:
    path = folder / f"{name}.txt"
    path.write_text(text)
    events = workspace.add([path], collection)
    return next(event.document.id for event in events if isinstance(event, DocumentAdded))


def test_an_index_on_a_disk_forgets_too(workspace: Workspace, tmp_path: Path) -> None:
    place = tmp_path / "volume" / "index"
    workspace.use_index(str(place))
    planted = add(workspace, tmp_path, "planted", "The zirconium is dear.")
    other = add(workspace, tmp_path, "other", "The ferry leaves at nine.")
    gone = add(workspace, tmp_path, "gone", "The zirconium is cheap.", "Gone")
    for collection in ("C", "Gone"):
        assert workspace.search("zirconium", collection)
    assert found([WORDS], on_disk(place))
    list(workspace.remove(planted))
    assert workspace.has_remains
    assert workspace.erase_remains()
    assert [p.document_id for p in workspace.search("zirconium ferry", "C")] == [other]
    workspace.close()
    # Removed in a session that has not opened the index.
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key")) as again:
        again.remove_collection("Gone")
        assert found([WORDS], on_disk(place))
        assert again.erase_remains()
        assert not again.has_remains
        assert found([WORDS], on_disk(place)) == []
        assert again.document(other).name == "other.txt"
        with pytest.raises(Exception, match="not in the library"):
            again.document(gone)
        # Moved back into memory, it leaves nothing where it was.
        assert again.search("ferry", "C")
        assert found([b"ferri"], on_disk(place))
        again.use_index("")
        assert found([b"ferri"], on_disk(place)) == []
        assert again.search("ferry", "C")


def test_an_interrupted_cleaning_is_done_by_the_next_command(
    workspace: Workspace, tmp_path: Path
) -> None:
    planted = add(workspace, tmp_path, "planted", "The zirconium is dear.")
    list(workspace.remove(planted))
    stop = threading.Event()
    stop.set()
    assert not workspace.erase_remains(stop)
    workspace.close()
    Program(tmp_path).json("collections")
    with Workspace.open(tmp_path / "library", KeyFile(tmp_path / "key")) as again:
        assert not again.has_remains
        assert again.erase_remains()


def test_a_library_that_cannot_be_written_is_left_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    list(workspace.remove(add(workspace, tmp_path, "planted", "The zirconium is dear.")))
    monkeypatch.setattr(workspace._store._database, "read_only", True)
    assert not workspace.has_remains
    assert workspace.erase_remains()
