"""The page viewer: pages are asked for when seen, and marks are painted exactly on their boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_library import BOX, SIZES, citation, passage
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.core.events import PageImageData
from app.ui import style
from app.ui.messages import Failure, Returned
from app.ui.page_layout import PIXELS_PER_POINT
from app.ui.page_model import PageModel, Place, limited_dpi
from app.ui.page_panel import PagePanel
from app.ui.page_view import BAR, BAR_GAP
from ingest.types import Box, PageBox

if TYPE_CHECKING:
    from conftest import HandBridge


@pytest.fixture
def panel(qtbot: QtBot, bridge: HandBridge) -> PagePanel:
    panel = PagePanel(PageModel(bridge))
    qtbot.addWidget(panel)
    panel.resize(700, 600)
    panel.show()
    return panel


def answer_images(qtbot: QtBot, bridge: HandBridge, pages: set[int]) -> None:
    """Gives white images for all pages asked for, until those were."""
    given: set[int] = set()

    def give() -> bool:
        for call in bridge.asked("render_page"):
            if call.request in bridge._pending:
                dpi = float(str(call.kwargs["dpi"]))
                number = int(str(call.args[1]))
                width, height = (round(side * dpi / 72) for side in SIZES[number - 1])
                bridge._on_message(
                    Returned(
                        call.request,
                        PageImageData(width, height, dpi, b"\xff" * (3 * width * height)),
                    )
                )
                given.add(number)
        return pages <= given

    qtbot.waitUntil(give, timeout=5000)


def test_opening_asks_for_the_pages_in_view_only(
    qtbot: QtBot, bridge: HandBridge, panel: PagePanel
) -> None:
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", SIZES * 100)
    qtbot.waitUntil(lambda: bool(bridge.asked("render_page")), timeout=5000)
    pages = {call.args[1] for call in bridge.asked("render_page")}
    assert 1 in pages
    assert len(pages) <= 3
    assert panel.title.text() == "A.pdf"
    assert panel.count.text() == "of 300"


@pytest.mark.parametrize("zoom", [None, 0.5, 1.0, 2.0])
def test_mark_is_painted_on_its_box(
    qtbot: QtBot, bridge: HandBridge, panel: PagePanel, zoom: float | None
) -> None:
    panel._model.show_citation(citation())
    bridge.give("page_sizes", SIZES)
    if zoom is not None:
        panel.view.set_zoom(zoom)
        panel.view.show_place(panel._model.place)
    answer_images(qtbot, bridge, {2})
    page = panel.view.page_rect(2)
    scale = page.width() / SIZES[1][0]
    (rect,) = panel.view.mark_rects(2)
    assert rect.left() == pytest.approx(page.left() + BOX.x0 * scale)
    assert rect.top() == pytest.approx(page.top() + BOX.y0 * scale)
    assert rect.width() == pytest.approx((BOX.x1 - BOX.x0) * scale)
    image = panel.view.viewport().grab().toImage()
    yellow = QColor(style.LIGHT.highlight)
    shown = panel.view.viewport().rect()
    for x in (rect.left() + 3, rect.center().x(), rect.right() - 3):
        point = QPoint(round(x), round(rect.center().y()))
        if shown.contains(point):
            assert image.pixelColor(point) == yellow
    above = QPoint(round(rect.left() + 5), round(rect.top() - 4))
    left = QPoint(round(rect.left() - 4), round(rect.center().y()))
    for point in (above, left):
        if shown.contains(point):
            assert image.pixelColor(point) == QColor("#ffffff")
    bar = QPoint(round(rect.left() - BAR_GAP - BAR / 2), round(rect.center().y()))
    if shown.contains(bar):
        assert image.pixelColor(bar) == QColor(style.LIGHT.highlight_edge)
    assert shown.contains(QPoint(round(rect.left() + 3), round(rect.center().y())))


def test_ink_below_a_mark_stays_dark(qtbot: QtBot, bridge: HandBridge, panel: PagePanel) -> None:
    panel._model.show(1, "A.pdf", Place(1, (PageBox(1, Box(0, 0, 595, 842)),)))
    bridge.give("page_sizes", SIZES[:1])
    qtbot.waitUntil(lambda: bool(bridge.asked("render_page")), timeout=5000)
    bridge.give("render_page", PageImageData(2, 2, 72.0, b"\x00" * 12))
    image: QImage = panel.view.viewport().grab().toImage()
    centre = panel.view.viewport().rect().center()
    assert image.pixelColor(centre) == QColor("#000000")


def test_citation_scrolls_to_its_lines(bridge: HandBridge, panel: PagePanel) -> None:
    sizes = [(595.0, 842.0)] * 50
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", sizes)
    panel._model.show(1, "A.pdf", Place(40, (PageBox(40, Box(72, 700, 300, 712)),)))
    assert panel.view.page == 40
    assert panel.number.value() == 40
    (rect,) = panel.view.mark_rects(40)
    assert panel.view.viewport().rect().contains(rect.toRect())


def test_passage_marks_all_of_its_lines(bridge: HandBridge, panel: PagePanel) -> None:
    panel._model.show_passage(passage(page=3))
    bridge.give("page_sizes", SIZES)
    assert len(panel.view.mark_rects(3)) == 2
    assert panel.view.page == 3


def test_second_citation_of_the_open_document_asks_for_no_sizes(
    bridge: HandBridge, panel: PagePanel
) -> None:
    panel._model.show_citation(citation())
    bridge.give("page_sizes", SIZES)
    panel._model.show_citation(citation(2))
    assert len(bridge.asked("page_sizes")) == 1


def test_zoom_is_rendered_anew_and_old_requests_are_cancelled(
    qtbot: QtBot, bridge: HandBridge, panel: PagePanel
) -> None:
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", SIZES)
    qtbot.waitUntil(lambda: bool(bridge.asked("render_page")), timeout=5000)
    before = bridge.last("render_page").kwargs["dpi"]
    panel.view.set_zoom(3.0)
    qtbot.waitUntil(lambda: bridge.last("render_page").kwargs["dpi"] != before, timeout=5000)
    ratio = panel.devicePixelRatioF()
    assert bridge.last("render_page").kwargs["dpi"] == pytest.approx(288 * ratio, abs=1)
    assert bridge.cancelled


def test_resolution_is_limited_for_very_large_pages() -> None:
    dpi = limited_dpi((7200, 7200), 300)
    assert (7200 * dpi / 72) ** 2 == pytest.approx(12_000_000)
    assert limited_dpi((595, 842), 150) == 150


def test_page_that_fails_says_why(qtbot: QtBot, bridge: HandBridge, panel: PagePanel) -> None:
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", SIZES[:1])
    qtbot.waitUntil(lambda: bool(bridge.asked("render_page")), timeout=5000)
    bridge.fail("render_page", Failure("A.pdf", "It is damaged.", "Add it again."))
    qtbot.wait(100)
    assert panel._model.problems[1].cause == "It is damaged."
    assert len(bridge.asked("render_page")) == 1  # not asked for again and again


def test_keys_and_buttons_move(qtbot: QtBot, bridge: HandBridge, panel: PagePanel) -> None:
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", [(595.0, 842.0)] * 9)
    panel.next.click()
    assert panel.view.page == 2
    panel.number.setValue(7)
    assert panel.view.page == 7
    panel.previous.click()
    assert panel.view.page == 6
    qtbot.keyClick(panel.view, Qt.Key.Key_Home)
    assert panel.view.page == 1
    assert not panel.previous.isEnabled()
    qtbot.keyClick(panel.view, Qt.Key.Key_End)
    assert panel.view.page == 9
    panel.larger.click()
    assert not panel.fit.isChecked()
    panel.fit.click()
    assert panel.fit.isChecked()
    assert panel.view.page_rect(9).width() == pytest.approx(
        595 * panel.view.zoom * PIXELS_PER_POINT
    )


def test_closing_shows_the_empty_state(bridge: HandBridge, panel: PagePanel) -> None:
    panel._model.show(1, "A.pdf", Place(1))
    bridge.give("page_sizes", SIZES)
    panel._model.close_document(2)
    assert panel.stack.currentWidget() is panel.view
    panel._model.close_document(1)
    assert panel.stack.currentWidget() is panel.empty
