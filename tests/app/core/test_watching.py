"""Watched folders: real files, first with a clock of our own, then with the system's notices."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core import watching
from app.core.watching import (
    Change,
    ChangeKind,
    FolderWatcher,
    KnownFile,
    content_hash,
    is_ignored,
    scan,
)

LONG_AGO = 1_700_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = (tmp_path / "matter").resolve()
    path.mkdir()
    return path


@pytest.fixture
def no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as fresh, so that the test's clock alone decides."""
    monkeypatch.setattr(watching, "_stood_still", lambda *_: False)


def put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def known_of(*paths: Path) -> list[KnownFile]:
    files = []
    for path in paths:
        status = path.stat()
        digest = content_hash(str(path))
        assert digest
        files.append(KnownFile(str(path), status.st_size, digest, status.st_mtime_ns))
    return files


def watch(folder: Path, *known: KnownFile, settle: float = 1.5) -> FolderWatcher:
    return FolderWatcher({"c": [folder]}, {"c": known}, settle=settle)


@pytest.mark.usefixtures("no_head_start")
def test_a_new_file_is_told_when_it_stands_still(folder: Path) -> None:
    watcher = watch(folder)
    path = put(folder / "a.pdf", "one")
    assert watcher.look(0.0) == []
    put(folder / "a.pdf", "one and more")
    assert watcher.look(1.4) == []
    assert watcher.look(2.8) == []
    assert watcher.look(3.0) == [Change(ChangeKind.ADDED, "c", path)]
    assert watcher.look(9.0) == []


@pytest.mark.usefixtures("no_head_start")
def test_a_renamed_file_is_moved_not_read_again(folder: Path) -> None:
    old = folder / "a.pdf"
    put(old, "one")
    watcher = watch(folder, *known_of(old))
    new = folder / "sub" / "b.pdf"
    new.parent.mkdir()
    old.rename(new)
    assert watcher.look(0.0) == []
    assert watcher.look(2.0) == [Change(ChangeKind.MOVED, "c", str(new), str(old))]


def test_a_file_renamed_while_the_program_was_closed_is_moved(folder: Path) -> None:
    """Though the new name has stood still for long, it is not taken for a new file."""
    old, new = folder / "a.pdf", folder / "b.pdf"
    put(old, "one")
    known = known_of(old)
    old.rename(new)
    watcher = watch(folder, *known, settle=0.05)
    time.sleep(0.1)
    assert watcher.look(0.0) == []
    assert watcher.look(1.0) == [Change(ChangeKind.MOVED, "c", str(new), str(old))]


@pytest.mark.usefixtures("no_head_start")
def test_saving_by_delete_and_rename_is_one_change(folder: Path) -> None:
    path = folder / "a.pdf"
    put(path, "one")
    watcher = watch(folder, *known_of(path))
    assert watcher.look(0.0) == []
    path.unlink()
    assert watcher.look(1.0) == []
    put(path, "two!")
    assert watcher.look(2.0) == []
    assert watcher.look(4.0) == [Change(ChangeKind.CHANGED, "c", str(path))]


@pytest.mark.usefixtures("no_head_start")
def test_a_removed_file_and_what_lies_outside(folder: Path, tmp_path: Path) -> None:
    gone, kept, outside = folder / "a.pdf", folder / "b.pdf", tmp_path / "other.pdf"
    for path in (gone, kept, outside):
        put(path, path.name)
    watcher = watch(folder, *known_of(gone, kept, outside))
    gone.unlink()
    outside.unlink()
    watcher.look(0.0)
    assert watcher.look(2.0) == [Change(ChangeKind.REMOVED, "c", str(gone))]


@pytest.mark.usefixtures("no_head_start")
def test_the_last_file_of_a_folder_may_go(folder: Path) -> None:
    path = folder / "a.pdf"
    put(path, "one")
    watcher = watch(folder, *known_of(path))
    assert watcher.look(0.0) == []
    path.unlink()
    watcher.look(1.0)
    assert watcher.look(3.0) == [Change(ChangeKind.REMOVED, "c", str(path))]


def test_an_old_file_needs_no_wait(folder: Path) -> None:
    path = put(folder / "a.pdf", "one")
    watcher = watch(folder, settle=0.05)
    time.sleep(0.1)
    assert watcher.look(0.0) == [Change(ChangeKind.ADDED, "c", path)]


