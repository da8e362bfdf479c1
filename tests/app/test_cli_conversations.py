"""Kept conversations on the real command line: asked, listed, exported, removed."""

from __future__ import annotations

import re
import stat

import pymupdf
import pytest

from tests.app.core.read_back import Word, pdf_text, squeezed
from tests.app.program import Program

LAW = "This Agreement is governed by the law of Norway."
NOTICE = "Notice is given <b>in writing</b> to [the agent](http://a.example)\x1b[31m in 30 days."


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("cli"))
    document = pymupdf.open()
    for text in ("The parties are Alpha and Beta.", LAW):
        document.new_page().insert_textbox(pymupdf.Rect(72, 72, 500, 700), text)
    files = program.folder / "contract.pdf", program.folder / "letter.txt"
    document.save(files[0])
    files[1].write_text(NOTICE)
    program.json("add", *map(str, files), "-c", "Matter")
    program.json("ask", "Which law governs the agreement?", "-c", "Matter")
    program.json(
        "ask",
        "In which form does a party give notice to the agent of the landlord?",
        "-c",
        "Matter",
        "--conversation",
        "1",
    )
    return program


def test_conversations_are_listed_shown_found_and_renamed(program: Program) -> None:
    (listed,) = program.json("conversations", "list", "-c", "Matter")["conversations"]
    assert (listed["id"], listed["collection"], listed["exchanges"]) == (1, "Matter", 2)
    assert "Which law governs the agreement?  (Matter; 2 answers; 2" in (
        program.run("conversations").stdout
    )
    told = program.json("conversations", "show", "1")
    assert [e["record"] for e in told["exchanges"]] == [1, 2]
    answer = told["exchanges"][0]["answer"]
    assert answer["citations"][0]["document"] == "contract.pdf" and LAW in answer["answer"]
    text = program.run("conversations", "show", "1").stdout
    assert f"{LAW} [1]" in text and f"[1] contract.pdf, page 2: “{LAW}” (verified)." in text
    # What documents say does not reach the terminal as it is.
    assert "in writing" in text and "\x1b" not in text
    (found,) = program.json("conversations", "search", "norway LAW")["found"]
    assert (found["conversation"]["id"], found["record"]) == (1, 1)
    renamed = program.json("conversations", "rename", "1", "The lease")["renamed"]
    assert renamed["title"] == "The lease"
    error = program.json("conversations", "show", "9", code=1)["error"]
    assert error["subject"] == "conversation 9" and "muniment conversations" in error["remedy"]


def test_an_answer_is_exported_and_read_back(program: Program) -> None:
    file = program.folder / "answer.docx"
    told = program.json("export", "2", str(file), "--record")
    assert told == {"file": str(file), "answer": 2, "conversation": None}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    word = Word(file.read_bytes())
    text = squeezed("\n".join([word.text, *word.notes.values()]))
    for part in (
        "In which form does a party give notice to the agent of the landlord?",
        "No model: the documents' own sentences",
        "letter.txt, page 1: “Notice is given <b>in writing</b> to [the agent](http://a.example)",
        "Record of answer 2",
    ):
        assert squeezed(part) in text, part
    before = file.read_bytes()
    error = program.json("export", "2", str(file), code=1)["error"]
    assert error["subject"] == str(file) and "--force" in error["remedy"]
    assert file.read_bytes() == before
    program.json("export", "2", str(file), "--force")
    assert len(file.read_bytes()) < len(before)
    assert not [p for p in program.folder.iterdir() if p.name.startswith(".answer")]


def test_a_conversation_is_exported(program: Program) -> None:
    file = program.folder / "conversation.pdf"
    assert program.run("export", "--conversation", "1", str(file)).stdout == (
        f"{file}: conversation 1\n"
    )
    text = pdf_text(file.read_bytes())
    assert (
        "Which law governs the agreement?" in text
        and "In which form does a party give notice to the agent of the landlord?" in text
    )
    assert f"contract.pdf, page 2: “{LAW}” (verified)" in text


@pytest.mark.parametrize("words", [["2"], ["x", "b.pdf"], ["2", "b.pdf", "--conversation", "1"]])
def test_wrong_words_are_told(program: Program, words: list[str]) -> None:
    done = program.run("export", *words)
    assert done.returncode == 2 and ("answer" in done.stderr.lower())


def test_a_removed_document_takes_its_answers_along(program: Program) -> None:
    program.json("remove", "contract.pdf", "-c", "Matter")
    told = program.json("conversations", "show", "1")["exchanges"]
    assert (told[0]["removed"], told[0]["answer"]) == (True, None)
    error = program.json("export", "1", str(program.folder / "gone.pdf"), code=1)["error"]
    assert "was removed" in error["cause"]
    assert program.json("conversations", "search", "Norway")["found"] == []
    error = program.json("conversations", "remove", "1", code=1)["error"]
    assert "2 answers" in error["cause"] and "--yes" in error["remedy"]
    said = program.run("conversations", "remove", "1", "-y").stdout
    assert re.fullmatch(r"Removed “.*” with 2 answers\.\n", said)
    assert program.json("conversations", "--json")["conversations"] == []
