"""Bombs end in text or in a clear reason, within their time and memory, and the batch goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SECONDS = 4.0
SLACK = 15.0  # a busy machine starts and ends processes late; the guest itself is held to SECONDS
SLOW = pytest.mark.slow
MODULES = (
    "zip_bombs",
    "image_bombs",
    pytest.param("markup_bombs", marks=SLOW),
    pytest.param("pdf_bombs", marks=SLOW),
)


def batch(module: str, folder: Path) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, str(HERE / "batch.py"), module, str(folder), str(SECONDS)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.timeout(400)
@pytest.mark.parametrize("module", MODULES)
def test_each_ends_in_text_or_a_clear_reason(module: str, tmp_path: Path) -> None:
    told = batch(module, tmp_path)
    assert told["ended"].pop("harmless.txt")["text"] == "Still here"
    faults = {name: end for name, end in told["ended"].items() if is_fault(end)}
    assert faults == {}
    if sys.platform == "linux":
        # The limit, and what a guest has from its server.
        assert told["largest_megabytes"] < 1024 + 300


def is_fault(end: dict[str, Any]) -> bool:
    """Text, empty pages or a reason are right; what no person can make sense of is not."""
    unclear = ("The reader gave up", "impossible answer", "crashed", "was ended")
    secrets = ("root:", "/bin/", "passwd:")
    said = f"{end['text']} {end['cause']} {end['unreadable']}"
    return (
        any(words in end["cause"] for words in unclear)
        or any(words in said for words in secrets)
        or end["seconds"] > SECONDS + SLACK
    )