@pytest.mark.usefixtures("no_head_start")
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_an_unplugged_disk_takes_nothing_away(
    folder: Path, how: str, expected_warnings: list[str]
) -> None:
    expected_warnings.append("out of reach")
    path = folder / "a.pdf"
    put(path, "one")
    known = known_of(path)
    path.unlink()
    if how == "missing":
        folder.rmdir()
    watcher = watch(folder, *known)
    for now in (0.0, 2.0, 99.0):
        assert watcher.look(now) == []
    put(path, "one")
    os.utime(path, ns=(known[0].modified_ns or 0, known[0].modified_ns or 0))
    assert watcher.look(100.0) == []
    assert watcher.look(102.0) == []
    path.unlink()
    watcher.look(103.0)
    assert watcher.look(105.0) == [Change(ChangeKind.REMOVED, "c", str(path))]


@pytest.mark.usefixtures("no_head_start")
def test_collections_follow_their_own_folders(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    paths = [put(root / "a.pdf", "same text") for root in (first, second)]
    watcher = FolderWatcher({"one": [first], "two": [second, first]}, {})
    watcher.look(0.0)
    assert watcher.look(2.0) == [
        Change(ChangeKind.ADDED, "one", paths[0]),
        Change(ChangeKind.ADDED, "two", paths[0]),
        Change(ChangeKind.ADDED, "two", paths[1]),
    ]


def test_scan_follows_no_links_and_ignores_traces(folder: Path, tmp_path: Path) -> None:
    wanted = put(folder / "sub" / "a.PDF", "x")
    put(folder / "note.txt", "x")
    put(tmp_path / "secret.pdf", "x")
    for name in (".hidden.pdf", "~$report.docx", "b.pdf.part", "c.tmp", "d.crdownload", "e.pdf~"):
        put(folder / name, "x")
        assert is_ignored(name)
    put(folder / ".git" / "x.pdf", "x")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "linked.pdf").symlink_to(tmp_path / "secret.pdf")
    os.mkfifo(folder / "pipe.pdf")
    result = scan([str(folder)], {".pdf"})
    assert [file.path for file in result.found] == [wanted]
    assert result.unreachable == ()


class Listener:
    """Runs a watcher in a thread and waits for what it tells."""

    def __init__(self, watcher: FolderWatcher) -> None:
        self.stop = threading.Event()
        self.heard: list[Change] = []
        self._watcher = watcher
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for batch in self._watcher.changes(self.stop):
            self.heard += batch

    def expect(self, *changes: Change) -> None:
        deadline = time.monotonic() + 20
        while self.heard != list(changes) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.heard == list(changes)
        self.heard.clear()

    def close(self) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def listen() -> Iterator[Callable[[FolderWatcher], Listener]]:
    listeners: list[Listener] = []

    def start(watcher: FolderWatcher) -> Listener:
        listeners.append(Listener(watcher))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.close()


def test_live_changes_are_followed(
    folder: Path, listen: Callable[[FolderWatcher], Listener]
) -> None:
    listener = listen(watch(folder, settle=0.3))
    path, moved = folder / "a.pdf", folder / "new" / "b.pdf"
    put(path, "one")
    listener.expect(Change(ChangeKind.ADDED, "c", str(path)))
    put(path, "two, longer")
    listener.expect(Change(ChangeKind.CHANGED, "c", str(path)))
    moved.parent.mkdir()
    path.rename(moved)
    listener.expect(Change(ChangeKind.MOVED, "c", str(moved), str(path)))
    moved.unlink()
    listener.expect(Change(ChangeKind.REMOVED, "c", str(moved)))


def test_a_folder_that_appears_later_is_followed(
    tmp_path: Path,
    listen: Callable[[FolderWatcher], Listener],
    expected_warnings: list[str],
) -> None:
    expected_warnings.append("out of reach")
    late = tmp_path.resolve() / "late"
    listener = listen(FolderWatcher({"c": [late]}, {}, settle=0.2, rescan=0.5))
    time.sleep(0.3)
    path = put(late / "a.pdf", "one")
    listener.expect(Change(ChangeKind.ADDED, "c", path))
    path = put(late / "b.pdf", "two")
    listener.expect(Change(ChangeKind.ADDED, "c", path))
