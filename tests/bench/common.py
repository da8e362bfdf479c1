"""What the benchmarks share: finding files, printing results, and the memory of processes."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.widths import KVBits


def pdfs(folder: Path, most: int | None = None) -> list[Path]:
    """The PDFs below a folder by name; with ``most``, that many spread evenly over all."""
    found = sorted(path for path in folder.rglob("*.pdf") if path.is_file())
    if not found:
        raise SystemExit(f"{folder} holds no PDF.")
    if most is None or most >= len(found):
        return found
    return [found[i * len(found) // most] for i in range(most)]


def parser_for(module: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.bench.{module}", description=description
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    return parser


def kv_bits(given: str) -> KVBits:
    """``3,3`` on a command line: bits of keys and of values; or a whole name, ``k3v3+k4v4@14``."""
    name = "k{}v{}".format(*given.split(",")) if re.fullmatch("[0-9],[0-9]", given) else given
    try:
        return KVBits.parse(name)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given!r} is neither two of 2, 3, 4 and 8, as in 3,3, nor as k3v3+k4v4@14"
        ) from None


def report(name: str, result: Mapping[str, Any], as_json: bool) -> None:
    """Prints a result for people, and as the last line for programs."""
    width = max(map(len, result))
    for key, value in result.items():
        print(f"{key:{width}}  {value}")
    if as_json:
        print(json.dumps({name: result}), flush=True)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile, in milliseconds."""
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1)}


class Watch:
    """Looks at something again and again, in a thread of its own, until the block ends."""

    def __init__(self, look: Callable[[], None], seconds: float) -> None:
        self._look, self._seconds = look, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self._look()


class MemoryWatch(Watch):
    """Notes the most memory that a process and all below it hold; ``peak`` in bytes.

    The sum of proportional set sizes, in which pages shared between processes count once. Where
    the kernel does not tell it, as of a guest to anyone but root, the resident size stands in,
    which is more.
    """

    def __init__(self, root: int, seconds: float = 0.25) -> None:
        super().__init__(self._note, seconds)
        self.peak = 0
        self.peak_of: dict[str, int] = {}
        self._root = root

    def _note(self) -> None:
        sizes = {pid: memory_of(pid) for pid in family(self._root)}
        if (total := sum(sizes.values())) > self.peak:
            self.peak = total
            self.peak_of = {name_of(pid): size for pid, size in sizes.items()}


def family(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def memory_of(pid: int) -> int:
    """The proportional set size in bytes, or the resident size; 0 when the process has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def name_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        words = ["ended"]
    return f"{pid} {words[-1][-60:]}"


def prompt_ids(length: int, vocabulary: int) -> list[int]:
    """A random prompt, always the same."""
    return random.Random(0).choices(range(1000, min(200_000, vocabulary)), k=length)


def status_bytes(*names: str) -> dict[str, int]:
    """Lines of this process's own status on Linux (VmHWM, RssAnon, …), in bytes."""
    found = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in names:
            found[name] = int(value.split()[0]) * 1024
    return found


def own_memory() -> dict[str, int]:
    """The most memory this process has held, in MB, mapped files among it."""
    return {"peak_memory_mb": status_bytes("VmHWM")["VmHWM"] // (1 << 20)}
