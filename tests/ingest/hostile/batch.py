"""Reads the bombs of one module, one after the other, and a harmless file after them.

``python batch.py MODULE FOLDER SECONDS``; prints JSON: how each ended, and the largest guest.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from ingest.errors import ReadError
from ingest.guest.launch import ForkServer
from ingest.reading import FileRead, Limits, read_file


def main(module: str, folder: Path, seconds: float) -> None:
    limits = Limits(
        seconds=seconds, seconds_per_page=0.0, seconds_per_megabyte=0.0,
        memory_bytes=1 << 30, max_pages=100,
    )  # fmt: skip
    server = ForkServer()
    files = importlib.import_module(module).bombs()
    ended = {name: _read(folder / name, data, limits, server) for name, data in files.items()}
    ended["harmless.txt"] = _read(folder / "harmless.txt", b"Still here", limits, server)
    server.close()
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"ended": ended, "largest_megabytes": largest >> 10}))


def _read(path: Path, data: bytes, limits: Limits, server: ForkServer) -> dict[str, Any]:
    path.write_bytes(data)
    began = time.monotonic()
    told: dict[str, Any] = {"error": "", "cause": "", "text": "", "unreadable": ""}
    try:
        for event in read_file(path, limits=limits, launcher=server):
            if isinstance(event, FileRead):
                lines = [line.text for page in event.pages for line in page.lines]
                told["text"] = " ".join(lines)[:10_000]
                told["unreadable"] = " ".join(page.unreadable for page in event.pages)[:500]
    except ReadError as error:
        told["error"], told["cause"] = type(error).__name__, error.cause
    finally:
        path.unlink()
    return told | {"seconds": time.monotonic() - began}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
