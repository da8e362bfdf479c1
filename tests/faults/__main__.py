"""``python -m tests.faults``: many kills, full disks and power cuts, as long as it takes.

Operations: ingest, replace, delete, rekey, backup, restore, create. Prints what was tried and
what failed; exit code 1 when anything did. Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import campaign
import shim
from scene import OPERATIONS, Interrupted, made_scene

_ALL = tuple(OPERATIONS)
_ONCE_MORE = 8


def main() -> int:
    """Runs what the arguments ask for."""
    arguments = _parsed()
    seed = arguments.seed or random.SystemRandom().getrandbits(32)
    with tempfile.TemporaryDirectory(prefix="muniment-faults-") as name:
        folder = Path(name)
        preload = shim.build(folder)
        if preload is None:
            print("There is no C compiler for the shim.", file=sys.stderr)
            return 1
        with made_scene(folder, preload) as scene:
            results = [
                _tried(OPERATIONS[operation](scene), kind, getattr(arguments, kind), seed)
                for kind in ("kills", "full", "cuts")
                for operation in arguments.operations
                if getattr(arguments, kind)
            ]
    failed = sum(len(result["failures"]) for result in results)
    if arguments.json:
        print(json.dumps({"seed": seed, "results": results, "failed": failed}))
    else:
        for result in results:
            print(
                f"{result['kind']:6} {result['operation']:8} {result['tried']:5} tried at "
                f"{result['points']} points, {result['interrupted']} interrupted, "
                f"{len(result['failures'])} failed, {result['seconds']} s"
            )
            for failure in result["failures"]:
                print(failure, file=sys.stderr)
    return 1 if failed else 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs of each operation")
    parser.add_argument("--full", type=int, default=0, help="full disks of each operation")
    parser.add_argument("--cuts", type=int, default=0, help="power cuts of each operation")
    parser.add_argument("--operations", nargs="+", choices=_ALL, default=_ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _tried(operation: Interrupted, kind: str, number: int, seed: int) -> dict[str, Any]:
    chance = random.Random(f"{operation.name} {kind} {seed}")
    began = time.monotonic()
    points = campaign.operations_of(operation)
    failures: list[str] = []
    tried = interrupted = 0
    for outcome in _trials(operation, kind, number, points, chance):
        tried += 1
        if isinstance(outcome, Exception):
            failures.append("".join(traceback.format_exception(outcome)))
        else:
            interrupted += outcome
    print(f"{kind} {operation.name}: {tried} tried, {len(failures)} failed", file=sys.stderr)
    return {
        "kind": kind,
        "operation": operation.name,
        "points": points,
        "tried": tried,
        "interrupted": interrupted,
        "failures": failures,
        "seconds": round(time.monotonic() - began),
    }


def _trials(
    operation: Interrupted, kind: str, number: int, points: int, chance: random.Random
) -> Iterator[Exception | bool]:
    if kind == "cuts":
        # The program is run anew now and then, so that the runs differ as well.
        for run in range(min(_ONCE_MORE, number)):
            share = number // _ONCE_MORE + (run < number % _ONCE_MORE)
            yield from _cuts(operation, share, chance)
        return
    trial = campaign.kill if kind == "kills" else campaign.fill_disk
    for _ in range(number):
        try:
            done = trial(operation, points, chance)
            yield bool(done.get("killed") or done.get("refused"))
        except (AssertionError, OSError, ValueError, LookupError) as error:
            yield error
        except Exception as error:  # noqa: BLE001 - told as a failure of the trial
            yield error


def _cuts(operation: Interrupted, cuts: int, chance: random.Random) -> Iterator[Exception | bool]:
    left = cuts
    while left:
        try:
            for _ in campaign.cut_power(operation, left, chance):
                left -= 1
                yield True
        except Exception as error:  # noqa: BLE001 - told as a failure of the trial
            left -= 1
            yield error


if __name__ == "__main__":
    sys.exit(main())
