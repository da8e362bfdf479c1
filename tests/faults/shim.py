"""Builds ``shim.c``, tells it what to do, and reads what it has recorded."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("shim.c")
_KILL, _FAIL, _RECORD = 1, 2, 3
_WHEN = {"before": 0, "after": 1, "half": 2}
_HEAD = struct.Struct("=QQqQQ")


class Operation(NamedTuple):
    """A recorded change: ``kind`` is the shim's letter, ``file`` an inode, ``at`` a place or size.

    ``w`` written, ``t`` truncated, ``f`` synced (file or folder), ``c`` created, ``r`` renamed,
    ``l`` linked, ``u`` unlinked, ``m`` folder made; ``s`` is what the program said.
    """

    kind: str
    file: int
    at: int
    data: bytes
    other: bytes


def build(folder: Path) -> Path | None:
    """The shim, compiled into ``folder``; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    built = folder / "shim.so"
    options = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, "-o", built, SOURCE, "-ldl"], check=True)
    return built


def kill(roots: Sequence[str], operation: int, when: str) -> None:
    """This process dies at that operation; never, where it is 0."""
    _arm(roots, _KILL, operation, when)


def fail(roots: Sequence[str], operation: int, when: str, span: int, error: int) -> None:
    """So many operations from there on fail with ``error``."""
    _arm(roots, _FAIL, operation, when, span, error)


def record(roots: Sequence[str], path: Path) -> None:
    """Every operation is written to ``path``."""
    _arm(roots, _RECORD, record=os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))


def count() -> int:
    """How many operations there were."""
    count = ctypes.CDLL(None).fault_count
    count.restype = ctypes.c_long
    return int(count())


def recorded(path: Path) -> Iterator[Operation]:
    """What was recorded, in order."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, file, place, length, more = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        first, second = data[at : at + length], data[at + length : at + length + more]
        at += length + more
        yield Operation(chr(kind), file, place, first, second)


def _arm(
    roots: Sequence[str],
    mode: int,
    operation: int = 0,
    when: str = "before",
    span: int = 0,
    error: int = 0,
    record: int = -1,
) -> None:
    places = "\n".join(map(os.path.realpath, roots)).encode()
    ctypes.CDLL(None).fault_arm(
        places,
        mode,
        ctypes.c_long(operation),
        _WHEN[when],
        ctypes.c_long(span),
        error,
        record,
    )
