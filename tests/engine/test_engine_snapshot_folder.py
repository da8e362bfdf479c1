"""A file of encrypted records: what comes back is what was written, or the damage is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.snapshot_folder import DamagedSnapshot, SnapshotFile

KEY = bytes(range(32))


@pytest.fixture
def records(tmp_path: Path) -> Iterator[tuple[Path, list[tuple[int, bytes]]]]:
    path, written = tmp_path / "a.snapshot", [(1, b"one" * 30), (2, b""), (3, b"three" * 50)]
    with SnapshotFile(path, KEY) as file:
        for kind, content in written:
            file.append(kind, content)
    yield path, written


def _found(path: Path) -> list[tuple[int, bytes]]:
    with SnapshotFile(path, KEY) as file:
        return [(record.kind, file.read(i)) for i, record in enumerate(file.records)]


def test_records_come_back_and_more_can_be_added(
    records: tuple[Path, list[tuple[int, bytes]]],
) -> None:
    path, written = records
    assert _found(path) == written
    with SnapshotFile(path, KEY) as file:
        file.truncate(1)
        file.append(9, b"other")
    assert _found(path) == [written[0], (9, b"other")]


def test_no_two_files_or_places_encrypt_alike(tmp_path: Path) -> None:
    contents = []
    for name in "ab":
        with SnapshotFile(tmp_path / name, KEY) as file:
            file.append(1, bytes(64))
            file.append(1, bytes(64))
            contents += [(tmp_path / name, record) for record in file.records]
    sealed = [path.read_bytes()[r.offset : r.offset + r.size] for path, r in contents]
    assert len(set(sealed)) == 4


def test_records_cannot_change_places(records: tuple[Path, list[tuple[int, bytes]]]) -> None:
    path, _ = records
    with SnapshotFile(path, KEY) as file:
        file.append(1, b"two" * 30)
        same = [record for record in file.records if record.kind == 1]
    content = bytearray(path.read_bytes())
    a, b = (slice(record.offset, record.offset + record.size) for record in same)
    content[a], content[b] = content[b], content[a]
    path.write_bytes(content)
    with SnapshotFile(path, KEY) as file, pytest.raises(DamagedSnapshot):
        file.read(0)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_to_a_file_gives_other_contents(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("records") / "a"
    written = [(1, b"one" * 30), (2, b""), (3, b"three" * 50)]
    with SnapshotFile(path, KEY) as file:
        for kind, content in written:
            file.append(kind, content)
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    else:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    try:
        with SnapshotFile(path, KEY) as file:
            for index, record in enumerate(file.records):
                assert (record.kind, file.read(index)) == written[index]
    except DamagedSnapshot:
        pass
