"""A few kills, full disks and power cuts of each operation; ``python -m tests.faults`` does many.

``MUNIMENT_FAULT_SEED`` repeats the points of a run that failed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys

import campaign
import pytest
from scene import OPERATIONS, Interrupted, Scene

from ingest.errors import StoreError

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD and fork"),
    pytest.mark.skipif(
        shutil.which("cc") is None and shutil.which("gcc") is None,
        reason="needs a C compiler for the shim",
    ),
    pytest.mark.timeout(600),
]
SEED = int(os.environ.get("MUNIMENT_FAULT_SEED", "0")) or random.SystemRandom().getrandbits(32)
POINTS: dict[str, int] = {}


@pytest.fixture(params=list(OPERATIONS))
def operation(request: pytest.FixtureRequest, scene: Scene) -> Interrupted:
    return OPERATIONS[request.param](scene)


def chance_of(operation: Interrupted, kind: str) -> random.Random:
    print(f"repeat with MUNIMENT_FAULT_SEED={SEED}")
    return random.Random(f"{operation.name} {kind} {SEED}")


def points_of(operation: Interrupted) -> int:
    if operation.name not in POINTS:
        POINTS[operation.name] = campaign.operations_of(operation)
    return POINTS[operation.name]


def test_killed(operation: Interrupted) -> None:
    chance = chance_of(operation, "kill")
    for _ in range(2):
        campaign.kill(operation, points_of(operation), chance)


def test_a_disk_that_refuses(operation: Interrupted) -> None:
    campaign.fill_disk(operation, points_of(operation), chance_of(operation, "full"))


def test_power_cuts(operation: Interrupted) -> None:
    for _ in campaign.cut_power(operation, 6, chance_of(operation, "cut")):
        pass


def test_a_lying_disk_is_noticed(scene: Scene) -> None:
    """The control: where syncing does nothing, what was said to be stored is found missing."""
    for name in ("ingest", "delete", "rekey", "backup", "create"):
        operation = OPERATIONS[name](scene)
        with pytest.raises((AssertionError, StoreError, OSError)):
            for number in range(3):
                chance = random.Random(f"{name} {number}")
                for _ in campaign.cut_power(operation, 8, chance, honest=False):
                    pass
