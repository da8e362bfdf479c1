"""Makes the pictures of the window in docs/images: the real program on the sample documents.

Adds the samples to a new library through the window, asks, clicks the citation on the page
wanted, and keeps what the window then shows. Needs no display: ``QT_QPA_PLATFORM`` is offscreen
unless it is set. Run from anywhere: ``python docs/make_screenshots.py [--dark] [--out FOLDER]``.

No model writes the answers of ``window-written``: a stand-in says the sentences of `_said`, as a
model might, one of them wrong and one without a source on purpose, and is named as a stand-in in
the picture. All after the writing is the program's own: checking, citing, marking, keeping.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.ui.messages import Open
    from app.ui.shell import Shell

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the stand-in, which the tests have too
SAMPLES = ROOT / "resources" / "samples" / "documents"
WIDTH, HEIGHT = 1360, 860
SECONDS = 240

# Picture, question, page of the citation to click.
SCENES = (
    ("window-normal", "What should the patient do after a missed dose of apixaban?", 3),
    ("window-rotated", "What was the haemoglobin on 20 August 2024?", 4),
    ("window-scanned", "Which antibiotic was given instead of cefuroxime?", 5),
)
STAND_IN = "stand-in for a model"
WRITTEN = "Which anticoagulant was started, and what about a missed dose?"
NOT_THERE = "Did he have chest pain in 2019?"


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
            window.conversation.new_conversation()
            ask(program, question, page)
            save(window, out / f"{name}{suffix}.png")
    finally:
        program.bridge.close()
    return _take_written(folder, out / f"window-written{suffix}.png", application)


def _take_written(folder: Path, file: Path, application: Any) -> int:
    """The same library with the stand-in: an answer with its states, and a draft held back."""
    from app.core.vault import KeyFile
    from app.ui import shell
    from app.ui.bridge import Bridge

    program = shell.Shell(application, folder / "library", Bridge(target=background))
    window = program.window
    window.resize(WIDTH, HEIGHT)
    try:
        program.start(KeyFile(folder / "samples.key"))
        documents = window.library_model.documents
        wait_until(lambda: documents.rowCount() > 0, "the documents")
        wait_until(lambda: window.conversation_model.writer.in_use, "the stand-in")
        ask(program, WRITTEN, 3)
        foot = window.conversation.cards()[0].foot
        if foot is not None:
            foot.disclosure.click()
        window.conversation.field.setPlainText(NOT_THERE)
        window.conversation.ask()
        card = window.conversation.cards()[-1]
        wait_until(lambda: not card.exchange.waiting, "the answer")
        if card.withheld is None:
            raise SystemExit(f"Nothing was held back of the answer to {NOT_THERE!r}.")
        card.withheld.button.click()
        pause(300)
        window.conversation.answers.verticalScrollBar().setValue(0)
        save(window, file)
    finally:
        program.bridge.close()
    return 0


def background(connection: Connection) -> None:
    """The background process with a stand-in for the model."""
    from app.core import offline

    offline.enforce()
    from app.ui.background import serve

    serve(connection, _open_with_stand_in)


def _open_with_stand_in(order: Open) -> Any:
    from dataclasses import replace

    from app.core.workspace import Workspace
    from tests.app.core.scripted import FACTS, Scripted, put_in

    workspace = Workspace.open(order.folder, order.key)
    facts = replace(FACTS, name=STAND_IN, weights="none", kv="none", fingerprint="")
    put_in(workspace, Scripted(_said, facts=facts))
    workspace.language._for_now = Path(STAND_IN)
    return workspace


def _said(prompt: str) -> str:
    """What the stand-in says; it cites the passages in which the words stand."""

    def cited(words: str) -> str:
        for number, text in re.findall(r'<passage n="(\d+)"[^>]*>(.*?)</passage>', prompt, re.S):
            if words in " ".join(text.split()):
                return f"[{number}]"
        raise ValueError(f"No passage says {words!r}.")

    if prompt.rstrip().endswith(NOT_THERE):
        return "He was admitted with chest pain in June 2019 [1]."
    told = cited("to take it as soon as he remembers")
    return (
        f"“Apixaban 5 mg twice a day, started today” {cited('Apixaban 5 mg twice a day')}. "
        f"After a missed dose he is “to take it as soon as he remembers on the same day” {told}. "
        f"He must “never take a doubled dose” {told}. "
        f"Kidney function is checked every 3 months {cited('Kidney function and haemoglobin')}. "
        "Most people tolerate it well."
    )


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
