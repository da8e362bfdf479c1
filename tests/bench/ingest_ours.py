"""Our side of the ingest benchmark: paths on standard input, an account in JSON at the end."""

from __future__ import annotations

from app.core import offline

offline.enforce()

import json  # noqa: E402 - the guard comes first
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from app.core.events import BatchFinished  # noqa: E402
from app.core.vault import KeyFile  # noqa: E402
from app.core.workspace import Workspace  # noqa: E402


def main() -> None:
    files = [Path(line) for line in sys.stdin.read().splitlines()]
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        folder = Path(name)
        key = KeyFile(folder / "key")
        with Workspace.open(folder / "library", key, create=True) as workspace:
            assert workspace.embedder
            started = time.perf_counter()
            for event in workspace.add(files, "bench"):
                if isinstance(event, BatchFinished):
                    finished = event
            seconds = time.perf_counter() - started
            documents = workspace.documents("bench")
    print(
        json.dumps(
            {
                "seconds_once_loaded": round(seconds, 2),
                "added": finished.added,
                "failed": finished.failed,
                "pages": sum(document.pages for document in documents),
                "ocr_pages": sum(document.ocr_pages for document in documents),
                "chunks": sum(document.chunks for document in documents),
            }
        )
    )


if __name__ == "__main__":
    main()
