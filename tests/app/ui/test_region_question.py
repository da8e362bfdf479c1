"""Asking about a page or region in the window: drawing, the chip, and leaving off again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_library import SIZES, answered
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from app.core.answers import Scope
from app.ui import style
from app.ui.main_window import MainWindow
from app.ui.page_model import Place
from app.ui.settings import Settings
from ingest.types import Box

if TYPE_CHECKING:
    from conftest import HandBridge


@pytest.fixture
def window(qtbot: QtBot, bridge: HandBridge, settings: Settings) -> MainWindow:
    window = MainWindow(bridge, settings)
    qtbot.addWidget(window)
    window.show()
    window.conversation_model.set_collection("Patients")
    window.page_model.show(1, "Letter.pdf", Place(1))
    bridge.give("page_sizes", SIZES)
    return window


def drag(qtbot: QtBot, window: MainWindow, box: Box, page: int = 1) -> None:
    """Draws a box, given in points, with the mouse."""
    viewport = window.pages.view.viewport()
    rect = window.pages.view.region_rect(page, box)
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=rect.topLeft().toPoint())
    qtbot.mouseMove(viewport, rect.center().toPoint())
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=rect.bottomRight().toPoint())


def test_a_rectangle_is_drawn_asked_about_and_taken_away(
    qtbot: QtBot, bridge: HandBridge, window: MainWindow
) -> None:
    box = Box(100.0, 120.0, 300.0, 260.0)
    chip, field = window.conversation.chip, window.conversation.field
    assert not chip.isVisible()
    window.pages.ask_region.click()
    assert window.pages.help.isVisible()
    drag(qtbot, window, box)
    assert not window.pages.view.selector.active and not window.pages.help.isVisible()
    assert chip.isVisible() and chip.words.text() == "Region of page 1 of Letter.pdf"
    scope = window.conversation_model.scope
    assert scope is not None and scope.region is not None
    assert scope.region == pytest.approx(box, abs=1.5)
    assert field.placeholderText() == "Ask about this region"
    # The region's outline stays on the page while it is asked about.
    rect = window.pages.view.region_rect(1, scope.region)
    shown = window.pages.view.viewport().grab().toImage()
    edge = shown.pixelColor(QPoint(round(rect.center().x()), round(rect.top())))
    assert edge == QColor(style.LIGHT.accent)
    qtbot.keyClicks(field, "What is this?")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    call = bridge.last("ask")
    assert call.args == ("What is this?", "Patients") and call.kwargs == {"scope": scope}
    answer = answered()
    bridge.stream("ask", replace(answer, scope=scope))
    card = window.conversation.cards()[-1]
    assert card.notes()[0] == "Searched a region of page 1 only."
    assert chip.isVisible()  # the next question may be about the same place
    chip.close_button.click()
    assert not chip.isVisible() and window.conversation_model.scope is None
    qtbot.keyClicks(field, "And now?")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert bridge.last("ask").kwargs == {}


def test_everything_can_be_done_by_keys(
    qtbot: QtBot, bridge: HandBridge, window: MainWindow
) -> None:
    view, field = window.pages.view, window.conversation.field
    window.pages.draw_region()
    assert view.hasFocus()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    marked = view.selector.marked
    assert marked is not None and marked.page == 1
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    moved = view.selector.marked
    assert moved is not None
    assert moved.box.y0 == pytest.approx(marked.box.y0 + 12)
    assert moved.box.x0 == marked.box.x0
    assert moved.box.x1 == pytest.approx(marked.box.x1 + 12)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    scope = window.conversation_model.scope
    assert scope is not None and scope.region == moved.box
    assert field.hasFocus()
    qtbot.keyClick(field, Qt.Key.Key_Backspace)
    assert window.conversation_model.scope is None
    window.pages.draw_region()
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert not view.selector.active
    assert not bridge.asked("ask")


def test_this_page(qtbot: QtBot, bridge: HandBridge, window: MainWindow) -> None:
    window.pages.view.go_to(3)
    window.pages.ask_page.click()
    assert window.conversation_model.scope == Scope(1, 3)
    assert window.conversation.chip.words.text() == "Page 3 of Letter.pdf"
    assert "Page 3 of Letter.pdf" in window.conversation.chip.close_button.accessibleName()
    qtbot.keyClicks(window.conversation.field, "Who?")
    qtbot.keyClick(window.conversation.field, Qt.Key.Key_Return)
    assert bridge.last("ask").kwargs == {"scope": Scope(1, 3)}


def test_a_click_is_no_region_and_a_drag_ends_at_the_page(qtbot: QtBot, window: MainWindow) -> None:
    selector = window.pages.view.selector
    window.pages.draw_region()
    drag(qtbot, window, Box(100, 100, 102, 101))
    assert selector.active and window.conversation_model.scope is None
    start = window.pages.view.region_rect(1, Box(500, 700, 500, 700)).topLeft()
    selector.press(start)
    selector.move(start + QPointF(4_000, 4_000))
    assert selector.marked is not None and selector.marked.page == 1
    assert selector.marked.box == pytest.approx(Box(500, 700, 595, 842), abs=1)
    selector.release(start - QPointF(9_000, 9_000))
    scope = window.conversation_model.scope
    assert scope is not None and scope.region == pytest.approx(Box(0, 0, 500, 700), abs=1)


def test_what_is_gone_is_not_asked_about(window: MainWindow) -> None:
    window.pages.ask_page.click()
    window.conversation_model.forget_document(2)
    assert window.conversation_model.scope is not None
    window.conversation_model.forget_document(1)
    assert window.conversation_model.scope is None
    window.pages.ask_page.click()
    window.conversation_model.set_collection("Contracts")
    assert window.conversation_model.scope is None and not window.conversation.chip.isVisible()
    window.page_model.close_document()
    window.pages.choose_page()
    window.pages.draw_region()
    assert window.conversation_model.scope is None and not window.pages.view.selector.active
