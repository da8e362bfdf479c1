"""What the command line prints cannot steer the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.cli import plain as module
from app.cli.plain import PlainConsole, escaped, say
from app.core.plain import plain
from tests.injection.attack import FACT, ORDER

STEERING = "a\x1b[31mred\x07 \x9b2J \u202eabc\u202c \u2066x\u2069 \x7f\r \U000e0041"


def test_steering_signs_become_spaces() -> None:
    assert plain(STEERING) == "a [31mred   2J  abc   x      "
    assert plain("tab\tand\nline – ünï 漢") == "tab\tand\nline – ünï 漢"


def test_json_keeps_its_meaning() -> None:
    line = escaped(json.dumps({"text": STEERING}, ensure_ascii=False))
    assert plain(line) == line
    assert json.loads(line) == {"text": STEERING}


def test_consoles_take_strings_for_text(capsys: pytest.CaptureFixture[str]) -> None:
    PlainConsole(highlight=False).print(f"[bold]{STEERING}[/bold]")
    say(STEERING)
    shown = capsys.readouterr().out
    assert "[bold]" in shown and "\x1b" not in shown and "\u202e" not in shown


def test_nothing_else_prints() -> None:
    folder = Path(module.__file__).parent
    for path in folder.glob("*.py"):
        if path.name != "plain.py":
            assert not re.search(r"(?<![\w.])(?<!def )print\(|[^n]Console\(", path.read_text()), (
                path
            )


def test_hidden_text_is_listed_and_shown(tmp_path: Path) -> None:
    from tests.app.program import Program

    (tmp_path / "files").mkdir()
    letter = tmp_path / "files" / "letter.html"
    letter.write_text(f"<p>{FACT}</p><p style='color:white'>{ORDER}</p>")
    program = Program(tmp_path)
    added = program.json("add", str(letter))
    assert (added["hidden_text"], added["damaged"]) == (1, 0)
    assert ORDER in added["documents"][0]["warning"]
    (document,) = program.json("list")["documents"]
    assert document["hidden_text"] and any(ORDER in told for told in document["warnings"])
    listed = program.run("list").stdout
    assert ", hidden text)" in listed and f"“{ORDER}”" in listed
    png = str(tmp_path / "page.png")
    shown = program.run("show", "letter.html", "--png", png).stdout
    assert "Warning: It holds text that cannot be seen" in shown
    assert ORDER in program.json("show", "letter.html", "--png", png)["warnings"][0]
    assert ORDER not in json.dumps(program.json("search", "Larkspur instructions"))
