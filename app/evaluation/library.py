"""A throw-away library for an evaluation: encrypted like any other, gone afterwards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from app.core.events import BatchFinished, FileFailed
from app.core.vault import KeyFile
from app.core.workspace import Workspace

COLLECTION = "evaluation"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file, whose strings may hold line separators of Unicode."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


@contextmanager
def ingested(paths: Sequence[Path], console: Console) -> Iterator[Workspace]:
    """A workspace whose one collection holds the files; failures are printed."""
    with tempfile.TemporaryDirectory(prefix="muniment-eval-") as name:
        folder = Path(name)
        with Workspace.open(folder, KeyFile(folder / "key"), create=True) as workspace:
            for event in workspace.add(paths, COLLECTION):
                if isinstance(event, FileFailed):
                    console.print(f"{event.path}: {event.cause}", markup=False)
                elif isinstance(event, BatchFinished):
                    console.print(f"{event.added} of {len(paths)} files ingested")
            yield workspace
