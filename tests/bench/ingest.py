"""Whole ingest of a folder of PDFs, beside the pipeline that most programs have.

That one: PyMuPDF's text of the joined pages, chunks of 1,000 characters with 20 of overlap,
all-MiniLM-L6-v2 through sentence-transformers as it comes (fp32, batches of 32), rows into
LanceDB in memory; no OCR, no boxes, nothing encrypted. Ours: a new encrypted library that
answers, OCR included. Each runs in a process of its own and is timed from its start to its end,
and again without what it takes to start and load; its memory is that of all its processes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.common import MemoryWatch, parser_for, pdfs, report

ROOT = Path(__file__).resolve().parents[2]
SIDES = ("ours", "peer")


def main() -> int:
    parser = parser_for("ingest", "Whole ingest beside the usual pipeline.")
    parser.add_argument("folder", type=Path, help="a folder with PDFs")
    parser.add_argument("--files", type=int, help="only so many files, spread over all")
    parser.add_argument("--only", choices=SIDES, help="measure one side")
    options = parser.parse_args()
    files = pdfs(options.folder.resolve(), options.files)
    sides = {side: measure(side, files) for side in SIDES if options.only in (None, side)}
    result: dict[str, Any] = {"files": len(files), **sides}
    if len(sides) == 2:
        ours, peer = sides["ours"], sides["peer"]
        result["times_as_fast"] = round(peer["seconds"] / ours["seconds"], 2)
        result["times_less_processor"] = round(
            peer["processor_seconds"] / ours["processor_seconds"], 2
        )
        result["times_as_fast_once_loaded"] = round(
            peer["seconds_once_loaded"] / ours["seconds_once_loaded"], 2
        )
    report("ingest", result, options.json)
    return 0


def measure(side: str, files: list[Path]) -> dict[str, Any]:
    """Runs one side in a fresh process; the paths go in, its own account comes out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.ingest_{side}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"},
    ) as process:
        with MemoryWatch(process.pid) as memory:
            out, _ = process.communicate("\n".join(map(str, files)))
        seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{side} ended with status {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        **json.loads(out.splitlines()[-1]),
        "peak_megabytes": round(memory.peak / 1e6),
        "processes_at_peak": len(memory.peak_of),
    }


if __name__ == "__main__":
    sys.exit(main())
