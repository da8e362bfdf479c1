"""An answer's text: numbers lead to their citations, sentences in doubt are marked.

The text goes into the document as plain text, piece by piece; nothing in it is ever parsed as
markup, and no link but the program's own is made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QFont,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from app.core.answers import CitationStatus, Statement
from app.core.plain import plain
from app.ui import style
from app.ui.answer_words import doubt_of, tag_of
from app.ui.text import tip

_REFERENCE = re.compile(r"\[(\d{1,4})\]")
_LINE_HEIGHT = 130.0  # percent
_LEAST_WIDTH = 120
_MARKS = {0x2028: "\n", 0x2029: "\n", 0xFFFC: " "}  # ends of lines and blocks, embedded objects


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text that looks alike.

    ``doubt`` is the colour role of the dotted line below it, or nothing. ``link`` is where a click
    leads: ``cite:3`` or ``doubt:2``. ``why`` is shown beside the pointer.
    """

    text: str
    doubt: str = ""
    link: str = ""
    why: str = ""
    tag: bool = False


def runs_of(
    text: str, numbers: Collection[int] = (), statements: Sequence[Statement] = ()
) -> list[Run]:
    """The answer in pieces: ``[n]`` of known citations as links, a tag after what is in doubt.

    ``statements`` are places in ``text``; what stands between them is taken as it is.
    """
    begun, ended = len(text) - len(text.lstrip()), len(text.rstrip())
    runs: list[Run] = []
    at = begun
    for number, statement in enumerate(statements):
        start, end = max(statement.start, at), min(statement.end, ended)
        words = text[start:end]
        end = start + len(words.rstrip())
        tag = tag_of(statement)
        if not tag or end <= start:
            continue
        runs += _linked(text[at:start], numbers)
        role = "bad" if statement.status is CitationStatus.UNVERIFIED else "caution"
        why = doubt_of(statement)
        runs += _linked(text[start:end], numbers, role, why)
        runs.append(Run(" "))
        words = f" {tag} ".replace(" ", "\u00a0")
        runs.append(Run(words, role, f"doubt:{number}", why, tag=True))
        at = end
    return [*runs, *_linked(text[at:ended], numbers)]


def _linked(text: str, numbers: Collection[int], doubt: str = "", why: str = "") -> Iterator[Run]:
    at = 0
    for match in _REFERENCE.finditer(text):
        if int(match[1]) not in numbers:
            continue
        if match.start() > at:
            yield Run(text[at : match.start()], doubt, why=why)
        yield Run(match[0], "", f"cite:{int(match[1])}")
        at = match.end()
    if at < len(text):
        yield Run(text[at:], doubt, why=why)


class AnswerText(QTextBrowser):
    """Shows runs, as high as they need; what has not changed stays as it is while more comes."""

    link_chosen = Signal(str)
    link_hovered = Signal(str)

    def __init__(self, name: str = "Answer", scale: float = style.BODY) -> None:
        super().__init__()
        self.setObjectName("answer")
        self.setAccessibleName(name)
        self._line_height = _LINE_HEIGHT if scale == style.BODY else 100.0
        if scale != style.BODY:
            self.setFont(style.scaled_font(scale))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDefaultTextOption(option)
        self.anchorClicked.connect(lambda url: self.link_chosen.emit(url.toString()))
        self.highlighted.connect(lambda url: self.link_hovered.emit(url.toString()))
        self._runs: list[Run] = []
        self._ends: list[int] = []  # where each run ends in the document
        self._theme = ""
        self._fit()

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Shows these; only from the first that differs on is anything drawn anew."""
        theme = style.current_theme().name
        same = 0 if theme != self._theme else _alike(self._runs, runs)
        self._theme = theme
        if same == len(self._runs) == len(runs):
            return
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        cursor.setPosition(self._ends[same - 1] if same else 0)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        block = QTextBlockFormat()
        block.setLineHeight(
            self._line_height, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
        )
        cursor.setBlockFormat(block)
        del self._ends[same:]
        for run in runs[same:]:
            cursor.insertText(_shown(run.text), _format(run))
            self._ends.append(cursor.position())
        cursor.endEditBlock()
        self._runs = list(runs)
        doubts = [f"“{_before(runs, n)}”: {run.why}" for n, run in enumerate(runs) if run.tag]
        self.setAccessibleDescription(" ".join(doubts))
        self._fit()

    def text(self) -> str:
        """What is shown, as plain text."""
        return "".join(_shown(run.text).replace("\u00a0", " ") for run in self._runs)

    def runs(self) -> list[Run]:
        """What is shown, in pieces."""
        return list(self._runs)

    def place_of_link(self) -> QPoint:
        """Where the pointer is, or else the link that the keyboard is at, on the screen."""
        if self.underMouse():
            return QCursor.pos()
        return self.viewport().mapToGlobal(self.cursorRect().bottomLeft())

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Nothing is ever loaded for a text."""
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copies plain text: the program's own links mean nothing elsewhere."""
        data = QMimeData()
        data.setText(self.textCursor().selection().toPlainText())
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the conversation scrolls

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, self.height())

    def _fit(self) -> None:
        self.document().setTextWidth(max(self.viewport().width(), _LEAST_WIDTH))
        height = round(self.document().size().height() + 0.5)
        if height != self.height():
            self.setFixedHeight(height)


def _shown(text: str) -> str:
    """The text without what steers, and without what Qt takes for its own marks."""
    return plain(text).translate(_MARKS)


def _alike(old: Sequence[Run], new: Sequence[Run]) -> int:
    """With how many runs both begin."""
    same = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        same += 1
    return same


def _format(run: Run) -> QTextCharFormat:
    theme = style.current_theme()
    shape = QTextCharFormat()
    shape.setForeground(QColor(theme.text))
    if run.why:
        shape.setToolTip(tip(run.why))
    if run.link:
        shape.setAnchor(True)
        shape.setAnchorHref(run.link)
        shape.setForeground(QColor(theme.accent))
        shape.setFontWeight(QFont.Weight.DemiBold)
    if run.tag:
        font = style.scaled_font(style.CAPTION, bold=True)
        shape.setFont(font, QTextCharFormat.FontPropertiesInheritanceBehavior.FontPropertiesAll)
        shape.setForeground(QColor(getattr(theme, run.doubt)))
        shape.setBackground(QColor(getattr(theme, f"{run.doubt}_soft")))
    elif run.doubt:
        shape.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        shape.setUnderlineColor(QColor(getattr(theme, run.doubt)))
    return shape


def _before(runs: Sequence[Run], tag: int) -> str:
    """The sentence that a tag belongs to."""
    words: list[str] = []
    for run in reversed(runs[: tag - 1]):
        if run.tag or (run.text and not run.doubt and not run.link.startswith("cite:")):
            break
        words.append(_shown(run.text))
    return "".join(reversed(words)).strip()
