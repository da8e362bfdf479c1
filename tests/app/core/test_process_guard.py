"""What a process of ours gives up: core dumps, being looked into, temporary files for others."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.core.process_guard import wipe

ROOT = Path(__file__).resolve().parents[3]
REPORT = """
import json, os, resource, sys, tempfile
from app.core import process_guard
state = process_guard.enforce()
again = process_guard.enforce()
dumpable = None
if sys.platform == "linux":
    import ctypes
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(json.dumps({
    "core": resource.getrlimit(resource.RLIMIT_CORE), "dumpable": dumpable,
    "temporary": tempfile.gettempdir(), "variable": os.environ["TMPDIR"], "said": state.temporary,
    "test": process_guard.self_test(), "once": again is state,
    "not_dumpable": state.not_dumpable, "reason": state.reason,
}), flush=True)
"""


def start(script: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def report(script: str = REPORT, **environment: str) -> dict[str, Any]:
    out, _ = start(script, **environment).communicate(timeout=60)
    return json.loads(out.splitlines()[-1])


def temporary(home: Path) -> Path:
    return home / "data" / "muniment" / "temporary"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("TMPDIR", raising=False)
    return tmp_path


def test_nothing_is_dumped_and_temporary_files_are_private(data: Path) -> None:
    told = report()
    assert told["core"] == [0, 0] and told["test"] and told["once"]
    if sys.platform == "linux":
        assert told["dumpable"] == 0 and told["not_dumpable"] and told["reason"] == ""
    folder = Path(told["temporary"])
    assert folder.parent == temporary(data)
    assert str(folder) == told["variable"] == told["said"]
    for private in (temporary(data), temporary(data).parent):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert not list(temporary(data).iterdir())  # its end has removed what was its own


HOLD = (
    REPORT
    + """
from pathlib import Path
Path(tempfile.gettempdir(), "planted").write_text("left over")
sys.stdin.read(1)
"""
)


def test_a_start_removes_what_a_crash_has_left_and_nothing_of_others(data: Path) -> None:
    with start(HOLD) as living, start(HOLD) as dying:
        lives, dies = (Path(json.loads(p.stdout.readline())["temporary"]) for p in (living, dying))
        assert lives != dies
        assert stat.S_IMODE(lives.stat().st_mode) == 0o700
        _until((dies / "planted").exists)
        dying.send_signal(signal.SIGKILL)
        dying.wait(10)
        assert (dies / "planted").exists()
        _until((lives / "planted").exists)
        report()
        assert not dies.exists() and not Path(f"{dies}.lock").exists()
        assert (lives / "planted").exists()
        living.communicate("x", timeout=10)
    assert not list(temporary(data).iterdir())


CHILD = f"""
import subprocess, sys
from app.core import process_guard
print(process_guard.enforce().temporary, flush=True)
subprocess.run([sys.executable, "-c", {REPORT!r}])
"""


def test_a_child_uses_its_parents_folder_and_protects_itself(data: Path) -> None:
    out, _ = start(CHILD).communicate(timeout=60)
    parent, child = out.splitlines()
    told = json.loads(child)
    assert told["temporary"] == parent and told["test"]
    assert not list(temporary(data).iterdir())


def test_another_programs_tmpdir_is_not_taken_for_ours(data: Path) -> None:
    temporary(data).mkdir(parents=True)
    for name in (data / "elsewhere", temporary(data) / "not-held"):
        name.mkdir()
        told = report(TMPDIR=str(name))
        assert told["temporary"] != str(name)
        assert name.exists() or name.parent == temporary(data)


@pytest.mark.skipif(sys.platform == "win32", reason="links of folders are rare there")
def test_a_link_in_the_place_of_the_folder_is_not_followed(data: Path) -> None:
    target = data / "target"
    target.mkdir()
    (target / "keep.lock").write_text("")
    (target / "keep").mkdir()
    temporary(data).parent.mkdir(parents=True)
    temporary(data).symlink_to(target)
    told = report(TMPDIR=str(data))
    assert Path(told["temporary"]).parent == data / f"muniment-{os.getuid()}"
    assert sorted(path.name for path in target.iterdir()) == ["keep", "keep.lock"]


LOOK = """
import ctypes, os, signal, sys
from app.core import process_guard

def as_person():
    if os.geteuid() == 0:  # root sees everything
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

ready, tell = os.pipe()
watched = os.fork()
if watched == 0:
    as_person()
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as every program begins
    if sys.argv[1] == "guarded":
        process_guard._hide()
    os.write(tell, b"x")
    signal.pause()
os.read(ready, 1)
as_person()
try:
    open(f"/proc/{watched}/environ", "rb").read()
    print("seen")
except PermissionError:
    print("refused")
os.kill(watched, 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says so in /proc")
@pytest.mark.parametrize(("how", "expected"), [("guarded", "refused"), ("unguarded", "seen")])
def test_the_users_other_programs_cannot_look_into_it(how: str, expected: str) -> None:
    """The unguarded process is the control."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, how],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == expected, done.stderr


def test_wiping_leaves_zeros_in_place() -> None:
    first, second = bytearray(b"secret"), bytearray(b"other")
    view = memoryview(first)
    wipe(first, second)
    assert bytes(view) == bytes(6) and second == bytes(5)


def _until(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
