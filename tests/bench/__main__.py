"""``make bench``: parsing, whole ingest and search, one after the other, each in a fresh process.

``python -m tests.bench [--documents FOLDER] [--chunks N]``. ``docs/benchmarks.md`` describes them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "resources" / "samples" / "documents"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--documents", type=Path, default=SAMPLES, help="a folder with PDFs")
    parser.add_argument("--chunks", type=int, default=100_000, help="chunks to search in")
    options = parser.parse_args()
    documents = str(options.documents.resolve())
    for arguments in (
        ("parsing", documents),
        ("ingest", documents),
        ("search", "--chunks", str(options.chunks)),
    ):
        module, *rest = arguments
        command = [sys.executable, "-m", f"tests.bench.{module}", *rest, "--json"]
        code = subprocess.run(command, cwd=ROOT).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
