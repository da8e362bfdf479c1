"""A full disk and a read-only one: real file systems of a few megabytes.

They are mounted in a mount namespace of their own, so that nothing of them is left whatever
happens. Where the system lets this user make none, the tests say so and are skipped, and a limit
on the size of files stands in for the full disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_library import COLLECTION, ROOT, Program, contents, write_pdf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts as on Linux")

MEGABYTES = 8
ADD = ("-c", COLLECTION)


class Namespace:
    """A process that keeps a mount namespace; commands are run in it."""

    def __init__(self) -> None:
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *user, "--mount", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        self.works = self._holder.stdout.readline() == "ready\n"
        inside = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        target = str(self._holder.pid)
        self.prefix = ("nsenter", "--target", target, "--mount", *inside, f"--wd={ROOT}", "--")

    def run(self, *command: str) -> str:
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> str:
        return self._holder.communicate()[1]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter (util-linux) for a disk of its own")
    made = Namespace()
    if not made.works:
        pytest.skip(f"this user may not mount a disk of its own: {made.close().strip()}")
    yield made
    made.close()


def check_full(code: int, told: dict[str, Any], said: str) -> None:
    """The command failed for the full disk, and says which, why and what to do."""
    assert code == 1, said
    assert "full" in told["error"]["cause"], told
    assert told["error"]["subject"] and "space" in told["error"]["remedy"]
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_full_disk(namespace: Namespace, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace.run("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", str(disk))
    program = Program(disk / "library", tmp_path / "key", namespace.prefix)
    small = write_pdf(tmp_path / "small.pdf", seed="small")
    large = write_pdf(tmp_path / "large.pdf", seed="large", attached=MEGABYTES << 20)
    (tmp_path / "more").mkdir()
    more = write_pdf(tmp_path / "more" / "more.pdf", seed="more")
    assert program.run("add", str(small), *ADD)[0] == 0

    code, told, said = program.run("add", str(large), *ADD)
    check_full(code, told, said)
    assert [failure["path"] for failure in told["failures"]] == [str(large)]

    # A full disk before the program even starts.
    namespace.run("sh", "-c", f"cat /dev/zero > {disk}/filler 2>/dev/null || true")
    code, told, said = program.run("add", str(more), *ADD)
    check_full(code, told, said)
    code, told, said = program.run("search", "agreement", *ADD)
    assert code == 0, said
    assert {passage["document"] for passage in told["passages"]} == {"small.pdf"}

    namespace.run("rm", f"{disk}/filler")
    code, told, said = program.run("add", str(small), str(more), *ADD)
    assert (code, told["added"], told["unchanged"]) == (0, 1, 1), said
    namespace.run("mount", "-o", "remount,size=64m", str(disk))
    code, told, said = program.run("add", str(large), *ADD)
    assert (code, told["added"]) == (0, 1), said
    namespace.run("cp", "-r", f"{disk}/library", str(tmp_path / "copy"))
    found = contents(tmp_path / "copy", tmp_path / "key")
    assert found.keys() == {"small.pdf", "large.pdf", "more.pdf"}


@pytest.mark.slow
def test_the_disk_fills_within_a_batch(namespace: Namespace, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace.run("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", str(disk))
    program = Program(disk / "library", tmp_path / "key", namespace.prefix)
    paths = [
        str(write_pdf(tmp_path / f"{n}.pdf", seed=str(n), attached=1_500_000)) for n in range(8)
    ]
    code, told, said = program.run("add", *paths, *ADD)
    check_full(code, told, said)
    added = {document["path"] for document in told["documents"]}
    failed = {failure["path"] for failure in told["failures"]}
    assert 0 < len(added) == told["added"]
    assert len(failed) == told["failed"] == len(paths) - len(added)
    assert added | failed == set(paths)
    code, listed, said = program.run("list")
    assert {document["path"] for document in listed["documents"]} == added, said

    namespace.run("mount", "-o", "remount,size=64m", str(disk))
    code, told, said = program.run("add", *paths, *ADD)
    assert code == 0, said
    assert (told["added"], told["unchanged"]) == (len(failed), len(added))


@pytest.mark.slow
def test_a_disk_that_can_only_be_read(namespace: Namespace, tmp_path: Path) -> None:
    library, key = tmp_path / "library", tmp_path / "key"
    small = write_pdf(tmp_path / "small.pdf", seed="small")
    more = write_pdf(tmp_path / "more.pdf", seed="more")
    assert Program(library, key).run("add", str(small), *ADD)[0] == 0
    before = digest(library)
    namespace.run("mount", "--bind", str(library), str(library))
    namespace.run("mount", "-o", "remount,bind,ro", str(library))
    program = Program(library, key, namespace.prefix)
    code, told, said = program.run("search", "agreement", *ADD)
    assert (code, len(told["passages"]) > 0) == (0, True), said
    code, told, said = program.run("ask", "Who gives the indemnity of the agreement?", *ADD)
    assert code in (0, 4) and told["searched"]["documents"] == 1, said
    for command in (("add", str(more), *ADD), ("remove", "small.pdf")):
        code, told, said = program.run(*command)
        assert code == 1
        assert "cannot be written" in told["error"]["cause"]
        assert "cannot be written" in said and "Traceback" not in said
    code, told, said = program.run("add", str(more), *ADD)
    # Where a folder for a new library cannot be made.
    nested = Program(library / "new", key, namespace.prefix)
    code, told, said = nested.run("add", str(more), *ADD)
    assert code == 1 and "Traceback" not in said
    assert "cannot be written" in told["error"]["cause"]
    assert digest(library) == before


def test_a_folder_without_rights(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the read-only disk above shows the same")
    library, key = tmp_path / "library", tmp_path / "key"
    small = write_pdf(tmp_path / "small.pdf", seed="small")
    program = Program(library, key)
    assert program.run("add", str(small), *ADD)[0] == 0
    for path in (*library.iterdir(), library):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert program.run("search", "agreement", *ADD)[0] == 0
        code, told, _ = program.run("add", str(small), *ADD)
        assert code == 1 and "cannot be written" in told["error"]["cause"]
    finally:
        library.chmod(0o700)


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for a full disk where none can be mounted."""
    library, key = tmp_path / "library", tmp_path / "key"
    small = write_pdf(tmp_path / "small.pdf", seed="small")
    large = write_pdf(tmp_path / "large.pdf", seed="large", attached=3_000_000)
    assert Program(library, key).run("add", str(small), *ADD)[0] == 0
    limited = Program(library, key, ("prlimit", "--fsize=1000000", "--"))
    code, told, said = limited.run("add", str(large), *ADD)
    assert code == 1 and "not full" in told["error"]["remedy"], said
    assert [failure["path"] for failure in told["failures"]] == [str(large)]
    assert contents(library, key).keys() == {"small.pdf"}
    assert Program(library, key).run("add", str(large), *ADD)[0] == 0
    assert contents(library, key).keys() == {"small.pdf", "large.pdf"}


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
