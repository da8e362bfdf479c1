"""kill -9 at random points of adding, replacing and removing: nothing half done, nothing lost.

After every kill the library is opened again: each document is wholly there or wholly not; no
process of the killed program lives on; the same command, run again, completes. The points are
random moments, random steps of SQLite inside its transactions, and random moments after a commit
begins. ``MUNIMENT_FAULT_POINTS=50`` takes 50 points of each operation instead of 50 in all, and
``MUNIMENT_FAULT_SEED`` repeats the points that a failure named.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from fault_library import COLLECTION, Held, Program, contents
from scene import REMOVED, Scene

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc of Linux")

EVERY = int(os.environ.get("MUNIMENT_FAULT_POINTS", "0"))
SEED = int(os.environ.get("MUNIMENT_FAULT_SEED", "0")) or random.SystemRandom().getrandbits(32)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_adding(scene: Scene) -> None:
    scene.put_files("first")
    complete = scene.add(scene.copy(scene.base, 0))
    for number, kill in enumerate(points("add", complete, EVERY or 5), start=1):
        library = scene.copy(scene.base, number)
        check_death(scene.add(library, kill), kill)
        found = contents(library, scene.key)
        with told(kill):
            assert found.keys() >= scene.kept.keys()
            assert all(found[name].same(scene.first[name]) for name in found)
        check_completed(scene.add(library), kill)
        with told(kill):
            check_same(contents(library, scene.key), scene.first)
        shutil.rmtree(library)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_replacing(scene: Scene) -> None:
    scene.put_files("second")
    complete = scene.add(scene.copy(scene.full, 0))
    for number, kill in enumerate(points("replace", complete, EVERY or 5), start=1):
        library = scene.copy(scene.full, number)
        check_death(scene.add(library, kill), kill)
        found = contents(library, scene.key)
        with told(kill):
            assert found.keys() == scene.first.keys()
            for name, document in found.items():
                assert document.same(scene.first[name]) or document.same(scene.second[name])
        check_completed(scene.add(library), kill)
        with told(kill):
            check_same(contents(library, scene.key), scene.second)
        shutil.rmtree(library)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_removing(scene: Scene) -> None:
    rest = {name: document for name, document in scene.first.items() if name != REMOVED}
    complete = scene.remove(scene.copy(scene.full, 0))
    for number, kill in enumerate(points("remove", complete, EVERY or 8), start=1):
        library = scene.copy(scene.full, number)
        check_death(scene.remove(library, kill), kill)
        found = contents(library, scene.key)
        with told(kill):
            assert rest.keys() <= found.keys() <= scene.first.keys()
            assert all(found[name].same(scene.first[name]) for name in found)
        again = scene.remove(library)
        with told(kill):
            assert again["code"] == (0 if REMOVED in found else 1), again["stderr"]
            check_same(contents(library, scene.key), rest)
        shutil.rmtree(library)


@pytest.mark.slow
def test_making_a_library(scene: Scene) -> None:
    """Killed while the library itself is made: the next run makes it or goes on with it."""
    source = scene.folder / "stored-before.pdf"
    command = ("add", str(source), "-c", COLLECTION)
    complete = scene.driver.run(scene.folder / "new-0", *command)
    for number, kill in enumerate(points("create", complete, max(4, EVERY // 5)), start=1):
        library = scene.folder / f"new-{number}"
        check_death(scene.driver.run(library, *command, kill=kill), kill)
        check_completed(scene.driver.run(library, *command), kill)
        with told(kill):
            check_same(contents(library, scene.key), scene.kept)


def test_the_program_itself_killed_while_it_reads_a_scan(tmp_path: Path) -> None:
    """A real ``python -m app``, killed with its OCR at work; nothing of it lives on."""
    document = pymupdf.open()
    page = document.new_page()
    for line in range(40):
        page.insert_text((72, 72 + 16 * line), "The tenant pays the rent on the first day.")
    picture = page.get_pixmap(dpi=200)
    scan = pymupdf.open()
    for _ in range(6):
        scan.new_page().insert_image(scan[0].rect, pixmap=picture)
    scan.save(tmp_path / "scan.pdf")
    program = Program(tmp_path / "library", tmp_path / "key")
    process = program.start("add", str(tmp_path / "scan.pdf"))
    try:
        wait_until(lambda: any("ocr" in _command(p) for p in descendants(process.pid)), 60)
        time.sleep(1)
        family = {pid: _command(pid) for pid in descendants(process.pid)}
        assert any("guest" in command for command in family.values())
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    wait_until(lambda: not [p for p, command in family.items() if _command(p) == command], 20)
    assert contents(tmp_path / "library", tmp_path / "key") == {}


def points(operation: str, complete: Any, count: int) -> list[dict[str, Any]]:
    """Where to kill, spread over what a complete run took."""
    assert complete["code"] == 0, complete["stderr"]
    assert complete["left"] == []
    randomness = random.Random(f"{operation} {SEED}")
    kills: list[dict[str, Any]] = []
    for number in range(count):
        if number % 3 == 0:
            kills.append({"seconds": randomness.uniform(0, complete["seconds"])})
        elif number % 3 == 1:
            kills.append({"step": randomness.randint(1, complete["steps"])})
        else:
            commit = randomness.randint(1, complete["commits"])
            # From within the commit's writing to long after its end.
            kills.append({"commit": commit, "seconds": 10 ** randomness.uniform(-4.5, -1.5)})
    return kills


def check_death(trial: Any, kill: dict[str, Any]) -> None:
    with told(kill):
        # A run that was quicker than the first may end before its time comes.
        assert trial["killed"] or (trial["code"] == 0 and "seconds" in kill), trial["stderr"]
        assert trial["left"] == [], "processes of a killed program live on"


def check_completed(trial: Any, kill: dict[str, Any]) -> None:
    with told(kill):
        assert trial["code"] == 0, trial["stderr"]
        assert trial["left"] == []


def check_same(found: dict[str, Held], expected: dict[str, Held]) -> None:
    assert found.keys() == expected.keys()
    for name, document in found.items():
        assert document.same(expected[name]), name


@contextlib.contextmanager
def told(kill: dict[str, Any]) -> Iterator[None]:
    """Adds to a failure how to repeat it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"killed at {kill}; repeat with MUNIMENT_FAULT_SEED={SEED}")
        raise


def descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return children + [further for child in children for further in descendants(child)]


def wait_until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
