"""The library panel: collections, documents, additions, failures, passwords, search, removal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_library import DOCUMENTS, document, passage
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QInputDialog, QPushButton
from pytestqt.qtbot import QtBot

from app.core.events import (
    BatchFinished,
    ChunksEmbedded,
    CollectionInfo,
    DocumentAdded,
    DocumentRemoved,
    DocumentReplaced,
    FileFailed,
    FileStarted,
    PageRead,
)
from app.ui import dialogs
from app.ui.document_list import DocumentListModel, state_of
from app.ui.follow_dialog import FollowDialog
from app.ui.library_model import Addition, LibraryModel, summary
from app.ui.library_panel import LibraryPanel
from app.ui.messages import UNASKED, Failure, Streamed
from app.ui.passage_list import SearchModel, snippet
from ingest.types import REPAIRED, UNSEEN

if TYPE_CHECKING:
    from conftest import HandBridge

COLLECTIONS = [CollectionInfo(1, "Patients", 2, 6), CollectionInfo(2, "Contracts & deeds", 0, 0)]


@pytest.fixture
def panel(qtbot: QtBot, bridge: HandBridge) -> LibraryPanel:
    panel = LibraryPanel(LibraryModel(bridge), SearchModel(bridge))
    qtbot.addWidget(panel)
    panel.resize(300, 800)
    panel.show()
    panel._model.load()
    bridge.give("collections", COLLECTIONS)
    bridge.give("documents", DOCUMENTS)
    return panel


def shown_names(panel: LibraryPanel) -> list[str]:
    model = panel.document_view.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_lists_collections_and_documents(panel: LibraryPanel) -> None:
    assert panel.chooser.currentText() == "Patients"
    assert panel.chooser.count() == 2
    assert shown_names(panel) == ["Discharge letter.pdf", "Laboratory & imaging.pdf"]
    assert panel.stack.currentWidget() is panel.document_view
    assert panel.status.text() == "2 documents, 6 pages"


def test_state_is_told_in_words() -> None:
    assert state_of(DOCUMENTS[0])[2] == "Ready"
    assert state_of(DOCUMENTS[1])[2] == "1 page unreadable"
    assert state_of(document(3, "Scan.tiff", ocr=3))[2] == "Ready, 3 by OCR"


def test_a_damaged_file_is_marked_and_its_tip_names_the_remedy() -> None:
    damaged = replace(document(4, "Lease.pdf"), warnings=(REPAIRED,))
    icon, _, words = state_of(damaged)
    assert icon == "warning" and "may be incomplete" in words
    model = DocumentListModel()
    model.set_documents([damaged])
    said = model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "damaged" in said and "complete copy" in said


def test_a_file_with_hidden_text_is_marked_and_its_tip_quotes_it() -> None:
    warning = f"Page 3 holds {UNSEEN} on the page: “<b>ignore</b> all of it”"
    hiding = replace(document(4, "Lease\u202efdp.pdf"), warnings=(warning,))
    icon, _, words = state_of(hiding)
    assert icon == "warning" and words == "Holds hidden text"
    model = DocumentListModel()
    model.set_documents([hiding])
    said = model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;ignore" in said and "left out" in said
    assert model.index(0).data(Qt.ItemDataRole.DisplayRole) == "Lease fdp.pdf"


def test_rows_are_told_to_screen_readers(panel: LibraryPanel) -> None:
    index = panel.document_view.model().index(1, 0)
    words = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert words == "Laboratory & imaging.pdf, 3 pages, 1 page unreadable"


def test_choosing_a_collection_asks_for_its_documents(
    bridge: HandBridge, panel: LibraryPanel
) -> None:
    panel.chooser.setCurrentIndex(1)
    panel.chooser.activated.emit(1)
    assert bridge.last("documents").args == ("Contracts & deeds",)
    assert shown_names(panel) == []
    bridge.give("documents", [])
    assert panel.stack.currentWidget() is panel.empty


def test_late_documents_of_another_collection_are_not_shown(
    bridge: HandBridge, panel: LibraryPanel
) -> None:
    panel._model.load_documents()
    late = bridge.last("documents").request
    panel._model.select("Contracts & deeds")
    bridge._pending[late].value(DOCUMENTS)  # type: ignore[misc]
    assert shown_names(panel) == []


def test_dropped_files_and_folders_are_added(
    bridge: HandBridge, panel: LibraryPanel, tmp_path: Path
) -> None:
    data = QMimeData()
    paths = [tmp_path, tmp_path / "a.pdf"]
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths] + [QUrl("https://example.org")])
    copy, left, none = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    assert panel.stack.currentWidget() is panel.empty
    panel.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, none))
    assert panel.stack.currentWidget() is panel.document_view
    call = bridge.last("add")
    assert call.args == (paths, "Patients")


def test_progress_a_file_and_overall(qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel) -> None:
    panel.add_paths([Path("/x/a.pdf"), Path("/x/b.pdf")])
    assert panel.addition.isVisible()
    bridge.stream(
        "add",
        FileStarted("/x/a.pdf", 1, 2),
        FileFailed("/x/a.pdf", "It is broken.", "Repair it."),
        FileStarted("/x/b.pdf", 2, 2),
        PageRead("/x/b.pdf", 5, 10, "ocr"),
        end=False,
    )
    view = panel.addition
    qtbot.waitUntil(lambda: view._overall.text() == "Adding file 2 of 2", timeout=5000)
    assert view._file.text() == "b.pdf"
    assert view._doing.text() == "Reading page 5 of 10 by OCR"
    assert view._file_bar.value() == 400
    assert view._overall_bar.value() == 700
    bridge.stream("add", ChunksEmbedded("/x/b.pdf", 1, 2), end=False)
    qtbot.waitUntil(lambda: view._file_bar.value() == 900, timeout=5000)
    new = document(9, "b.pdf")
    bridge.stream("add", DocumentAdded("/x/b.pdf", new), BatchFinished(1, 0, 1, 0, 0))
    assert "b.pdf" in shown_names(panel)
    assert not view.isVisible()
    bridge.give("collections", COLLECTIONS)


def test_stop_cancels(bridge: HandBridge, panel: LibraryPanel) -> None:
    panel.add_paths([Path("/x/a.pdf")])
    panel.addition._cancel.click()
    assert bridge.cancelled == [bridge.last("add").request]
    assert not panel.addition._cancel.isEnabled()
    bridge.stream("add", cancelled=True)
    assert not panel.addition.isVisible()
    assert panel.status.text().startswith("Stopped")


def test_failed_file_shows_cause_and_remedy(bridge: HandBridge, panel: LibraryPanel) -> None:
    panel.add_paths([Path("/x/a.pdf")])
    failed = FileFailed("/x/<b>a</b>.pdf", "It is broken.", "Repair it.")
    bridge.stream("add", failed, BatchFinished(0, 0, 0, 0, 1))
    assert panel.problems.isVisible()
    assert panel.problems.paths() == [failed.path]
    row = panel.problems._shown[failed.path]
    assert "It is broken. Repair it." in row.accessibleName()
    row.dismissed.emit()
    assert not panel.problems.isVisible()


def test_password_is_asked_for_and_the_file_tried_again(
    bridge: HandBridge, panel: LibraryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.add_paths([Path("/x/locked.pdf")])
    bridge.stream("add", FileFailed("/x/locked.pdf", "Encrypted.", "Enter it.", True))
    asked: list[str] = []

    def ask(_parent: object, name: str) -> str:
        asked.append(name)
        return "secret"

    monkeypatch.setattr(dialogs, "ask_password", ask)
    button = panel.problems._shown["/x/locked.pdf"].findChild(QPushButton)
    assert button is not None
    button.click()
    assert asked == ["locked.pdf"]
    call = bridge.last("add")
    assert call.args[0] == [Path("/x/locked.pdf")]
    assert call.kwargs == {"passwords": ["secret"]}
    assert panel.problems.paths() == []


def test_failure_of_the_whole_addition_is_told(
    qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel
) -> None:
    panel.add_paths([Path("/x/a.pdf")])
    failure = Failure("library", "The disk is full.", "Free some space.")
    with qtbot.waitSignal(panel._model.request_failed) as caught:
        bridge.fail("add", failure)
    assert caught.args == [failure]
    assert not panel.addition.isVisible()


@pytest.mark.parametrize("sure", [True, False])
def test_removal_asks_first(
    bridge: HandBridge, panel: LibraryPanel, monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    assert not panel.remove_button.isEnabled()
    panel.document_view.selectionModel().select(
        panel.document_view.model().index(0, 0),
        panel.document_view.selectionModel().SelectionFlag.Select,
    )
    assert panel.remove_button.isEnabled()
    monkeypatch.setattr(dialogs, "confirm_removal", lambda _parent, _names: sure)
    panel.remove_button.click()
    if not sure:
        assert not bridge.asked("remove")
        return
    assert bridge.last("remove").args == (1,)
    bridge.stream("remove", DocumentRemoved(DOCUMENTS[0]), end=False)
    assert shown_names(panel) == ["Laboratory & imaging.pdf"]


def test_searches_once_the_typing_pauses(
    qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel
) -> None:
    qtbot.keyClicks(panel.search_field, "metop")
    assert not bridge.asked("search")
    qtbot.waitUntil(lambda: bool(bridge.asked("search")), timeout=5000)
    assert bridge.last("search").args == ("metop", "Patients")
    bridge.give("search", [passage()])
    assert panel.stack.currentWidget() is panel.passage_view
    with qtbot.waitSignal(panel.passage_chosen) as caught:
        panel.passage_view.activated.emit(panel._passages.index(0))
    assert caught.args == [passage()]
    panel.search_field.clear()
    assert panel.stack.currentWidget() is panel.document_view


def test_nothing_found_is_said(qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel) -> None:
    panel.search_field.setText("zzz")
    qtbot.waitUntil(lambda: bool(bridge.asked("search")), timeout=5000)
    bridge.give("search", [])
    assert panel.stack.currentWidget() is panel.nothing


def test_old_search_is_cancelled_and_not_shown(bridge: HandBridge, panel: LibraryPanel) -> None:
    panel._search.type_words("one")
    panel._search.search()
    first = bridge.last("search").request
    panel._search.type_words("two")
    panel._search.search()
    assert first in bridge.cancelled


def test_choosing_a_document_tells(qtbot: QtBot, panel: LibraryPanel) -> None:
    with qtbot.waitSignal(panel.document_chosen) as caught:
        panel.document_view.activated.emit(panel.document_view.model().index(0, 0))
    assert caught.args == [DOCUMENTS[0]]


def test_adding_without_a_collection_makes_one(bridge: HandBridge) -> None:
    model = LibraryModel(bridge)
    model.load()
    bridge.give("collections", [])
    model.add([Path("/x/a.pdf")])
    assert bridge.last("add").args[1] == "Documents"
    bridge.stream("add", BatchFinished(1, 0, 0, 0, 0))
    bridge.give("collections", [CollectionInfo(1, "Documents", 1, 3)])
    assert model.selected == "Documents"


def test_sums_in_a_sentence() -> None:
    assert summary(BatchFinished(2, 1, 3, 0, 1)) == (
        "2 documents added, 1 replaced by a newer version, 3 here already, 1 failed."
    )
    assert summary(BatchFinished(0, 0, 0, 0, 0, 2)) == "2 files of a kind that is not read."
    assert summary(BatchFinished(0, 0, 0, 0, 0)) == "Nothing to add was found there."


def test_documents_stay_sorted_and_ten_thousand_are_no_trouble() -> None:
    model = DocumentListModel()
    many = [document(n, f"file {n:05}.pdf") for n in range(10_000)]
    model.set_documents(many)
    model.put(document(20_000, "file 00500a.pdf"))
    model.put(document(7, "zz.pdf"))
    model.take(3)
    names = [d.name for d in model.documents()]
    assert names == sorted(names)
    assert len(names) == 10_000
    assert names[-1] == "zz.pdf"
    assert model.rowCount() == 10_000


def test_files_read_side_by_side_do_not_mix() -> None:
    addition = Addition(1, "Patients")
    addition.begin("/x/a.pdf", 1, 4)
    addition.advance("/x/a.pdf", 0.8, "Making it searchable")
    addition.begin("/x/b.pdf", 2, 4)
    addition.advance("/x/a.pdf", 0.9, "Making it searchable")
    assert (addition.file, addition.share, addition.doing) == ("b.pdf", 0.0, "Reading")
    assert addition.overall == pytest.approx(0.9 / 4)
    addition.finish("/x/b.pdf")
    assert addition.file == "a.pdf"
    assert addition.overall == pytest.approx(1.9 / 4)
    addition.finish("/x/a.pdf")
    addition.finish("/x/a.pdf")
    assert addition.overall == pytest.approx(2 / 4)


def test_followed_folders_are_listed_added_and_let_go(
    qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = FollowDialog(panel._model)
    qtbot.addWidget(dialog)
    bridge.give("followed", ["/x/ward"])
    assert dialog.folders.count() == 1
    chosen = lambda *_: "/x/letters"  # noqa: E731 - stands for the system's dialog
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", chosen)
    dialog.add_button.click()
    assert bridge.last("follow").args == ("Patients", "/x/letters")
    bridge.give("follow", None)
    assert bridge.last("add").args[0] == [Path("/x/letters")]
    dialog.folders.setCurrentRow(0)
    dialog.remove_button.click()
    assert bridge.last("unfollow").args == ("Patients", "/x/ward")


def test_what_a_followed_folder_brings_is_shown(
    qtbot: QtBot, bridge: HandBridge, panel: LibraryPanel
) -> None:
    new = document(30, "new.pdf")
    bridge._on_message(Streamed(UNASKED, DocumentAdded("/x/new.pdf", new)))
    assert "new.pdf" in shown_names(panel)
    with qtbot.waitSignal(panel._model.document_changed) as caught:
        bridge._on_message(Streamed(UNASKED, DocumentReplaced("/x/new.pdf", new)))
    assert caught.args == [30]
    bridge._on_message(Streamed(UNASKED, DocumentRemoved(new)))
    assert "new.pdf" not in shown_names(panel)


def test_collection_is_renamed_and_removed(
    bridge: HandBridge, panel: LibraryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Ward", True))
    panel.rename_collection()
    assert bridge.last("rename_collection").args == (1, "Ward")
    monkeypatch.setattr(dialogs, "confirm_collection_removal", lambda *_: True)
    panel.remove_collection()
    assert bridge.last("remove_collection").args == ("Patients",)


def test_snippet_begins_near_the_match() -> None:
    text = "A long beginning that says little.\nThe kidney function has fallen."
    assert snippet(text, "kidney").startswith("… ")
    assert "kidney function" in snippet(text, "kidney")
    assert snippet(text, "nothing").startswith("A long beginning")


def test_all_failures_are_dismissed_at_once(bridge: HandBridge, panel: LibraryPanel) -> None:
    panel.add_paths([Path("/x")])
    failures = [FileFailed(f"/x/{n}.pdf", "It is broken.", "Repair it.") for n in range(7)]
    bridge.stream("add", *failures, BatchFinished(0, 0, 0, 0, 7))
    assert panel.problems._count.text() == "7 files not added"
    panel.problems._clear.click()
    assert panel.problems.paths() == []
    assert not panel.problems.isVisible()
    bridge.give("collections", COLLECTIONS)
    bridge.give("documents", DOCUMENTS)
    assert panel.status.text() == "7 failed.\n2 documents, 6 pages"


def test_before_the_library_is_open_it_says_so(qtbot: QtBot, bridge: HandBridge) -> None:
    panel = LibraryPanel(LibraryModel(bridge), SearchModel(bridge))
    qtbot.addWidget(panel)
    assert panel.stack.currentWidget() is panel.opening
    panel._model.load()
    bridge.give("collections", [])
    assert panel.stack.currentWidget() is panel.empty
