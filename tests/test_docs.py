"""What the pages say of the command line is what the program says of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPARE = """
import runpy, sys
made = runpy.run_path("docs/make_cli.py", run_name="docs")
page = made["PAGE"].read_text(encoding="utf-8")
sys.exit(made["page"](page) != page)
"""
COMMANDS = """
import typer
from app.cli import app
print(*typer.main.get_command(app).commands)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the command line takes the network from whoever imports it."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_reference_is_up_to_date() -> None:
    result = run(COMPARE)
    assert result.returncode == 0, result.stderr or "docs/cli.md is out of date; run `make docs`"


def test_pages_name_only_commands_that_exist() -> None:
    commands = set(run(COMMANDS).stdout.split())
    for name in ("README.md", "docs/cli.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named = set(re.findall(r"^(?:## `)?muniment (\w+)", text, re.MULTILINE))
        assert named, name
        assert named <= commands, name


def test_links_and_pictures_of_the_pages_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
