"""A policy for tests: put where no user could put it, which is only possible from within.

The program looks at one fixed place, in a file that belongs to root. Tests move the place and the
owners that are trusted, in the process itself; the real program has no way to be told so.

`PolicedProgram` runs the real ``app.cli.main`` in forked copies of one process that has loaded
it already, so that a command costs a fork instead of seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import pytest

from app.core import policy_place
from tests.app.program import Program


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

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server: subprocess.Popen[str] | None = None

    @property
    def place(self) -> Path:
        return self.folder / "etc" / "policy.toml"

    def policy(self, text: str) -> None:
        write_policy(self.place, text)

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.app.policed", str(self.place), str(os.getuid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._server.stdin is not None and self._server.stdout is not None
        command = ["--library", str(self.folder / "library"), *arguments]
        order = {"arguments": command, "environment": self.environment}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        code, out, err = json.loads(self._server.stdout.readline())
        return subprocess.CompletedProcess(command, code, out, err)


def serve(place: str, owner: str) -> None:
    from app.core import offline

    offline.enforce()
    import app.core.workspace  # noqa: F401 - loaded once for all
    from app.cli import main

    policy_place.FILE = Path(place)
    policy_place.OWNERS = frozenset({int(owner)})
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _run(main, order, out, err)
            _, status = os.waitpid(child, 0)
            told = [os.waitstatus_to_exitcode(status), *map(_content, (out, err))]
        print(json.dumps(told), flush=True)


def _run(main: Any, order: dict[str, Any], out: IO[bytes], err: IO[bytes]) -> None:
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, standard in ((nothing, 0), (out.fileno(), 1), (err.fileno(), 2)):
            os.dup2(descriptor, standard)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["muniment", *order["arguments"]]
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    serve(*sys.argv[1:])
