"""The window's process is light: no model, no database, no PDF library, no network module."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "numpy",
    "transformers",
    "sentence_transformers",
    "lancedb",
    "pyarrow",
    "pymupdf",
    "fitz",
    "apsw",
    "onnxruntime",
    "cv2",
    "PySide6.QtNetwork",
    "PySide6.QtWebEngineCore",
)


def test_window_imports_nothing_heavy() -> None:
    code = (
        "import sys; import app.ui.main, app.ui.shell, app.ui.background\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
