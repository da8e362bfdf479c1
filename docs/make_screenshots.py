"""Makes the pictures of the window in docs/images: the real program on the sample documents.

Adds the samples to a new library through the window, asks, clicks the citation on the page
wanted, and keeps what the window then shows. Needs no display: ``QT_QPA_PLATFORM`` is offscreen
unless it is set. Run from anywhere: ``python docs/make_screenshots.py [--dark] [--out FOLDER]``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.ui.shell import Shell

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "resources" / "samples" / "documents"
WIDTH, HEIGHT = 1360, 860
SECONDS = 240

# Picture, question, page of the citation to click.
SCENES = (
    ("window-normal", "What should the patient do after a missed dose of apixaban?", 3),
    ("window-rotated", "What was the haemoglobin on 20 August 2024?", 4),
    (
        "window-scanned",
        "Which antibiotic did the patient get during the wrist operation, and why not cefuroxime?",
        5,
    ),
)


def main() -> int:
    """Writes one picture for each scene, and the window that is still empty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        return _take(Path(folder), options.out, options.dark)


def _take(folder: Path, out: Path, dark: bool) -> int:
    from app.core import offline

    offline.enforce()
    from app.core.vault import KeyFile
    from app.ui import shell, style

    application = shell.make_application()
    theme = style.DARK if dark else style.LIGHT
    style.apply_theme(application, theme)
    suffix = "-dark" if dark else ""
    program = shell.Shell(application, folder / "library")
    window = program.window
    window.resize(WIDTH, HEIGHT)
    try:
        program.start(KeyFile(folder / "samples.key"))
        wait_until(lambda: program.bridge.is_open, "the library to open")
        add_samples(program)
        out.mkdir(parents=True, exist_ok=True)
        for name, question, page in SCENES:
            ask(program, question, page)
            save(window, out / f"{name}{suffix}.png")
    finally:
        program.bridge.close()
    return 0


def add_samples(program: Shell) -> None:
    """Adds the samples as a drop on the library panel does."""
    finished: list[str] = []
    program.window.library_model.addition_finished.connect(finished.append)
    program.window.library.add_paths([SAMPLES])
    wait_until(lambda: bool(finished), "the samples to be added")
    documents = program.window.library_model.documents
    wait_until(lambda: documents.rowCount() == len(list(SAMPLES.iterdir())), "the documents")


def ask(program: Shell, question: str, page: int) -> None:
    """Asks in the window and clicks the citation on this page."""
    window = program.window
    window.conversation.field.setPlainText(question)
    window.conversation.ask()
    card = window.conversation.cards()[-1]
    wait_until(lambda: not card.exchange.waiting, "the answer")
    rows = [row for row in card.rows() if row.citation.page == page]
    if not rows:
        raise SystemExit(f"No citation of {question!r} lies on page {page}.")
    rows[0].click()
    model = window.page_model
    wait_until(
        lambda: model.document is not None and model.document.id == rows[0].citation.document_id,
        "the document",
    )
    wait_until(lambda: model.image(page) is not None and not model.rendering, "the page")
    pause(300)


def save(window: QWidget, file: Path) -> None:
    """Writes what the window shows."""
    if not window.grab().save(str(file)):
        raise SystemExit(f"{file} cannot be written.")
    print(file)


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Lets the program run until this is true."""
    for _ in range(SECONDS * 20):
        if true():
            return
        pause(50)
    raise SystemExit(f"Waited {SECONDS} seconds for {what} in vain.")


def pause(milliseconds: int) -> None:
    """Lets the program run for a while."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
