"""Files and folders that are there after a power cut: synced, and their folders too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.private_file import make_private_folder, write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced, in order."""
    found: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        found.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("names of open files are read from /proc")
    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_a_file_is_synced_before_it_is_named_and_its_folder_after(
    tmp_path: Path, synced: list[str]
) -> None:
    write_whole(tmp_path / "keys.json", b"words")
    file, folder = synced
    assert Path(file).parent == tmp_path and Path(file).name.startswith(".keys.json.")
    assert folder == str(tmp_path)


def test_every_new_folder_is_synced_into_the_one_above(tmp_path: Path, synced: list[str]) -> None:
    make_private_folder(tmp_path / "a" / "b" / "library")
    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    assert (tmp_path / "a" / "b" / "library").stat().st_mode & 0o777 == 0o700
    synced.clear()
    make_private_folder(tmp_path / "a" / "b")
    assert synced == []
