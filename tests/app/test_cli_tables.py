"""The commands for tables, in processes of their own, also in one that is killed half-way."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import openpyxl
import pytest

from tests.app.program import Program

LAWS = {f"contract-{n}.txt": law for n, law in enumerate(("Norway", "Oregon", "Peru", "Chile"))}
LAW, FERRY = "Law: Which law governs the agreement?", "Who insures the ferry?"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("tables"))
    folder = program.folder / "files"
    folder.mkdir()
    for name, law in LAWS.items():
        words = f"This Agreement is governed by the laws of {law}.\n\nThe lessee pays in advance."
        (folder / name).write_text(words)
    program.json("add", str(folder), "-c", "Matter")
    return program


def test_new_list_show_export_remove(program: Program) -> None:
    made = program.json("table", "new", "Clauses", "-c", "Matter", "--field", LAW, "--field", FERRY)
    table = made["table"]
    assert (made["found"], made["not_found"], made["kept"], made["failed"]) == (4, 4, 0, 0)
    assert made["interrupted"] is False and made["failures"] == []
    assert table["fields"] == [
        {"name": "Law", "question": "Which law governs the agreement?"},
        {"name": FERRY, "question": FERRY},
    ]
    assert program.json("table", "list")["tables"] == [table]
    shown = program.json("table", "show", str(table["id"]))
    assert shown["table"] == table
    assert [row["document"] for row in shown["rows"]] == list(LAWS)
    cell = shown["rows"][1]["cells"][0]
    assert cell["value"] == "This Agreement is governed by the laws of Oregon."
    assert (cell["state"], cell["outdated"], cell["by"]) == ("verified", False, "extractive")
    assert cell["citations"][0]["page"] == 1 and cell["citations"][0]["boxes"]
    assert shown["rows"][1]["cells"][1]["state"] == "not found"
    said = program.run("table", "show", str(table["id"])).stdout
    assert "Law: This Agreement is governed by the laws of Peru. (page 1, verified)" in said
    assert f"{FERRY}: not found" in said
    for ending in ("csv", "xlsx", "docx"):
        path = program.folder / f"clauses.{ending}"
        assert program.json("table", "export", "1", str(path))["file"] == str(path)
    again = program.run("table", "export", "1", str(path))
    assert again.returncode == 1 and "--force" in again.stderr
    with (program.folder / "clauses.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == list(LAWS)
    book = openpyxl.load_workbook(program.folder / "clauses.xlsx")
    assert book["Table"]["B3"].value == cell["value"]
    wrong = program.json("table", "export", "1", "clauses.pdf", code=1)["error"]
    assert ".xlsx" in wrong["remedy"]
    taken = program.json("table", "new", "Clauses", "-c", "Matter", "--field", LAW, code=1)
    assert "resume 1" in taken["error"]["remedy"]
    assert program.json("table", "remove", "1", "--yes")["removed"]["id"] == 1
    assert "not in the library" in program.json("table", "show", "1", code=1)["error"]["cause"]


def test_presets_and_wrong_usage(program: Program) -> None:
    found = {p["name"]: p["fields"] for p in program.json("table", "presets")["presets"]}
    assert len(found["contracts"]) == len(found["clinical"]) == 8
    assert program.run("table", "new", "T").returncode == 2
    assert program.run("table", "new", "T", "--field", "Law:").returncode == 2
    unknown = program.json("table", "new", "T", "--preset", "none", code=1)["error"]
    assert "clinical, contracts" in unknown["remedy"]
    one = program.json("table", "new", "One", "--document", "contract-2.txt", "--field", LAW)
    assert (one["table"]["rows"], one["found"]) == (1, 1)


def test_a_table_of_a_killed_program_is_gone_on_with(program: Program) -> None:
    with program.start(
        "table", "new", "Killed", "-c", "Matter", "--preset", "contracts"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("contract-1.txt"):
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    (table,) = (t for t in program.json("table", "list")["tables"] if t["title"] == "Killed")
    assert table["cells"] == 32 and 0 < table["missing"] <= 16
    before = cells(program, table["id"])
    resumed = program.json("table", "resume", str(table["id"]))
    assert resumed["kept"] == len(before) == 32 - table["missing"]
    assert resumed["found"] + resumed["not_found"] == table["missing"]
    assert resumed["table"]["missing"] == 0
    after = cells(program, table["id"])
    assert len(after) == 32
    assert all(after[place] == cell for place, cell in before.items()), "none answered twice"


def test_ctrl_c_keeps_what_is_filled(program: Program) -> None:
    with program.start(
        "table", "new", "Stopped", "-c", "Matter", "--preset", "clinical"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("contract-0.txt"):
                os.killpg(process.pid, signal.SIGINT)
                break
        said = process.stderr.read()
    assert process.returncode == 130
    assert "Stopping." in said and "To go on: muniment table resume" in said
    (table,) = (t for t in program.json("table", "list")["tables"] if t["title"] == "Stopped")
    assert 0 < table["missing"] <= 24
    resumed = program.json("table", "resume", str(table["id"]))
    assert resumed["table"]["missing"] == 0 and resumed["interrupted"] is False


def test_documents_added_later_are_filled(program: Program) -> None:
    program.json("add", str(program.folder / "files"), "-c", "Later")
    made = program.json("table", "new", "Law", "-c", "Later", "--field", LAW)
    extra = Path(program.folder / "files" / "extra.txt")
    extra.write_text("This Agreement is governed by the laws of Kenya.")
    program.json("add", str(extra), "-c", "Later")
    resumed = program.json("table", "resume", str(made["table"]["id"]))
    assert (resumed["kept"], resumed["found"]) == (4, 1)


def cells(program: Program, table: int) -> dict[tuple[str, str], object]:
    shown = program.json("table", "show", str(table))
    return {
        (row["document"], cell["field"]): cell
        for row in shown["rows"]
        for cell in row["cells"]
        if cell["state"] is not None
    }
