"""Small widgets that every panel uses: labels that show plain text, icon buttons, empty states."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.core.plain import plain
from app.ui import icons, style
from app.ui.text import BREAK, breakable, one_line, tip


class TextLabel(QLabel):
    """A label that shows its text as plain text. ``tone``: muted, good, caution, bad or none."""

    def __init__(
        self,
        text: str = "",
        *,
        tone: str = "",
        scale: float = style.BODY,
        bold: bool = False,
        wrap: bool = True,
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setOpenExternalLinks(False)
        if scale != style.BODY or bold:
            self.setFont(style.scaled_font(scale, bold=bold))
        if tone:
            self.setProperty("tone", tone)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Shows another text; a word too long for a line is broken."""
        said = plain(text)
        super().setText(breakable(said) if self.wordWrap() else said)

    def text(self) -> str:
        """The text as it was given."""
        return super().text().replace(BREAK, "")


class ElidedLabel(QWidget):
    """One line of plain text that gives way; the whole text is its tool tip.

    It does so in the middle, as names of files should, or at ``elide``. ``tone`` names a colour
    of the theme.
    """

    def __init__(
        self,
        text: str = "",
        *,
        bold: bool = False,
        scale: float = style.BODY,
        tone: str = "text",
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        super().__init__()
        self._text = text
        self._elide = elide
        self._tone = tone
        self.setFont(style.scaled_font(scale, bold=bold))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Shows another text; line breaks become spaces."""
        self._text = one_line(text)
        self.setToolTip(tip(self._text))
        self.setAccessibleName(self._text)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """The whole text."""
        return self._text

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 6, self.fontMetrics().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(getattr(style.current_theme(), self._tone)))
        shown = self.fontMetrics().elidedText(self._text, self._elide, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


class IconLabel(QLabel):
    """An icon in one of the theme's colours, named for people who do not see it."""

    def __init__(
        self, name: str, role: str, size: int = style.ICON_SIZE, meaning: str = ""
    ) -> None:
        super().__init__()
        self._name, self._role, self._size = name, role, style.scaled(size)
        self.setAccessibleName(meaning)
        self.refresh()

    def refresh(self) -> None:
        """Paints the icon again, after a change of theme."""
        colour = getattr(style.current_theme(), self._role)
        self.setPixmap(icons.pixmap(self._name, colour, self._size, self.devicePixelRatioF()))


class IconButton(QToolButton):
    """A flat button with an icon; its name is its tool tip and accessible name.

    ``shortcut`` is only named in the tool tip; the window's menus own the shortcuts.
    """

    def __init__(
        self, icon: str, name: str, shortcut: str = "", *, role: str = "text", size: int = 18
    ) -> None:
        super().__init__()
        self._icon, self._role, self._size = icon, role, style.scaled(size)
        shown = f"{name} ({QKeySequence(shortcut).toString()})" if shortcut else name
        self.setToolTip(tip(shown))
        self.setAccessibleName(name)
        self.setIconSize(QSize(self._size, self._size))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.refresh()

    def refresh(self) -> None:
        """Paints the icon again, after a change of theme."""
        theme = style.current_theme()
        colour = getattr(theme, self._role)
        self.setIcon(icons.icon(self._icon, colour, self._size, theme.disabled))


class EmptyState(QFrame):
    """What a panel says while it has nothing to show: an icon, a line, and how to go on."""

    def __init__(self, icon: str, headline: str, explanation: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.HUGE, style.HUGE, style.HUGE, style.HUGE)
        layout.setSpacing(style.SMALL)
        layout.addStretch(2)
        picture = IconLabel(icon, "muted", 40)
        picture.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(picture)
        self._headline = TextLabel(headline, scale=style.TITLE, bold=True)
        self._explanation = TextLabel(explanation, tone="muted")
        for label in (self._headline, self._explanation):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        layout.addStretch(3)

    def set_text(self, headline: str, explanation: str) -> None:
        """Says something else."""
        self._headline.setText(headline)
        self._explanation.setText(explanation)


def refresh_icons(root: QWidget) -> None:
    """Paints all icons below ``root`` again, after a change of theme."""
    for label in root.findChildren(IconLabel):
        label.refresh()
    for button in root.findChildren(IconButton):
        button.refresh()
