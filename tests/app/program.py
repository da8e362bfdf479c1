"""Runs the real command line in processes of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Program:
    """Runs ``muniment`` on a library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "MUNIMENT_KEY_FILE": str(folder / "key")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", "--library", str(self.folder / "library")]
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """In a session of its own, which `os.killpg` can interrupt as a terminal does."""
        begin = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from app.cli import main; main()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", begin, "--library", str(self.folder / "library"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
