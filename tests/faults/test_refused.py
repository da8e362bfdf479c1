"""A library that another program holds, or that a newer one has written, is left alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import apsw
import pytest
from fault_library import COLLECTION, Program, contents, write_pdf
from test_disk import digest

from app.core.vault import KeyFile, open_keys
from app.core.workspace import Workspace
from ingest.library_files import FILE_NAME
from ingest.schema import VERSION

COMMANDS = (
    ("add", "small.pdf", "-c", COLLECTION),
    ("search", "agreement", "-c", COLLECTION),
    ("remove", "small.pdf"),
)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(tmp_path / "library", tmp_path / "key")
    small = write_pdf(tmp_path / "small.pdf", seed="small")
    with Workspace.open(program.library, KeyFile(program.key), create=True) as workspace:
        list(workspace.add([small], COLLECTION))
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="the number cannot be read there")
def test_a_second_program_is_told(program: Program) -> None:
    files = program.library.parent / "files"
    files.mkdir()
    first = program.start("follow", str(files), "-c", COLLECTION)
    try:
        lock = program.library / "lock"
        while lock.read_text() != str(first.pid):
            assert first.poll() is None
            time.sleep(0.02)
        for command in COMMANDS:
            code, told, said = program.run(*command)
            assert code == 1
            assert f"process {first.pid}" in told["error"]["cause"]
            assert f"process {first.pid}" in said and "Traceback" not in said
    finally:
        first.kill()
        first.communicate()
    # The system lets go of the lock with the process, however it ended.
    code, told, said = program.run("search", "agreement", "-c", COLLECTION)
    assert (code, told["passages"][0]["document"]) == (0, "small.pdf"), said


def test_a_newer_library_is_refused_untouched(program: Program) -> None:
    key = open_keys(program.library, KeyFile(program.key))
    connection = apsw.Connection(str(program.library / FILE_NAME))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{key.hex()}")
    connection.pragma("user_version", VERSION + 1)
    connection.close()
    before = digest(program.library)
    before.pop(str(program.library / "lock"))
    for command in COMMANDS:
        code, told, said = program.run(*command)
        assert code == 1
        assert "newer version" in told["error"]["cause"] and f"format {VERSION + 1}" in said
        after = digest(program.library)
        after.pop(str(program.library / "lock"))
        assert after == before


def test_newer_keys_are_refused_untouched(program: Program) -> None:
    keys = program.library / "keys.json"
    text = keys.read_text()
    keys.write_text(text.replace('"version": 1', '"version": 3'))
    before = digest(program.library)
    for command in COMMANDS:
        code, told, _ = program.run(*command)
        assert code == 1 and "newer version" in told["error"]["cause"]
    assert digest(program.library) == before
    keys.write_text(text)
    assert contents(program.library, program.key).keys() == {"small.pdf"}
