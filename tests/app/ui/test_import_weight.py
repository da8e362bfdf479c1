"""The window's process is light: no model, no database, no PDF library, no network module."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys

from app.ui import wire
from app.ui.background import LANES
from app.ui.messages import Returned

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


def test_every_kind_that_crosses_the_pipe_is_light() -> None:
    from app.core.events import PageImageData
    from app.core.workspace import Workspace

    image = PageImageData(1, 1, 72.0, b"abc")
    assert wire.loads(pickle.dumps(Returned(1, image))) == Returned(1, image)
    for method in LANES:
        assert callable(getattr(Workspace, method)), method
    # What the methods return comes from modules that the window may load.
    names = {
        name
        for method in LANES
        for name in re.findall(
            r"[A-Z]\w+", str(getattr(Workspace, method).__annotations__["return"])
        )
    } - {"None", "Iterator", "Event"}
    for name in names:
        modules = [module for module in wire.MODULES if hasattr(sys.modules.get(module), name)]
        assert modules, name
