"""The first question: open a library or make one, and with which key. Tests no key itself."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.locations import check_new_library
from app.core.vault import (
    LEAST_CHARACTERS,
    KeyFile,
    KeyringKey,
    KeySource,
    NewLibrary,
    Passphrase,
    RecoveryKey,
    has_keys,
    new_recovery_key,
    protectors,
    seconds_to_wait,
)
from app.core.vault_errors import in_words
from app.ui import icons, style
from app.ui.messages import Failure
from app.ui.recovery_widgets import RecoveryField, RecoveryShown
from app.ui.widgets import TextLabel
from ingest.errors import StoreError

KINDS = {
    "passphrase": "Passphrase",
    "keyfile": "Key file",
    "keyring": "System keyring",
    "recovery": "Recovery key",
}
_FOR_NEW = ("passphrase", "keyfile", "keyring")


class UnlockDialog(QDialog):
    """Asks for folder and key; `key_given` carries them, `show_failure` takes the answer no."""

    key_given = Signal(object, object, object)  # folder, key source, False or NewLibrary

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Muniment")
        self.setMinimumWidth(style.scaled(460))
        self._folder = folder
        self._creating = False
        self._busy = False
        self._on_paper = False  # the second step of a new library: its recovery key is shown
        self._offered: list[str] = []
        self._waiting = QTimer(self)
        self._waiting.setInterval(1000)
        self._waiting.timeout.connect(self._wait_on)
        self._wait_left = 0.0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.HUGE, style.HUGE, style.HUGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addLayout(self._make_head())
        layout.addLayout(self._make_folder_row())
        layout.addLayout(self._make_kinds())
        layout.addWidget(self._make_pages())
        self.recovery = QCheckBox("Make a recovery key, for when this is lost")
        self.recovery.setChecked(True)
        layout.addWidget(self.recovery)
        self.shown = RecoveryShown()
        self.shown.confirmed.connect(self._check)
        layout.addWidget(self.shown)
        self.news = TextLabel(tone="muted")
        self.news.hide()
        layout.addWidget(self.news)
        self.problem = TextLabel(tone="bad")
        self.problem.hide()
        layout.addWidget(self.problem)
        layout.addStretch(1)
        layout.addLayout(self._make_buttons())
        self.set_folder(folder)

    @property
    def folder(self) -> Path:
        """The library folder chosen."""
        return self._folder

    @property
    def creating(self) -> bool:
        """Whether the folder holds no library yet."""
        return self._creating

    def set_folder(self, folder: Path) -> None:
        """Looks whether a library is there, and asks for what is needed."""
        self._folder = folder
        self._creating = not has_keys(folder)
        self.folder_label.setText(str(folder))
        offered = list(_FOR_NEW)
        self.shown.show_key(None)
        self._on_paper = False
        self.problem.hide()
        try:
            if self._creating:
                check_new_library(folder)
            else:
                offered = protectors(folder)
        except StoreError as error:
            self._show_problem(f"{error.cause} {error.remedy}")
        self._offered = offered
        first = next((kind for kind in KINDS if kind in offered), "passphrase")
        self.kinds[first].setChecked(True)
        self._show_kind()
        self.explanation.setText(_MAKE if self._creating else _OPEN)
        self._show_step()
        self.again.setVisible(self._creating)
        self.rule.setVisible(self._creating)
        self._wait(seconds_to_wait(folder) if "passphrase" in offered else 0.0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        fields = {
            "passphrase": self.passphrase,
            "keyfile": self.key_file,
            "recovery": self.recovery_field.line,
        }
        fields.get(self._kind(), self.accept_button).setFocus()

    def show_failure(self, failure: Failure) -> None:
        """Says why the library did not open, and lets the person try again."""
        self._on_paper = False
        self.set_busy(False)
        self._show_problem(f"{failure.cause} {failure.remedy}")
        if self._kind() == "passphrase":
            self.passphrase.selectAll()
            self.passphrase.setFocus()
            self._wait(seconds_to_wait(self._folder))

    def tell(self, text: str) -> None:
        """Says why the dialog is there, when that is not the person's own doing."""
        self.news.setText(text)
        self.news.show()
        self._fit()

    def _show_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()
        self._fit()

    def _fit(self) -> None:
        """Makes room: Qt grows a shown dialog for a new widget, but not for the lines of its text.

        Only grows; a person may have made it larger.
        """
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.setMinimumHeight(layout.totalHeightForWidth(self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def set_busy(self, busy: bool) -> None:
        """Waits for the library to open."""
        self._busy = busy
        typed = (self.passphrase, self.again, self.key_file, self.recovery_field, self.shown)
        for widget in (*typed, self.change_button):
            widget.setEnabled(not busy)
        if busy:
            self.problem.hide()
            self._check()
        else:
            self._show_step()

    def _show_step(self) -> None:
        """A new library is made in two steps if it gets a recovery key: the key, then its paper."""
        paper = self._on_paper
        self.shown.setVisible(paper)
        self.recovery.setVisible(self._creating and not paper)
        self.pages.setVisible(not paper)
        for kind, button in self.kinds.items():
            button.setVisible(not paper and kind in self._offered)
        self.headline.setText("Make a library" if self._creating else "Open your library")
        if paper:
            self.headline.setText("Your recovery key")
        self._check()
        self._fit()

    def _wait(self, seconds: float) -> None:
        """Takes no passphrase for a while: wrong ones were tried.

        Counts by itself from here on, so that a clock that is changed meanwhile keeps nobody out.
        """
        self._wait_left = seconds
        if seconds > 0:
            self._waiting.start()
        else:
            self._waiting.stop()
        self._check()

    def _wait_on(self) -> None:
        self._wait(max(0.0, self._wait_left - 1))

    def _make_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.LARGE)
        mark = QLabel()
        image: QPixmap = icons.pixmap(
            "muniment", "#000000", style.scaled(48), self.devicePixelRatioF()
        )
        mark.setPixmap(image)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(style.TIGHT)
        self.headline = TextLabel(bold=True, scale=style.HEADLINE)
        self.explanation = TextLabel(tone="muted")
        words.addWidget(self.headline)
        words.addWidget(self.explanation)
        row.addLayout(words, 1)
        return row

    def _make_folder_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.folder_label = TextLabel(tone="muted", scale=style.CAPTION)
        self.folder_label.setAccessibleName("Library folder")
        self.change_button = QPushButton("Other folder…")
        self.change_button.clicked.connect(self._choose_folder)
        self.change_button.setAutoDefault(False)
        row.addWidget(self.folder_label, 1)
        row.addWidget(self.change_button)
        return row

    def _make_kinds(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.LARGE)
        self.kinds: dict[str, QRadioButton] = {}
        group = QButtonGroup(self)
        for kind, name in KINDS.items():
            button = QRadioButton(name)
            button.toggled.connect(self._show_kind)
            group.addButton(button)
            row.addWidget(button)
            self.kinds[kind] = button
        row.addStretch(1)
        return row

    def _make_pages(self) -> QStackedWidget:
        self.pages = QStackedWidget()
        words = QWidget()
        fields = QVBoxLayout(words)
        fields.setContentsMargins(0, 0, 0, 0)
        self.passphrase = _secret_field("Passphrase")
        self.again = _secret_field("The passphrase again")
        for field in (self.passphrase, self.again):
            field.textChanged.connect(self._check)
            field.returnPressed.connect(self._accept)
            fields.addWidget(field)
        self.rule = TextLabel(
            f"At least {LEAST_CHARACTERS} characters, best several words.",
            tone="muted",
            scale=style.CAPTION,
        )
        fields.addWidget(self.rule)
        fields.addStretch(1)
        file = QWidget()
        row = QHBoxLayout(file)
        row.setContentsMargins(0, 0, 0, 0)
        self.key_file = QLineEdit()
        self.key_file.setAccessibleName("Key file")
        self.key_file.setPlaceholderText("Key file")
        self.key_file.textChanged.connect(self._check)
        browse = QPushButton("Choose…")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._choose_key_file)
        row.addWidget(self.key_file, 1, Qt.AlignmentFlag.AlignTop)
        row.addWidget(browse, 0, Qt.AlignmentFlag.AlignTop)
        self.recovery_field = RecoveryField()
        self.recovery_field.changed.connect(self._check)
        self.recovery_field.accepted.connect(self._accept)
        keyring = TextLabel("The key is kept by your system's keyring.", tone="muted")
        keyring.setAlignment(Qt.AlignmentFlag.AlignTop)
        for page in (words, file, keyring, self.recovery_field):
            self.pages.addWidget(page)
        return self.pages

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.SMALL)
        quit_button = QPushButton("Quit")
        quit_button.setAutoDefault(False)
        quit_button.clicked.connect(self.reject)
        self.accept_button = QPushButton("Open")
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        self.accept_button.clicked.connect(self._accept)
        row.addStretch(1)
        row.addWidget(quit_button)
        row.addWidget(self.accept_button)
        return row

    def _kind(self) -> str:
        return next((kind for kind, b in self.kinds.items() if b.isChecked()), "passphrase")

    def _show_kind(self) -> None:
        self.pages.setCurrentIndex(list(KINDS).index(self._kind()))
        self._check()

    def _check(self) -> None:
        kind = self._kind()
        ready = kind == "keyring" or bool(self.key_file.text().strip())
        if kind == "recovery":
            ready = self.recovery_field.ready
        if kind == "passphrase":
            text = self.passphrase.text()
            ready = bool(text)
            if self._creating:
                ready = len(text) >= LEAST_CHARACTERS and text == self.again.text()
        if self._on_paper:
            ready = self.shown.written.isChecked()
        waiting = kind == "passphrase" and self._wait_left > 0 and not self._creating
        self.accept_button.setText(
            "Opening…"
            if self._busy
            else f"Wait {in_words(self._wait_left)}"
            if waiting
            else "Make it"
            if self._creating
            else "Open"
        )
        self.accept_button.setEnabled(ready and not waiting and not self._busy)

    def _accept(self) -> None:
        if not self.accept_button.isEnabled():
            return
        key: KeySource
        match self._kind():
            case "passphrase":
                key = Passphrase(self.passphrase.text())
            case "keyfile":
                key = KeyFile(Path(self.key_file.text().strip()).expanduser())
            case "recovery":
                key = RecoveryKey(self.recovery_field.line.text())
            case _:
                key = KeyringKey()
        if self._creating and self.recovery.isChecked() and self.shown.key is None:
            self.shown.show_key(new_recovery_key())
            self._on_paper = True
            self._show_step()
            return
        self.set_busy(True)
        recovery = self.shown.key if self.recovery.isChecked() else None
        create = NewLibrary(recovery=recovery) if self._creating else False
        self.key_given.emit(self._folder, key, create)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Library folder", str(self._folder.parent))
        if name:
            self.set_folder(Path(name))

    def _choose_key_file(self) -> None:
        if self._creating:
            name, _ = QFileDialog.getSaveFileName(self, "New key file", "muniment.key")
        else:
            name, _ = QFileDialog.getOpenFileName(self, "Key file")
        if name:
            self.key_file.setText(name)


_MAKE = (
    "Your documents are kept in an encrypted library on this computer. "
    "Without its key nobody can read it, and nobody can recover it: keep the key well."
)
_OPEN = "Everything in it stays on this computer."


def _secret_field(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setPlaceholderText(name)
    field.setAccessibleName(name)
    return field
