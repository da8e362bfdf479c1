"""The window: library, conversation and page side by side, and the commands in its menus.

It joins the panels with one another; what they show comes from their view models.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QSplitter, QVBoxLayout, QWidget

from app.core import policy
from app.core.answers import Citation, Scope
from app.core.events import DocumentInfo
from app.ui import dialogs, icons, style
from app.ui.backup_model import BackupModel
from app.ui.banner import Banner
from app.ui.bridge import Bridge
from app.ui.conversation_model import ConversationModel
from app.ui.conversation_panel import ConversationPanel
from app.ui.failures import failure_of
from app.ui.forbidden import forbid
from app.ui.library_model import LibraryModel
from app.ui.library_panel import LibraryPanel
from app.ui.messages import Failure
from app.ui.page_model import PageModel, Place
from app.ui.page_panel import PagePanel
from app.ui.passage_list import SearchModel
from app.ui.privacy_dialog import PrivacyDialog
from app.ui.settings import LOCK_MINUTES, Settings
from app.ui.widgets import refresh_icons
from ingest.types import Passage


class MainWindow(QMainWindow):
    """Three panels on one bridge."""

    closed = Signal()
    lock_wanted = Signal()
    lock_minutes_chosen = Signal(int)

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        super().__init__()
        self._bridge = bridge
        self._settings = settings
        self.setWindowTitle("Muniment")
        self.setWindowIcon(icons.icon("muniment", "#000000", 64))
        self.library_model = LibraryModel(bridge, self)
        self.search_model = SearchModel(bridge, self)
        self.conversation_model = ConversationModel(bridge, self)
        self.page_model = PageModel(bridge, self)
        self.backup_model = BackupModel(bridge, self)
        self.library = LibraryPanel(self.library_model, self.search_model)
        self.conversation = ConversationPanel(self.conversation_model)
        self.pages = PagePanel(self.page_model)
        self.banner = Banner()
        self._lock_choices: dict[int, QAction] = {}
        self._governed: list[tuple[str, QAction]] = []  # what a policy may forbid
        self._lay_out()
        self._make_menus()
        self._connect()
        self._restore()

    def load(self) -> None:
        """Asks for what the library holds; the bridge sends it on when the library is open."""
        self._show_policy()
        self.library_model.load()
        self.conversation_model.writer.load()
        self.conversation.focus_question()

    def show_citation(self, citation: Citation) -> None:
        """Opens a citation on its page."""
        self.page_model.show_citation(citation)

    def show_passage(self, passage: Passage) -> None:
        """Opens a passage on its page."""
        self.page_model.show_passage(passage)

    def show_document(self, document: DocumentInfo) -> None:
        """Opens a document on its first page."""
        if not document.pages:
            return
        self.page_model.show(document.id, document.name, Place(1))

    def ask_about(self, scope: Scope, document: str) -> None:
        """Lets the next questions be about a page or a region of it."""
        self.conversation_model.set_scope(scope, document)
        self.conversation.focus_question()

    def use_system_theme(self) -> None:
        """Repaints in the theme of the system's colour scheme."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            style.apply_theme(application, style.system_theme())
        refresh_icons(self)
        for card in self.conversation.cards():
            card.refresh()
        self.update()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.save("geometry", self.saveGeometry())
        self._settings.save("panels", self._splitter.saveState())
        super().closeEvent(event)
        self.closed.emit()

    def _lay_out(self) -> None:
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        for panel, least, stretch in (
            (self.library, 240, 0),
            (self.conversation, 300, 1),
            (self.pages, 320, 1),
        ):
            panel.setMinimumWidth(max(least, panel.minimumSizeHint().width()))
            self._splitter.addWidget(panel)
            self._splitter.setStretchFactor(self._splitter.count() - 1, stretch)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self._splitter, 1)
        self.setCentralWidget(centre)
        self.setTabOrder(self.library, self.conversation)
        self.setTabOrder(self.conversation, self.pages)

    def _make_menus(self) -> None:
        bar = self.menuBar()
        library = bar.addMenu("&Library")
        self._command(library, "&Add documents…", self.library.choose_files, "Ctrl+O")
        self._command(library, "Add a &folder…", self.library.choose_folder, "Ctrl+Shift+O")
        self._command(library, "&New collection…", self.library.new_collection, "Ctrl+N")
        self._command(library, "&Remove documents…", self.library.remove_selected)
        library.addSeparator()
        self._command(library, "Re&name the collection…", self.library.rename_collection)
        self._command(library, "Re&move the collection…", self.library.remove_collection)
        self._command(library, "&Followed folders…", self.library.show_followed, governed="follow")
        library.addSeparator()
        self._command(library, "&Back up the library…", self.back_up)
        self._command(library, "Chec&k the library", self.backup_model.check)
        library.addSeparator()
        self._command(library, "&Lock", self.lock_wanted.emit, "Ctrl+Shift+L")
        self._add_lock_choice(library)
        self._command(library, "&Privacy report…", self.show_privacy)
        library.addSeparator()
        self._command(library, "&Quit", self.close, "Ctrl+Q")
        go = bar.addMenu("&Go")
        self._command(go, "&Find in this collection", self.library.focus_search, "Ctrl+F")
        self._command(go, "&Ask a question", self.conversation.focus_question, "Ctrl+L")
        self._command(go, "&Documents", self.library.document_view.setFocus, "Ctrl+1")
        self._command(go, "&Page", self.pages.view.setFocus, "Ctrl+3")
        talk = bar.addMenu("&Conversation")
        panel, writer = self.conversation, self.conversation.asking.writer
        self._command(talk, "&New conversation", panel.new_conversation, "Ctrl+Shift+N")
        self._command(talk, "&Kept conversations", panel.toggle_history, "Ctrl+H")
        self._command(talk, "&Stop answering", self.conversation_model.stop, "Ctrl+.")
        talk.addSeparator()
        self._command(talk, "&Copy the last answer", panel.copy_last, "Ctrl+Shift+C")
        export = panel.export_conversation
        self._command(talk, "&Export the conversation…", export, "Ctrl+E", governed="export")
        self._command(talk, "&Rename the conversation…", panel.rename_conversation)
        self._command(talk, "Re&move the conversation…", panel.remove_conversation)
        talk.addSeparator()
        self._command(talk, "Choose a &model…", writer.choose, governed="model")
        choose_file = writer.choose_file
        self._command(talk, "Choose a model &file (GGUF)…", choose_file, governed="model")
        self._command(talk, "&Go without a model", writer.go_without)
        page = bar.addMenu("&Page")
        view = self.pages.view
        self._command(page, "&Previous page", self.pages.previous.click, "Ctrl+PgUp")
        self._command(page, "&Next page", self.pages.next.click, "Ctrl+PgDown")
        page.addSeparator()
        self._command(page, "&Ask about this page", self.pages.choose_page, "Ctrl+Shift+P")
        self._command(page, "Ask about a &region", self.pages.draw_region, "Ctrl+Shift+R")
        page.addSeparator()
        self._command(page, "Zoom &in", lambda: view.zoom_by(1), "Ctrl++", "Ctrl+=")
        self._command(page, "Zoom &out", lambda: view.zoom_by(-1), "Ctrl+-")
        self._command(page, "Fit to &width", view.fit_width, "Ctrl+0")

    def _add_lock_choice(self, library: QMenu) -> None:
        """After how long without use the library is locked."""
        menu = library.addMenu("Lock when &idle")
        group = QActionGroup(menu)
        for minutes in LOCK_MINUTES:
            action = QAction(f"After {minutes} minutes" if minutes else "Never", group)
            action.setCheckable(True)
            action.setChecked(minutes == self._settings.lock_minutes)
            action.triggered.connect(partial(self.lock_minutes_chosen.emit, minutes))
            menu.addAction(action)
            self._lock_choices[minutes] = action

    def show_privacy(self) -> None:
        """Makes the privacy report in the background process and shows it."""
        PrivacyDialog(self._bridge, self).open()

    def _show_policy(self) -> None:
        """Greys out what the computer's policy forbids."""
        try:
            reasons = policy.forbidden_actions()
            most = policy.current().idle_minutes
        except policy.PolicyError as error:
            self.show_failure(failure_of(error, "policy"))
            return
        for name, action in self._governed:
            if name in reasons:
                forbid(action, reasons[name])
        for minutes, action in self._lock_choices.items():
            if most is not None and policy.idle_minutes(minutes) != minutes:
                forbid(action, f"The policy of this computer locks after {most} minutes at most.")
        self.conversation.show_policy(reasons)

    def _command(
        self,
        menu: QMenu,
        name: str,
        run: Callable[[], object],
        *shortcuts: str,
        governed: str = "",
    ) -> None:
        action = QAction(name, self)
        action.setShortcuts([QKeySequence(keys) for keys in shortcuts])
        action.triggered.connect(lambda: run())
        menu.addAction(action)
        if governed:
            self._governed.append((governed, action))

    def _connect(self) -> None:
        self.library.document_chosen.connect(self.show_document)
        self.library.passage_chosen.connect(self.show_passage)
        self.conversation.citation_chosen.connect(self.show_citation)
        model = self.library_model
        model.collection_selected.connect(self.conversation_model.set_collection)
        model.collection_selected.connect(lambda _name: self.page_model.close_document())
        model.documents_loaded.connect(
            lambda: self.conversation.set_ready(model.documents.rowCount())
        )
        for source in (model, self.search_model, self.page_model, self.conversation_model):
            source.request_failed.connect(self.show_failure)
        self.backup_model.request_failed.connect(self.show_failure)
        self.backup_model.progressed.connect(self.banner.show_progress)
        self.backup_model.done.connect(self.banner.show_progress)
        model.document_changed.connect(self.page_model.close_document)
        model.document_changed.connect(self.conversation_model.forget_document)
        self.pages.scope_chosen.connect(self.ask_about)
        self.conversation_model.scope_changed.connect(
            lambda: self.pages.view.set_asked(self.conversation_model.scope)
        )
        self._bridge.failure_unhandled.connect(self.show_failure)
        self._bridge.background_stopped.connect(self.show_failure)
        self._bridge.background_restarted.connect(self._on_restarted)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.use_system_theme)

    def back_up(self) -> None:
        """Asks where to, and backs the library up."""
        if folder := dialogs.ask_backup_folder(self):
            self.backup_model.back_up(folder)

    def show_failure(self, failure: Failure) -> None:
        """Shows what failed across the top of the window."""
        self.banner.show_failure(failure)

    def _on_restarted(self) -> None:
        self.banner.show_recovery(
            "The background process was started again. What was saved is there; "
            "repeat what was under way."
        )
        self.page_model.retry()
        self.library_model.load()
        self.conversation_model.writer.load()

    def _restore(self) -> None:
        self.resize(1360, 860)
        geometry, panels = self._settings.load("geometry"), self._settings.load("panels")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if panels is None or not self._splitter.restoreState(panels):
            self._splitter.setSizes([270, 450, 640])
