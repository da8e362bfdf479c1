"""A policy for tests: put where no user could put it, which is only possible from within.

The program looks at one fixed place, in a file that belongs to root. Tests move the place and the
owners that are trusted, in the process itself; the real program has no way to be told so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core import policy_place
from tests.app.program import Program

_START = """
import sys
from pathlib import Path
from app.core import offline
offline.enforce()
from app.core import policy_place
policy_place.FILE = Path(sys.argv.pop(1))
policy_place.OWNERS = frozenset({int(sys.argv.pop(1))})
from app.cli import main
main()
"""


def use_policy(patch: pytest.MonkeyPatch, file: Path, text: str | None = None) -> Path:
    """Lets this process take ``file`` for the computer's policy; writes it when there is a text."""
    patch.setattr(policy_place, "FILE", file)
    patch.setattr(policy_place, "OWNERS", frozenset({os.getuid()}))
    if text is not None:
        write_policy(file, text)
    return file


def write_policy(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o755, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)


class PolicedProgram(Program):
    """Runs ``muniment`` on a computer with a policy, once `policy` was written."""

    @property
    def place(self) -> Path:
        return self.folder / "etc" / "policy.toml"

    def policy(self, text: str) -> None:
        write_policy(self.place, text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        place = [str(self.place), str(os.getuid())]
        command = [sys.executable, "-c", _START, *place, "--library", str(self.folder / "library")]
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )
