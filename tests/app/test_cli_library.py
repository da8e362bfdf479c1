"""The command line: what it says of a library that is none, of two keys and of damaged files."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from tests.app.program import Program


@pytest.fixture
def note(tmp_path: Path) -> Path:
    note = tmp_path / "note.txt"
    note.write_text("The ferry leaves at nine.")
    return note


def truncated(path: Path) -> Path:
    """A PDF of two pages whose second half is missing."""
    document = pymupdf.open()
    for text in ("The lessee pays in advance.", "The lessor insures the machine."):
        document.new_page().insert_text((72, 72), text)
    whole = document.tobytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    lease = truncated(tmp_path / "lease.pdf")
    added = program.json("add", str(lease), str(note))
    assert (added["added"], added["damaged"]) == (2, 1)
    warnings = {Path(d["path"]).name: d.get("warning") for d in added["documents"]}
    assert warnings["note.txt"] is None
    assert "damaged" in warnings["lease.pdf"] and "complete copy" in warnings["lease.pdf"]
    said = program.run("add", str(lease), str(note)).stderr
    assert "Warning: The file is damaged" in said and "complete copy" in said
    assert said.splitlines()[-1].endswith("(1 damaged)")
    listed = program.run("list").stdout
    assert ", damaged)" in listed
    assert listed.count("complete copy") == 1
    assert {d["name"]: d["damaged"] for d in program.json("list")["documents"]} == {
        "lease.pdf": True,
        "note.txt": False,
    }


def test_a_passphrase_left_over_is_not_in_the_way(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    program.json("add", str(note))
    program.environment["MUNIMENT_PASSPHRASE"] = "several words that nobody guesses"
    assert len(program.json("list")["documents"]) == 1
    program.environment["MUNIMENT_KEY_FILE"] = str(tmp_path / "none")
    error = program.json("list", code=1)["error"]
    assert "key file" in error["cause"] and "missing" in error["cause"]


def test_a_folder_of_other_files_is_no_library(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear reader,")
    for command in (["list"], ["search", "ferry"]):
        error = program.json(*command, code=1)["error"]
        assert error["subject"] == str(folder) and "is not a library" in error["cause"]
        assert "--library" in error["remedy"] and "backup" not in error["remedy"]
    for command in (["add", str(note)], ["follow", str(tmp_path), "--once"]):
        error = program.json(*command, code=1)["error"]
        assert "other files" in error["cause"] and "empty or new folder" in error["remedy"]
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    assert not (tmp_path / "key").exists()


def test_what_systems_leave_in_a_folder_is_no_other_file(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / ".DS_Store").write_text("x")
    assert program.json("add", str(note))["added"] == 1


def test_a_library_that_lost_its_keys_is_not_made_anew(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    program.json("add", str(note))
    (tmp_path / "library" / "keys.json").unlink()
    for command in (["list"], ["add", str(note)]):
        error = program.json(*command, code=1)["error"]
        assert "keys.json" in error["cause"] and "backup" in error["remedy"]
    assert not (tmp_path / "library" / "keys.json").exists()


def test_a_name_that_no_collection_may_have_is_refused_before_anything(
    tmp_path: Path, note: Path
) -> None:
    program = Program(tmp_path)
    for name, reason in (("", "empty"), ("   ", "empty"), ("../x", "slash"), ("a\\b", "slash")):
        for command in (["add", str(note)], ["follow", str(tmp_path), "--once"]):
            done = program.run(*command, "-c", name)
            assert done.returncode == 2 and reason in done.stderr
            assert "0 added" not in done.stderr and not done.stdout
    assert not (tmp_path / "library").exists()


def test_a_day_that_is_none_is_told_how_to_be_written(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    program.json("add", str(note))
    for day in ("yesterday", "2026-02-30", "20260101", "1.2.2026"):
        for option in ("--since", "--until"):
            error = program.json("search", "ferry", option, day, code=2)["error"]
            assert day in error["cause"] and "Write the date as YYYY-MM-DD" in error["cause"]
    found = program.json("search", "ferry", "--since", "2000-01-01")["passages"]
    assert [passage["document"] for passage in found] == ["note.txt"]
    assert program.json("search", "ferry", "--until", "2000-01-01")["passages"] == []


def test_follow_counts_what_stayed_as_it_was(tmp_path: Path) -> None:
    program = Program(tmp_path)
    folder = tmp_path / "followed"
    folder.mkdir()
    for name in ("one", "two", "three"):
        (folder / f"{name}.txt").write_text(f"The ferry {name} leaves at nine.")
    assert (
        "3 added, 0 replaced, 0 moved, 0 unchanged"
        in program.run("follow", str(folder), "--once").stderr
    )
    assert program.run("follow", "--once").stderr.startswith("0 added, 0 replaced, 0 moved, 3 unch")
    (folder / "one.txt").unlink()
    (folder / "two.txt").write_text("The ferry two leaves at ten instead.")
    last = program.run("follow", "--once", "--json").stdout.splitlines()[-1]
    assert '"replaced": 1' in last and '"unchanged": 1' in last and '"removed": 1' in last


def test_a_collection_is_removed_with_its_documents(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    for name in ("Ferry", "Matter"):
        program.json("add", str(note), "-c", name)
    program.json("follow", str(tmp_path / "library"), "-c", "Ferry", "--once")
    assert program.run("remove").returncode == 2
    error = program.json("remove", "-c", "Else", "--yes", code=1)["error"]
    assert "Ferry, Matter" in error["remedy"]
    error = program.json("remove", "-c", "Ferry", code=1)["error"]
    assert "1 document" in error["cause"] and "--yes" in error["remedy"]
    removed = program.json("remove", "--collection", "Ferry", "--yes")["removed_collection"]
    assert (removed["name"], removed["documents"]) == ("Ferry", 1)
    assert [c["name"] for c in program.json("collections")["collections"]] == ["Matter"]
    assert program.json("follow")["followed"] == []
    program.run("remove", "note.txt", "-c", "Matter")
    said = program.run("remove", "-c", "Matter", "-y").stdout
    assert said == "Removed the collection Matter with 0 documents.\n"
    assert program.json("collections")["collections"] == []


def test_show_says_what_it_wrote(tmp_path: Path, note: Path) -> None:
    program = Program(tmp_path)
    program.json("add", str(note))
    png = tmp_path / "page.png"
    assert program.run("show", "note.txt", "--png", str(png)).stdout == (
        f"{png}: page 1 of note.txt\n"
    )
    said = program.run("show", "note.txt", "--png", str(png), "--highlight", "ferry").stdout
    assert said == f"{png}: page 1 of note.txt, 1 line marked\n"
