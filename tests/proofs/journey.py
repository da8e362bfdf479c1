"""What a person does with the program from start to quit: ``python -m tests.proofs.journey``.

On the command line each step is a process of its own; in the window it is the real window with
its real background process, led by a script. With ``--control`` the guard is taken off and a
library is let phone home, so that whoever watches can show that it would have been seen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.proofs import materials

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "seven grey herons wade"
SECONDS = 300

# Takes the guard off, sends a library's own telemetry, and leaves a file where none belongs.
CONTROL = """
import os, pathlib, sys
from app.core import offline
offline.enforce = lambda: offline.OfflineState(False, False, "taken off for a control")
os.environ["HF_HUB_DISABLE_TELEMETRY"] = os.environ["HF_HUB_OFFLINE"] = "0"
from huggingface_hub.utils import _telemetry
_telemetry._send_telemetry_in_thread("control", library_name="control", library_version="1")
import socket
try:
    socket.create_connection(("192.0.2.1", 443), timeout=1)
except OSError:
    pass
stray = pathlib.Path.home() / ".stray" / "control.txt"
stray.parent.mkdir(parents=True, exist_ok=True)
stray.write_text("x")
"""
_CLI = "from app.cli import main; main()"
_WINDOW = "from tests.proofs.journey import lead; lead()"


def main() -> int:
    """Walks one way; the exit code says whether it was walked to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["command-line", "window"])
    parser.add_argument("folder", type=Path, help="made by `tests.proofs.materials`; see `places`")
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    begin = CONTROL if options.control else ""
    environment = places(options.folder)
    if options.way == "window":
        command = [sys.executable, "-c", begin + _WINDOW]
        return subprocess.run(
            command, env=environment, cwd=options.folder / "elsewhere", timeout=SECONDS * 2
        ).returncode
    for words, wanted in steps(options.folder):
        done = subprocess.run(
            [sys.executable, "-c", begin + _CLI, *words],
            env=environment,
            cwd=options.folder / "elsewhere",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        print(f"muniment {' '.join(words)}: {done.returncode}", flush=True)
        if done.returncode not in wanted:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return 1
    return 0


def steps(folder: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """The commands, and the exit codes that each may have."""
    read, model = folder / "read", str(folder / "read" / "model")
    yield ["--version"], (0,)
    yield ["add", str(read / "lease.pdf"), str(read / "scan.png"), "-c", "Leases"], (0,)
    yield ["add", str(read / "hostile.pdf"), str(read / "bomb.docx"), "-c", "Leases"], (3,)
    yield ["list", "-c", "Leases"], (0,)
    yield ["search", "Larkspur depot", "-c", "Leases"], (0,)
    yield ["ask", materials.QUESTION, "-c", "Leases"], (0,)
    yield ["models", "use", model], (0,)
    whole = ["--mode", "whole", "--document", "lease.pdf"]
    yield ["ask", materials.QUESTION, "-c", "Leases", *whole], (0,)
    yield ["models", "use"], (0,)
    yield ["conversations"], (0,)
    for ending in ("docx", "pdf", "md"):
        yield ["export", "--conversation", "1", str(folder / "out" / f"a.{ending}")], (0,)
    yield ["show", "lease.pdf", "--page", "1", "--png", str(folder / "out" / "p.png")], (0,)
    yield ["remove", "scan.png", "-c", "Leases"], (0,)


def places(folder: Path) -> dict[str, str]:
    """The environment of a person for whom every folder is new; makes those folders."""
    for name in ("home", "tmp", "out", "run", "elsewhere"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    kept = ("PATH", "LANG", "DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORM", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "MUNIMENT_LIBRARY": str(folder / "library"),
        "MUNIMENT_PASSPHRASE": PASSPHRASE,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def lead() -> None:
    """Leads the window: makes the library, adds, asks, chooses a model, exports, and quits."""
    from PySide6.QtCore import QTimer

    from app.ui import main as window_main
    from app.ui import shell

    folder = Path(os.environ["MUNIMENT_LIBRARY"]).parent
    os.environ.pop("MUNIMENT_PASSPHRASE")  # the dialog asks
    made: list[shell.Shell] = []
    failed: list[str] = []
    real = shell.Shell.run

    def run(self: shell.Shell, key: object) -> int:
        made.append(self)
        QTimer.singleShot(0, walk)
        return real(self, key)  # type: ignore[arg-type]

    def walk() -> None:
        try:
            _walk(made[0], folder)
        except BaseException as error:  # noqa: BLE001 - the window must end either way
            failed.append(repr(error))
            made[0]._application.exit(1)

    shell.Shell.run = run  # type: ignore[method-assign]
    code = window_main.main(["muniment"])
    print(f"window: {failed or code}", flush=True)
    sys.exit(1 if failed else code)


def _walk(program: object, folder: Path) -> None:
    from app.ui.shell import Shell

    assert isinstance(program, Shell)
    window, read = program.window, folder / "read"
    _until(lambda: program.dialog is not None, "the dialog")
    dialog = program.dialog
    assert dialog is not None
    for field in (dialog.passphrase, dialog.again):
        field.setText(PASSPHRASE)
    dialog.accept_button.click()
    dialog.shown.written.setChecked(True)  # the recovery key
    dialog.accept_button.click()
    _until(lambda: program.bridge.is_open, "the library")
    finished: list[object] = []
    window.library_model.addition_finished.connect(finished.append)
    window.library.add_paths([read / "lease.pdf", read / "scan.png", read / "hostile.pdf"])
    _until(lambda: bool(finished), "the files")
    _until(lambda: window.library_model.documents.rowCount() == 3, "the documents")
    _ask(window)
    writer = window.conversation_model.writer
    writer.use(read / "model")
    _until(lambda: writer.in_use and not writer.doing, "the model")
    _ask(window)
    card = window.conversation.cards()[0]
    card.rows()[0].click()
    _until(lambda: window.page_model.image(1) is not None, "the page")
    told: list[str] = []
    window.conversation_model.kept.exported.connect(told.append)
    window.conversation_model.kept.export_conversation(
        window.conversation_model.conversation, folder / "out" / "a.docx"
    )
    _until(lambda: bool(told), "the export")
    window.close()


def _ask(window: object) -> None:
    from app.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    window.conversation.field.setPlainText(materials.QUESTION)
    window.conversation.ask()
    card = window.conversation.cards()[-1]
    _until(lambda: not card.exchange.waiting, "the answer")


def _until(true: Callable[[], bool], what: str) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    for _ in range(SECONDS * 20):
        if true():
            return
        loop = QEventLoop()
        QTimer.singleShot(50, loop.quit)
        loop.exec()
    raise TimeoutError(f"Waited {SECONDS} seconds for {what} in vain.")


if __name__ == "__main__":
    sys.exit(main())
