"""Wrong passphrases: the pause grows, ends, and is not got round by starting again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import attempts
from app.core.attempts import begin, pause_after, seconds_to_wait, succeeded
from app.core.vault import (
    Argon2Cost,
    KeyFile,
    Passphrase,
    TooSoon,
    add_protector,
    create_keys,
    open_keys,
)
from ingest.errors import WrongKey

CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)


class Clock:
    """The system's clock, as a person may set it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_three_are_free_and_the_pause_is_bounded() -> None:
    pauses = [pause_after(failed) for failed in range(12)]
    assert pauses == [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert pause_after(1 << 20) == 30


def test_it_waits_after_wrong_ones_and_forgets_them_after_a_right_one(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(3):
        begin(tmp_path, clock)
    assert seconds_to_wait(tmp_path, clock) == 1
    with pytest.raises(TooSoon, match="Wait 1 second and") as caught:
        begin(tmp_path, clock)
    assert (caught.value.failed, caught.value.seconds) == (3, 1)
    assert stat.S_IMODE((tmp_path / "attempts.json").stat().st_mode) == 0o600
    clock.now += 1
    begin(tmp_path, clock)
    assert seconds_to_wait(tmp_path, clock) == 2
    succeeded(tmp_path)
    assert seconds_to_wait(tmp_path, clock) == 0
    assert not list(tmp_path.iterdir())


def test_trying_too_soon_does_not_make_it_longer(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(3):
        begin(tmp_path, clock)
    for _ in range(10):
        with pytest.raises(TooSoon):
            begin(tmp_path, clock)
    clock.now += 1
    begin(tmp_path, clock)


def test_a_clock_that_was_set_back_keeps_nobody_out(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(9):
        clock.now += 31
        begin(tmp_path, clock)
    clock.now -= 365 * 86_400
    with pytest.raises(TooSoon) as caught:
        begin(tmp_path, clock)
    assert caught.value.seconds <= 30
    clock.now += 30
    begin(tmp_path, clock)


@settings(deadline=None)
@given(st.binary(max_size=40) | st.just(b'{"failed": 1e999, "last": "x"}'))
def test_a_spoiled_file_locks_nobody_out(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("library")
    (folder / "attempts.json").write_bytes(content)
    begin(folder, Clock())
    assert seconds_to_wait(folder, Clock()) == 0


@settings(deadline=None)
@given(
    failed=st.integers(-5, 10**30),
    last=st.floats() | st.integers(-(10**30), 10**30),
)
def test_whatever_it_says_the_wait_is_bounded(
    tmp_path_factory: pytest.TempPathFactory, failed: int, last: float
) -> None:
    import json

    folder = tmp_path_factory.mktemp("library")
    (folder / "attempts.json").write_text(json.dumps({"failed": failed, "last": last}))
    clock = Clock()
    assert 0 <= seconds_to_wait(folder, clock) <= 30
    try:
        begin(folder, clock)
    except TooSoon as error:
        clock.now += error.seconds
        begin(folder, clock)


def test_a_folder_that_cannot_be_written_is_remembered_by_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(attempts, "write_whole", refuse)
    clock = Clock()
    for _ in range(3):
        begin(tmp_path, clock)
    with pytest.raises(TooSoon):
        begin(tmp_path, clock)
    succeeded(tmp_path)
    begin(tmp_path, clock)


def test_the_library_is_opened_by_the_same_rule(tmp_path: Path) -> None:
    right, wrong = Passphrase("correct horse"), Passphrase("wrong horse")
    file = KeyFile(tmp_path / "key")
    library = tmp_path / "library"
    key = create_keys(library, right, cost=CHEAP)
    add_protector(library, key, file)
    with pytest.raises(WrongKey) as caught:
        open_keys(library, wrong)
    assert "next try" not in caught.value.remedy
    (library / "attempts.json").write_text('{"failed": 7, "last": 0}')
    with pytest.raises(WrongKey, match="The next try is possible in 30 seconds"):
        open_keys(library, wrong)
    with pytest.raises(TooSoon):
        open_keys(library, right)  # also the right one waits: it cannot be known before
    assert open_keys(library, file) == key  # what nobody can guess need not wait
    with pytest.raises(TooSoon):
        open_keys(library, right)
    add_protector(library, key, Passphrase("another horse"), cost=CHEAP)
    assert open_keys(library, Passphrase("another horse")) == key
