"""The real command line in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pymupdf
import pytest

from tests.app.program import Program

LAW = "This Agreement is governed by the law of Norway."


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("cli"))
    document = pymupdf.open()
    for text in ("The parties are Alpha and Beta.", LAW):
        document.new_page().insert_textbox(pymupdf.Rect(72, 72, 500, 700), text)
    document.save(program.folder / "contract.pdf")
    (program.folder / "broken.pdf").write_bytes(b"")
    return program


def test_add_search_ask_show_list_remove(program: Program) -> None:
    contract, broken = program.folder / "contract.pdf", program.folder / "broken.pdf"
    added = program.json("add", str(contract), str(broken), "-c", "Matter", code=3)
    assert (added["added"], added["failed"]) == (1, 1)
    assert added["failures"][0]["path"] == str(broken)
    assert added["failures"][0]["cause"] and added["failures"][0]["remedy"]

    passages = program.json("search", "law of Norway", "-c", "Matter", "-k", "3")["passages"]
    assert passages[0]["document"] == "contract.pdf"
    assert 2 in passages[0]["pages"]
    assert {"page", "x0", "y0", "x1", "y1"} == set(passages[0]["boxes"][0])

    answer = program.json("ask", "Which law governs the agreement?", "-c", "Matter")
    assert answer["found"] is True
    (citation, *_) = answer["citations"]
    assert (citation["document"], citation["page"], citation["n"]) == ("contract.pdf", 2, 1)
    assert citation["status"] == "verified" and LAW in citation["quote"]
    assert citation["boxes"][0]["page"] == 2
    assert answer["searched"]["documents"] == 1 and answer["unreadable"] == []

    nothing = program.json("ask", "Who insures the ferry?", "-c", "Matter")
    assert nothing["found"] is False and nothing["citations"] == []

    png = program.folder / "page.png"
    draw = ("show", "contract.pdf", "--png", str(png), "--highlight", "laws of Norway")
    failed = program.json(*draw, "--page", "1", code=1)["error"]
    assert "page 1" in failed["cause"] and failed["remedy"] == "These pages do: 2."
    assert not png.exists()
    shown = program.json(*draw, "--page", "2")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert shown["boxes"] == citation["boxes"] and shown["missing"] == []

    assert program.json("collections")["collections"][0]["name"] == "Matter"
    empty = program.json("collections", "--library", str(program.folder / "other"), code=1)
    assert "other" in empty["error"]["subject"]
    assert program.json("list", "-c", "Matter")["documents"][0]["pages"] == 2
    assert program.json("remove", "contract.pdf")["removed"]["name"] == "contract.pdf"
    assert program.json("list")["documents"] == []


def test_errors_say_what_to_do(program: Program) -> None:
    program.json("collections") if (program.folder / "library").exists() else None
    wrong = program.run("search", "words", "-c", "No such")
    assert wrong.returncode == 1
    assert "no such collection" in wrong.stderr
    error = program.json("search", "words", "-c", "No such", code=1)["error"]
    assert error["cause"] and error["remedy"]
    assert program.run("search").returncode == 2
    assert program.run("unheard-of").returncode == 2


def test_no_key_and_no_terminal(program: Program) -> None:
    lone = Program(program.folder)
    lone.environment = {k: v for k, v in os.environ.items() if not k.startswith("MUNIMENT")}
    done = lone.run("list")
    assert done.returncode == 1
    assert "MUNIMENT_KEY_FILE" in done.stderr


def test_doctor_finds_everything(program: Program) -> None:
    checks = program.json("doctor")
    assert checks["ok"] is True
    guard = next(check for check in checks["checks"] if check["name"] == "offline guard")
    assert "refuse" in guard["detail"]


def test_an_identical_copy_names_its_twin(program: Program) -> None:
    contract, copy = program.folder / "contract.pdf", program.folder / "copy of it.pdf"
    copy.write_bytes(contract.read_bytes())
    program.json("add", str(contract), "-c", "Twins")
    (again, twin) = program.json("add", str(contract), str(copy), "-c", "Twins")["documents"]
    assert (again["state"], again["same_as"]) == ("unchanged", None)
    assert (twin["state"], twin["same_as"]) == ("unchanged", str(contract))
    said = program.run("add", str(copy), "-c", "Twins").stderr
    assert f"the same as {contract}, already in the collection" in said


def test_files_of_other_types_are_named(program: Program) -> None:
    folder = program.folder / "mixed"
    (folder / "below").mkdir(parents=True)
    for n in range(12):
        (folder / "below" / f"book{n:02}.xlsx").write_text("no workbook")
    for name in ("notes", ".DS_Store", "Thumbs.db", "~$letter.docx"):
        (folder / name).write_text("x")
    (folder / "letter.txt").write_text("The ferry leaves at nine.")
    added = program.json("add", str(folder), "-c", "Mixed")
    assert (added["added"], added["skipped"], added["failed"]) == (1, 13, 0)
    by_name = {Path(file["path"]).name: file["reason"] for file in added["skipped_files"]}
    assert len(by_name) == 13 and {"notes", "book11.xlsx"} < by_name.keys()
    assert by_name["book00.xlsx"] == "Files of type .xlsx are not supported."
    said = program.run("add", str(folder), "-c", "Mixed").stderr
    assert said.count("are not supported") == 9 and "skipped: 3 more" in said
    assert "1 unchanged, 0 failed, 13 skipped" in said

    named = program.json("add", str(folder / "below" / "book00.xlsx"), "-c", "Mixed", code=3)
    (failure,) = named["failures"]
    assert "Excel workbook" in failure["cause"] and "not supported" in failure["cause"]
    assert "Supported are PDF" in failure["remedy"]


def test_a_new_library_wants_a_longer_passphrase(program: Program, tmp_path: Path) -> None:
    short = Program(tmp_path)
    short.environment = {**os.environ, "MUNIMENT_PASSPHRASE": "tiny"}
    error = short.json("add", str(program.folder / "contract.pdf"), code=1)["error"]
    assert "at least 8 characters" in error["cause"] and "longer" in error["remedy"]
    assert not (tmp_path / "library").exists()


def test_ctrl_c_tells_what_was_added_and_what_was_not(program: Program, tmp_path: Path) -> None:
    for n in range(1, 7):
        document = pymupdf.open()
        for page in range(20):
            document.new_page().insert_textbox(
                pymupdf.Rect(72, 72, 500, 700), f"Volume {n}, page {page}. {LAW} " * 20
            )
        document.save(tmp_path / f"{n}.pdf")
    files = {str(tmp_path / f"{n}.pdf") for n in range(1, 7)}
    with program.start("add", str(tmp_path), "-c", "Stopped") as adding:
        assert adding.stderr is not None
        assert adding.stderr.readline().startswith("added: ")
        os.killpg(adding.pid, signal.SIGINT)
        _, said = adding.communicate(timeout=60)
    assert adding.returncode == 130, said
    assert "not added: " in said
    summary = said.splitlines()[-1]
    assert "0 failed" in summary and summary.endswith(" not added")
    stored = {d["path"] for d in program.json("list", "-c", "Stopped")["documents"]}
    assert stored and stored < files

    (tmp_path / "new").mkdir()
    fresh = Program(tmp_path / "new")
    with fresh.start("add", *sorted(files), "--json") as adding:
        while not (fresh.folder / "library" / "keys.json").exists():
            time.sleep(0.05)
        os.killpg(adding.pid, signal.SIGINT)
        printed, said = adding.communicate(timeout=60)
    assert adding.returncode == 130, said
    told = json.loads(printed)
    assert told["interrupted"] is True and told["left"] == len(told["left_files"]) > 0
    assert {d["path"] for d in told["documents"]} | set(told["left_files"]) == files
    rest = fresh.json("add", *sorted(files))
    assert rest["interrupted"] is False and rest["left"] == 0
    assert rest["added"] + rest["unchanged"] == 6


def test_follow_says_what_it_did(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "followed"
    folder.mkdir()
    good, bad = folder / "good.txt", folder / "bad.pdf"
    good.write_text("The ferry leaves at nine.")
    bad.write_bytes(b"")
    first = program.run("follow", str(folder), "-c", "Ferry", "--once")
    assert first.returncode == 3, first.stderr
    assert first.stderr.splitlines()[-1].startswith("1 added, 0 replaced")
    assert first.stderr.count(" added, ") == 1 and "1 failed" in first.stderr
    good.unlink()
    bad.unlink()
    (folder / "other.txt").write_text("The ferry leaves at ten.")
    again = program.run("follow", "--once", "--json")
    *lines, last = [json.loads(line) for line in again.stdout.splitlines()]
    assert again.returncode == 0
    assert {line["state"] for line in lines} == {"added", "removed"}
    assert (last["state"], last["added"], last["removed"]) == ("finished", 1, 1)

    assert program.json("follow")["followed"] == [{"collection": "Ferry", "folder": str(folder)}]
    assert program.run("follow").stdout == f"Ferry\t{folder}\n"
    elsewhere = program.json("follow", str(tmp_path), "--stop", code=1)["error"]
    assert str(folder) in elsewhere["remedy"]
    assert program.run("follow", "--stop").returncode == 2
    stopped = program.run("follow", str(folder), "--stop")
    assert f"Ferry follows {folder} no longer; 1 document from it stays" in stopped.stdout
    assert program.json("follow")["followed"] == []


def test_the_collection_is_chosen_or_named(tmp_path: Path) -> None:
    lone = Program(tmp_path)
    note = tmp_path / "note.txt"
    note.write_text("The ferry leaves at nine.")
    for command in (["ask", "When?"], ["list"], ["remove", "x"], ["follow"]):
        error = lone.json(*command, code=1)["error"]
        assert "no library" in error["cause"] and "muniment add PATH" in error["remedy"]
    assert not (tmp_path / "library").exists()
    lone.json("add", str(note), "-c", "Ferry")
    assert lone.json("ask", "When does the ferry leave?")["searched"]["collection"] == "Ferry"
    lone.json("add", str(note), "-c", "Matter")
    error = lone.json("search", "ferry", code=1)["error"]
    assert "Ferry, Matter" in error["remedy"] and "-c" in error["remedy"]
    assert "Ferry, Matter" in lone.json("list", "-c", "Else", code=1)["error"]["remedy"]
    ambiguous = lone.json("remove", "note.txt", code=1)["error"]
    assert "in Ferry" in ambiguous["cause"] and "in Matter" in ambiguous["cause"]
    assert "-c" in ambiguous["remedy"]
    assert "(Ferry; 1 page)" in lone.run("list").stdout
    assert lone.run("collections").stdout.splitlines()[0] == "Ferry\t1 document\t1 page"
    said = lone.run("ask", "When does the ferry leave?", "-c", "Ferry").stdout
    assert "No model is installed" in said and "Searched 1 document, 1 page, in" in said
    said = lone.run("ask", "Who composed the opera Zaubertal?", "-c", "Ferry").stdout
    assert "Not found" in said and "No model is installed" not in said


def test_wrong_usage_is_said_as_json_too(program: Program) -> None:
    for command in (["ask", "  "], ["search", ""], ["unheard-of"], ["show", "x", "--page", "0"]):
        error = program.json(*command, code=2)["error"]
        assert error["cause"] and "--help" in error["remedy"]
    assert "empty" in program.run("ask", "").stderr
    version = program.run("--version")
    assert version.returncode == 0 and version.stdout.startswith("Muniment ")


def test_a_library_is_a_folder(program: Program) -> None:
    file = program.folder / "contract.pdf"
    for library in (file, file / "below"):
        error = program.json("list", "--library", str(library), code=1)["error"]
        assert error["subject"] == str(file) and "a file" in error["cause"]
        assert "--library" in error["remedy"]


def test_a_locked_file_names_the_option_that_opens_it(program: Program, tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "The ferry leaves at nine.")
    locked = tmp_path / "locked.pdf"
    document.save(locked, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="sesame", owner_pw="o")
    (failure,) = program.json("add", str(locked), "-c", "Locked", code=3)["failures"]
    assert failure["needs_password"] and "--password" in failure["remedy"]
    assert program.json("add", str(locked), "-c", "Locked", "--password", "sesame")["added"] == 1
