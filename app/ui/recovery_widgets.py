"""The recovery key in the unlock dialog: shown once when a library is made, typed to open one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from app.core import recovery_code
from app.core.vault import RecoveryKey
from app.ui import style
from app.ui.widgets import TextLabel

_SAY_WRITE = (
    "Write this recovery key on paper and keep it away from this computer. It opens the library "
    "when the passphrase or key file is lost, and is shown only now. Whoever has it and the "
    "library's files can read everything."
)


class RecoveryShown(QWidget):
    """A new recovery key, and the person's word that it was written down."""

    confirmed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._key: RecoveryKey | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(TextLabel(_SAY_WRITE, tone="muted"))
        self.words = TextLabel(scale=style.HEADLINE, wrap=False)
        self.words.setAccessibleName("Recovery key")
        font = self.words.font()
        font.setFamilies(["DejaVu Sans Mono", "Consolas", "Menlo", "monospace"])
        self.words.setFont(font)
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        layout.addWidget(self.words)
        self.written = QCheckBox("I have written it down")
        self.written.toggled.connect(self.confirmed)
        layout.addWidget(self.written)

    @property
    def key(self) -> RecoveryKey | None:
        """The key shown; None before."""
        return self._key

    def show_key(self, key: RecoveryKey | None) -> None:
        """Shows a key, four groups a line; None forgets it."""
        self._key = key
        groups = key.text.split("-") if key else []
        lines = ["-".join(groups[at : at + 4]) for at in range(0, len(groups), 4)]
        self.words.setText("\n".join(lines))
        self.written.setChecked(False)


class RecoveryField(QWidget):
    """Where the recovery key is typed; says which groups are wrong as soon as it is whole."""

    changed = Signal()
    accepted = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.line = QLineEdit()
        self.line.setAccessibleName("Recovery key")
        self.line.setPlaceholderText("Recovery key, beginning with MR")
        self.hint = TextLabel(tone="muted", scale=style.CAPTION)
        layout.addWidget(self.line)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        self.line.textChanged.connect(self._look)
        self.line.returnPressed.connect(self.accepted)
        self._look()

    @property
    def ready(self) -> bool:
        """Whether a recovery key stands there, of whichever library."""
        return recovery_code.looks_like_one(self.line.text())

    def _look(self) -> None:
        text = self.line.text()
        said = "Capitals, spaces and hyphens do not matter."
        if text.strip():
            try:
                recovery_code.decode(text)
                said = "The recovery key is complete."
            except recovery_code.NoRecoveryKey as error:
                said = str(error)
        self.hint.setText(said)
        self.changed.emit()
