"""`make` explains itself: every target has its line, and every script it calls exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_make_alone_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    listing = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    listed = re.findall(r"^make (\w+) +\S", listing, re.MULTILINE)
    assert listed == phony[1].split()


def test_scripts_exist_and_can_be_run() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for script in re.findall(r"@(installer/\S+\.sh)", text):
        assert (ROOT / script).stat().st_mode & 0o111
    for script in re.findall(r"/python (\S+\.py)", text):
        assert (ROOT / script).is_file(), script


def test_setup_names_a_remedy_when_packages_do_not_fit_together() -> None:
    script = (ROOT / "installer" / "setup" / "setup.sh").read_text(encoding="utf-8")
    check = script.partition("-m pip check ||")[2]
    assert "rm -rf .venv && make setup" in check
