"""``python -m tests.fuzz NAME --seconds N``: one target, or ``all`` of them in turn.

Prints what each ran and found; ends with 1 if there are findings. Inputs that reached something
new are kept in ``build/fuzz/corpus`` and begin the next run; findings lie in
``build/fuzz/findings``. ``--replay FILE`` runs a single input, and needs no atheris.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.target import TARGETS, load

ROOT = Path(__file__).resolve().parents[2]
_STAT = re.compile(r"^stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s", re.M)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("name", choices=(*TARGETS, "all"))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--replay", type=Path, help="run this input alone")
    options = parser.parse_args()
    names = tuple(TARGETS) if options.name == "all" else (options.name,)
    if options.replay is not None:
        for name in names:
            load(name).check(options.replay.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed. Install it with: pip install -e '.[fuzz]'")
        return 2
    return max([_run(name, options.seconds, options.folder) for name in names])


def _run(name: str, seconds: int, folder: Path) -> int:
    corpus, findings = folder / "corpus" / name, folder / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "tests.fuzz.child", name, str(corpus), str(findings),
        f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-max_len=20000",
        "-print_final_stats=1", f"-artifact_prefix={findings}/{name}-",
    ]  # fmt: skip
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    counts = [int(a or b) for a, b in _STAT.findall(ran.stdout)]
    found = [line for line in ran.stdout.splitlines() if line.startswith("FINDING")]
    print(f"{name}: {max(counts, default=0):,} executions, {len(found)} findings", flush=True)
    for line in found:
        print(f"  {line}", flush=True)
    if ran.returncode:
        print(f"  ended with {ran.returncode}: the last lines are", flush=True)
        print("    " + "\n    ".join(ran.stdout.splitlines()[-25:]), flush=True)
    return 1 if found or ran.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
