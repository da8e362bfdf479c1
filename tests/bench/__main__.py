"""``make bench``: parsing, whole ingest, and search, each beside the part alone.

``python -m tests.bench [parsing|ingest|search …] [--documents FOLDER] [--chunks N]``. Without
names all three run. One line of JSON for each; ratios are measured in one run, so that they
hold on a busy machine too.
"""

from __future__ import annotations

from app.core import offline

offline.enforce()

import argparse  # noqa: E402 - the guard comes first
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples" / "documents"
NAMES = ("parsing", "ingest", "search")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--documents", type=Path, default=SAMPLES, help="a folder with PDFs")
    parser.add_argument("--chunks", type=int, default=100_000, help="chunks to search in")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name in options.names or NAMES:
        print(json.dumps({name: measure(name, options.documents, options.chunks)}), flush=True)
    return 0


def measure(name: str, documents: Path, chunks: int) -> dict[str, float]:
    files = sorted(documents.rglob("*.pdf"))
    if name == "search":
        from tests.bench.searching import measure_search

        return measure_search(chunks)
    if not files:
        raise SystemExit(f"{documents} holds no PDF.")
    if name == "parsing":
        from tests.bench.parsing import measure_parsing

        return measure_parsing(files)
    from tests.bench.ingesting import measure_ingest

    return measure_ingest(files)


if __name__ == "__main__":
    sys.exit(main())
