"""The process that atheris runs in: instruments what is fuzzed, then searches until time is up.

A finding is written to the folder of findings and the search goes on; findings that end in the
same line of the same file by the same error are kept once. libFuzzer itself ends the process on
a hang, on too much memory and on a crash, and leaves the input in the same folder.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from pathlib import Path

from tests.fuzz.target import TARGETS, load


def main(name: str, corpus: str, findings: str, options: list[str]) -> None:
    """Runs the target until libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=list(TARGETS[name][1])):
        target = load(name)
    for number, seed in enumerate(target.seeds()):
        (Path(corpus) / f"seed-{number}").write_bytes(seed)
    known: set[str] = set()

    def one(data: bytes) -> None:
        try:
            target.check(data)
        except Exception as error:  # noqa: BLE001 - what is no answer is a finding
            place = _place(error)
            if place not in known:
                known.add(place)
                file = Path(findings) / f"{name}-{hashlib.sha1(data).hexdigest()[:12]}"
                file.write_bytes(data)
                text = "".join(traceback.format_exception(error, limit=-12))
                file.with_suffix(".txt").write_text(f"{place}\n\n{text}", "utf-8", "replace")
                print(f"FINDING {place} {file}", flush=True)

    atheris.Setup([sys.argv[0], corpus, *options], one)
    atheris.Fuzz()


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    last = ours[-1]
    return f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
