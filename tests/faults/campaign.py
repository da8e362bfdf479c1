"""Interrupts operations at points taken by chance: kill -9, a full disk, a power cut.

Each function does one trial and raises `AssertionError` where something is lost, half there, or
not said. A point is an operation of the process on the disk, counted by the shim, so that every
point is hit exactly and can be hit again.
"""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from power import disk_of
from scene import Interrupted, Place
from shim import recorded


def operations_of(operation: Interrupted) -> int:
    """How many points there are: what a complete run does to the disk."""
    with _place(operation) as place:
        done = operation.run(place, {"roots": [str(place.root)]})
        assert done["code"] == 0, done["stderr"]
        operation.check(place, complete=True)
        return int(done["operations"])


def kill(operation: Interrupted, points: int, chance: random.Random) -> dict[str, Any]:
    """SIGKILL at one point; the library opens, is whole, and the command completes after it."""
    point = {"operation": chance.randint(1, points), "when": _when(chance)}
    with _place(operation) as place, told(operation, point):
        done = operation.run(place, {"roots": [str(place.root)], **point})
        assert done["killed"] or done["code"] == 0, done["stderr"]
        assert done["left"] == [], "processes of a killed program live on"
        operation.check(place, complete=done["code"] == 0)
        operation.again(place)
    return {**point, "killed": done["killed"]}


def fill_disk(operation: Interrupted, points: int, chance: random.Random) -> dict[str, Any]:
    """Writing fails from one point on, for a while or for good: said clearly, nothing lost."""
    point = {
        "operation": chance.randint(1, points),
        "when": _when(chance),
        "span": chance.choice((1, 3, 30, 1 << 30)),
        "error": chance.choice((errno.ENOSPC, errno.ENOSPC, errno.ENOSPC, errno.EIO)),
    }
    with _place(operation) as place, told(operation, point):
        done = operation.run(place, {"roots": [str(place.root)], **point})
        assert not done["killed"] and "Traceback" not in done["stderr"], done["stderr"]
        if done["code"] != 0:
            assert any(word in done["stderr"] for word in _CLEAR), done["stderr"]
        operation.check(place, complete=done["code"] == 0)
        operation.again(place)
    return {**point, "refused": done["code"] != 0}


def cut_power(
    operation: Interrupted, cuts: int, chance: random.Random, *, honest: bool = True
) -> Iterator[int]:
    """Records one run, then looks at the disk after ``cuts`` power cuts; yields each point.

    The last cut is after the end. A disk that is not ``honest`` keeps nothing when it is told to.
    """
    with _place(operation) as place:
        disk = disk_of([place.root])
        record = place.root.with_name(place.root.name + "-record")
        done = operation.run(place, {"roots": [str(place.root)], "record": str(record)})
        assert done["code"] == 0, done["stderr"]
        steps = list(recorded(record))
        record.unlink()
        points = [chance.randint(0, len(steps)) for _ in range(cuts - 1)]
        taken = 0
        for point in (*sorted(points), len(steps)):
            for step in steps[taken:point]:
                if honest or step.kind != "f":
                    disk.take(step)
            taken = point
            after = place.root.with_name(place.root.name + "-after")
            with told(operation, {"power cut after": point, "of": len(steps)}):
                disk.after_cut(chance, after)
                state = place.moved(after / place.root.name, disk.said)
                operation.check(state, complete=False)
            shutil.rmtree(after)
            yield point


_CLEAR = ("full", "space", "refused", "cannot be written", "cannot be read")


def _when(chance: random.Random) -> str:
    return chance.choice(("before", "after", "half"))


@contextmanager
def _place(operation: Interrupted) -> Iterator[Place]:
    root = operation.scene.folder / f"trial-{operation.name}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    place = Place(root)
    operation.prepare(place)
    try:
        yield place
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def told(operation: Interrupted, point: dict[str, Any]) -> Iterator[None]:
    """Adds to a failure where it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{operation.name}: {point}")
        raise
