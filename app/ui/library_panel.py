"""The library panel: collections, their documents, search, and what is being added."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from app.core.events import DocumentInfo, FileFailed
from app.ui import dialogs, style
from app.ui.addition_view import AdditionView, ProblemList
from app.ui.document_list import INFO, DocumentFilter, RowDelegate
from app.ui.follow_dialog import FollowDialog
from app.ui.library_model import LibraryModel
from app.ui.passage_list import PASSAGE, PassageDelegate, PassageListModel, SearchModel
from app.ui.text import counted
from app.ui.widgets import EmptyState, IconButton, TextLabel
from ingest.types import Passage


class LibraryPanel(QFrame):
    """Shows a LibraryModel and a SearchModel, and hands them what a person does."""

    document_chosen = Signal(object)  # DocumentInfo
    passage_chosen = Signal(object)  # Passage

    def __init__(self, model: LibraryModel, search: SearchModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Library")
        self.setAcceptDrops(True)
        self._model = model
        self._search = search
        self._filter = DocumentFilter(model.documents)
        self._passages = PassageListModel()
        self._news = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_head())
        layout.addWidget(self._make_lists(), 1)
        self.problems = ProblemList()
        self.addition = AdditionView()
        layout.addWidget(self.problems)
        layout.addWidget(self.addition)
        layout.addLayout(self._make_foot())
        self._connect()

    def focus_search(self) -> None:
        """Puts the cursor into the search field."""
        self.search_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_field.selectAll()

    def choose_files(self) -> None:
        """Asks for files with the system's dialog and adds them."""
        names, _ = QFileDialog.getOpenFileNames(self, "Add documents")
        self.add_paths([Path(name) for name in names])

    def choose_folder(self) -> None:
        """Asks for a folder with the system's dialog and adds what is in it."""
        name = QFileDialog.getExistingDirectory(self, "Add a folder")
        self.add_paths([Path(name)] if name else [])

    def add_paths(self, paths: list[Path]) -> None:
        """Adds files and folders to the collection in view."""
        if paths:
            self._tell("")
            for path in paths:
                self.problems.dismiss(str(path))
            self._model.add(paths)

    def remove_selected(self) -> None:
        """Asks, then removes the selected documents."""
        documents = self._selected_documents()
        if documents and dialogs.confirm_removal(self, [d.name for d in documents]):
            self._model.remove(documents)

    def new_collection(self) -> None:
        """Asks for a name and makes a collection."""
        name, accepted = QInputDialog.getText(
            self,
            "New collection",
            "Name of the collection.\nSearches never leave their collection.",
        )
        if accepted and name.strip():
            self._model.create_collection(name.strip())

    def rename_collection(self) -> None:
        """Asks for another name for the collection in view."""
        old = self._model.selected
        if not old:
            return
        name, accepted = QInputDialog.getText(
            self, "Rename the collection", "Its new name", text=old
        )
        if accepted and name.strip() and name.strip() != old:
            self._model.rename_collection(name.strip())

    def remove_collection(self) -> None:
        """Asks, then removes the collection in view with its documents."""
        name = self._model.selected
        if name and dialogs.confirm_collection_removal(
            self, name, self._model.documents.rowCount()
        ):
            self._model.remove_collection()

    def show_followed(self) -> None:
        """Shows which folders the collection in view follows."""
        FollowDialog(self._model, self).open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_paths(event):
            event.acceptProposedAction()
            self._show_drop_hint(True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self._show_drop_hint(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_drop_hint(False)
        paths = _dropped_paths(event)
        if paths:
            event.acceptProposedAction()
            self.add_paths(paths)

    def _make_head(self) -> QVBoxLayout:
        head = QVBoxLayout()
        head.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.SMALL)
        head.setSpacing(style.SMALL)
        row = QHBoxLayout()
        row.setSpacing(style.TIGHT)
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Collection")
        self.chooser.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        row.addWidget(self.chooser, 1)
        self.new_button = IconButton("folder", "New collection")
        row.addWidget(self.new_button)
        head.addLayout(row)
        self.search_field = QLineEdit()
        self.search_field.setAccessibleName("Find in this collection")
        self.search_field.setPlaceholderText("Find in this collection")
        self.search_field.setClearButtonEnabled(True)
        head.addWidget(self.search_field)
        return head

    def _make_lists(self) -> QStackedWidget:
        self.stack = QStackedWidget()
        self.document_view = _list_view("Documents", RowDelegate(self))
        self.document_view.setModel(self._filter)
        self.document_view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.document_view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.passage_view = _list_view("Passages found", PassageDelegate(self))
        self.passage_view.setModel(self._passages)
        self.empty = EmptyState("drop", *_NOTHING_YET)
        self.nothing = EmptyState("search", *_NOTHING_FOUND)
        self.opening = EmptyState("lock", *_OPENING)
        for widget in (
            self.opening,
            self.empty,
            self.document_view,
            self.passage_view,
            self.nothing,
        ):
            self.stack.addWidget(widget)
        return self.stack

    def _make_foot(self) -> QVBoxLayout:
        foot = QVBoxLayout()
        foot.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.MEDIUM)
        foot.setSpacing(style.SMALL)
        self.status = TextLabel(tone="muted", scale=style.CAPTION)
        foot.addWidget(self.status)
        row = QHBoxLayout()
        row.setSpacing(style.SMALL)
        self.add_button = QPushButton("Add files…")
        self.add_button.setProperty("primary", True)
        row.addWidget(self.add_button, 1)
        self.add_button.setMinimumWidth(self.add_button.sizeHint().width())
        self.folder_button = QPushButton("Add folder…")
        row.addWidget(self.folder_button)
        self.folder_button.setMinimumWidth(self.folder_button.sizeHint().width())
        self.remove_button = IconButton("remove", "Remove the selected documents", role="muted")
        self.remove_button.setEnabled(False)
        row.addWidget(self.remove_button)
        foot.addLayout(row)
        return foot

    def _connect(self) -> None:
        model, search = self._model, self._search
        model.collections_changed.connect(self._show_collections)
        model.collection_selected.connect(search.set_collection)
        model.documents_loaded.connect(self._show_documents)
        model.addition_changed.connect(self.addition.show_addition)
        model.file_failed.connect(self.problems.add)
        model.addition_finished.connect(self._tell)
        search.passages_found.connect(self._show_passages)
        search.search_cleared.connect(self._show_documents)
        self.chooser.activated.connect(self._choose_collection)
        self.new_button.clicked.connect(self.new_collection)
        self.search_field.textChanged.connect(self._on_typed)
        self.search_field.returnPressed.connect(self._focus_results)
        self.document_view.activated.connect(self._choose_document)
        self.document_view.clicked.connect(self._choose_document)
        self.document_view.customContextMenuRequested.connect(self._show_menu)
        self.document_view.selectionModel().selectionChanged.connect(self._on_selection)
        self.passage_view.activated.connect(self._choose_passage)
        self.passage_view.clicked.connect(self._choose_passage)
        self.add_button.clicked.connect(self.choose_files)
        self.folder_button.clicked.connect(self.choose_folder)
        self.remove_button.clicked.connect(self.remove_selected)
        self.addition.cancel_requested.connect(model.cancel_addition)
        self.problems.password_requested.connect(self._ask_password)
        self.problems.retry_requested.connect(lambda failed: self.add_paths([Path(failed.path)]))
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.document_view)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove_selected)

    def _tell(self, news: str) -> None:
        """What came of the latest addition; stays until the next one or another collection."""
        self._news = news
        self._show_status(news)

    def _show_status(self, words: str) -> None:
        self.status.setText(words)
        self.status.setVisible(bool(words))

    def _show_collections(self) -> None:
        self.chooser.clear()
        for collection in self._model.collections:
            self.chooser.addItem(collection.name)
        self.chooser.setEnabled(self.chooser.count() > 0)
        self.chooser.setPlaceholderText("No collection yet")
        self._select_in_chooser(self._model.selected)

    def _select_in_chooser(self, name: str) -> None:
        self.chooser.setCurrentIndex(self.chooser.findText(name))

    def _show_documents(self) -> None:
        self._select_in_chooser(self._model.selected)
        if self.search_field.text().strip():
            return
        documents = self._model.documents.rowCount()
        self.stack.setCurrentWidget(self.document_view if documents else self.empty)
        if not self.addition.isVisible():
            pages = sum(d.pages for d in self._model.documents.documents())
            sums = f"{counted(documents, 'document')}, {counted(pages, 'page')}"
            lines = [self._news, sums if documents else ""]
            self._show_status("\n".join(line for line in lines if line))

    def _show_passages(self, words: str, passages: list[Passage]) -> None:
        self._passages.set_passages(passages, words)
        self.stack.setCurrentWidget(self.passage_view if passages else self.nothing)

    def _show_drop_hint(self, over: bool) -> None:
        self.empty.set_text(*(_DROP_NOW if over else _NOTHING_YET))
        if over:
            self.stack.setCurrentWidget(self.empty)
        else:
            self._show_documents()

    def _show_menu(self, at: QPoint) -> None:
        if not self._selected_documents():
            return
        menu = QMenu(self)
        remove = QAction("Remove from the library…", menu)
        remove.triggered.connect(self.remove_selected)
        menu.addAction(remove)
        menu.popup(self.document_view.viewport().mapToGlobal(at))

    def _on_typed(self, words: str) -> None:
        self._search.type_words(words)

    def _focus_results(self) -> None:
        self._search.search()
        if self._passages.rowCount() and self.stack.currentWidget() is self.passage_view:
            self.passage_view.setFocus()
            self.passage_view.setCurrentIndex(self._passages.index(0))

    def _on_selection(self) -> None:
        self.remove_button.setEnabled(bool(self._selected_documents()))

    def _selected_documents(self) -> list[DocumentInfo]:
        chosen: QItemSelectionModel = self.document_view.selectionModel()
        return [index.data(INFO) for index in chosen.selectedIndexes()]

    def _choose_collection(self, row: int) -> None:
        self._tell("")
        self._model.select(self.chooser.itemText(row))

    def _choose_document(self, index: QModelIndex) -> None:
        self.document_chosen.emit(index.data(INFO))

    def _choose_passage(self, index: QModelIndex) -> None:
        self.passage_chosen.emit(index.data(PASSAGE))

    def _ask_password(self, failed: FileFailed) -> None:
        password = dialogs.ask_password(self, Path(failed.path).name)
        if password:
            self.problems.dismiss(failed.path)
            self._model.add([Path(failed.path)], passwords=[password])


_OPENING = ("Opening the library", "It is being unlocked. You can add files already.")
_NOTHING_YET = (
    "Drop PDFs or scans here",
    "Images, Word, text, Markdown, HTML and mail are read too. "
    "They stay on this computer, in an encrypted library.",
)
_DROP_NOW = ("Let go to add", "They are added to the collection in view.")
_NOTHING_FOUND = ("Nothing found", "No passage of this collection fits. Try other words.")


def _list_view(name: str, delegate: RowDelegate) -> QListView:
    view = QListView()
    view.setAccessibleName(name)
    view.setItemDelegate(delegate)
    view.setUniformItemSizes(True)
    view.setMouseTracking(True)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    return view


def _dropped_paths(event: QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
