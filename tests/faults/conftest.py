"""The libraries that are interrupted are made once for all fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shim
from scene import Scene, made_scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Its driver has the shim wherever there is a compiler."""
    folder = tmp_path_factory.mktemp("scene")
    with made_scene(folder, shim.build(folder)) as made:
        yield made
