"""The window leaves nothing behind that tells of a document: not even the folder it came from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHOOSE = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog
{before}
dialog = QFileDialog(None, "Add documents", sys.argv[1])
dialog.selectFile(sys.argv[1] + "/planted-record.pdf")
QTimer.singleShot(0, dialog.accept)
assert dialog.exec() and dialog.selectedFiles()
del dialog
{after}
"""
OURS = CHOOSE.format(
    before="""
from app.ui.settings import Settings, settings_file
from app.ui.shell import make_application
application = make_application()
""",
    after="""
from PySide6.QtCore import QByteArray
Settings(settings_file()).save("geometry", QByteArray(b"wide"))
""",
)
BARE = CHOOSE.format(
    before="from PySide6.QtWidgets import QApplication\napplication = QApplication([])", after=""
)


def written(program: str, folder: Path, home: Path) -> dict[str, bytes]:
    """What lies in a person's home after a file was chosen from a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "planted-record.pdf").touch()
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=dict(os.environ))
    files = [path for path in home.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in files}


def test_no_folder_that_was_chosen_from_is_written_down(tmp_path: Path, own_folders: Path) -> None:
    left = written(OURS, tmp_path / "planted-folder", own_folders)
    assert b"wide" in left.pop("window.ini")
    assert b"planted" not in b"\n".join([*left.values(), *map(str.encode, left)])


def test_qt_would_write_it_down(tmp_path: Path, own_folders: Path) -> None:
    """The control."""
    left = written(BARE, tmp_path / "planted-folder", own_folders)
    assert b"planted-folder" in left["QtProject.conf"]
