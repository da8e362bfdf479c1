"""The audit log and the policy through the real command line, in processes of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.audit_files import HEAD_FILE
from app.core.vault import KeyFile, open_keys
from ingest.store import Store
from tests.app.policed import PolicedProgram

TEXT = "The ferry leaves at nine from the old harbour."


@pytest.fixture
def program(tmp_path: Path) -> Iterator[PolicedProgram]:
    program = PolicedProgram(tmp_path)
    (tmp_path / "letter of Jones.txt").write_text(TEXT)
    program.json("add", str(tmp_path / "letter of Jones.txt"), "-c", "Matter")
    yield program
    program.close()


def tamper(program: PolicedProgram, statement: str) -> None:
    folder = program.folder / "library"
    store = Store(folder, open_keys(folder, KeyFile(program.folder / "key")))
    with store._database.writing() as connection:
        for trigger in ("is_not_edited", "is_not_cut", "is_added_to_at_its_end"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_{trigger}")
        connection.execute(statement)
    store.close()


def test_list_head_verify_export(program: PolicedProgram) -> None:
    asked = "When does the ferry leave?"
    program.json("ask", asked, "-c", "Matter")
    program.json("remove", "letter of Jones.txt")
    entries = program.json("audit", "list")["entries"]
    assert [e["number"] for e in entries] == list(range(1, len(entries) + 1))
    whats = [e["what"] for e in entries]
    for what in ("library.created", "document.added", "question.asked", "document.removed"):
        assert whats.count(what) == 1
    assert "Jones" not in json.dumps(entries) and "ferry" not in json.dumps(entries)
    assert entries[0]["user"] and entries[0]["time"].endswith("+00:00")

    about = program.json("audit", "list", "--about", "letter of Jones.txt")["entries"]
    assert [e["what"] for e in about] == ["document.added", "document.removed"]
    (question,) = program.json("audit", "list", "--about", asked)["entries"]
    assert question["what"] == "question.asked"
    assert (
        program.json("audit", "list", "--what", "document", "--last", "1")["entries"] == about[1:]
    )
    assert program.json("audit", "list", "--until", "2020-01-01")["entries"] == []
    assert program.run("audit", "list", "--what", "nonsense").returncode == 2
    line = program.run("audit", "list", "--what", "document.added").stdout
    assert "document.added" in line and "name_hash" in line

    head = program.run("audit", "head").stdout.strip()
    verdict = program.json("audit", "verify", "--expect", head)
    assert verdict["ok"] is True and verdict["problems"] == []
    assert program.run("audit", "verify", "--expect", "57").returncode == 1
    other = program.json("audit", "verify", "--expect", f"2:{'0' * 64}", code=1)
    assert other["problems"][0]["entry"] == 2

    target = program.folder / "log.jsonl"
    wrote = program.json("audit", "export", str(target), "--what", "document")
    assert wrote["entries"] == 2 and len(target.read_text().splitlines()) == 2
    program.json("audit", "export", str(program.folder / "log.cef"))
    lines = (program.folder / "log.cef").read_text().splitlines()
    assert all(line.startswith("CEF:0|Muniment|Muniment|") for line in lines)


def test_verify_names_the_first_wrong_entry(program: PolicedProgram) -> None:
    tamper(program, "UPDATE audit SET user = 'somebody else' WHERE number = 4")
    verdict = program.json("audit", "verify", code=1)
    assert [p["entry"] for p in verdict["problems"]] == [4] and verdict["ok"] is False
    said = program.run("audit", "verify")
    assert said.returncode == 1 and said.stdout.startswith("entry 4: It was changed")
    known = program.json("audit", "verify", "--after", "4")
    assert known["ok"] is True and known["problems"][0]["known"] is True


def test_entries_cut_off_and_a_missing_head_are_found(program: PolicedProgram) -> None:
    tamper(program, "DELETE FROM audit WHERE number > 2")
    problem, *_ = program.json("audit", "verify", code=1)["problems"]
    assert "ends after entry 2" in problem["cause"]
    (program.folder / "library" / HEAD_FILE).unlink()
    causes = [p["cause"] for p in program.json("audit", "verify", code=1)["problems"]]
    assert any("audit.head is missing" in cause for cause in causes)


def test_failed_unlocks_are_listed(program: PolicedProgram) -> None:
    right = program.environment["MUNIMENT_KEY_FILE"]
    (program.folder / "wrong").write_text("11" * 32)
    program.environment["MUNIMENT_KEY_FILE"] = str(program.folder / "wrong")
    assert program.run("list").returncode == 1
    program.environment["MUNIMENT_KEY_FILE"] = right
    (failed,) = program.json("audit", "list", "--what", "unlock.failed")["entries"]
    assert failed["detail"]["error"] == "WrongKey" and failed["detail"]["unverified"] is True


def test_a_policy_is_obeyed_and_explained(program: PolicedProgram) -> None:
    asked = program.json("ask", "When does the ferry leave?", "-c", "Matter")
    explained = program.json("policy", "explain")
    assert {s["source"] for s in explained["settings"]} == {"default"}
    program.policy(
        'contact = "the help desk"\nexport.allowed = false\nfolders.allowed = false\n'
        "models.allowed = []\naudit.question = 'text'\naudit.names = true\n"
    )
    # No variable of a user leads elsewhere.
    for name in ("MUNIMENT_POLICY", "MUNIMENT_POLICY_FILE", "XDG_CONFIG_HOME", "HOME"):
        program.environment[name] = str(program.folder)
    page = str(program.folder / "page.png")
    for command in (
        ("export", str(asked["record"]), str(program.folder / "a.md")),
        ("show", "letter of Jones.txt", "--png", page),
        ("follow", str(program.folder)),
        ("models", "use", str(program.folder)),
        ("ask", "When?", "-c", "Matter", "--model", str(program.folder)),
    ):
        error = program.json(*command, code=1)["error"]
        assert "policy of this computer forbids it" in error["cause"], command
        assert "Ask the help desk" in error["remedy"]
    assert not Path(page).exists() and not (program.folder / "a.md").exists()
    settings = {s["setting"]: s for s in program.json("policy", "explain")["settings"]}
    assert settings["export.allowed"]["value"] is False
    assert settings["export.allowed"]["source"] == str(program.place)
    assert settings["fips.required"]["source"] == "default"
    said = program.run("policy", "explain").stdout
    assert "export.allowed = false" in said and str(program.place) in said
    program.json("ask", "Is it nine?", "-c", "Matter")
    entries = program.json("audit", "list")["entries"]
    assert [e["detail"].get("question") for e in entries if e["what"] == "question.asked"][-1] == (
        "Is it nine?"
    )
    assert sum(e["what"] == "policy.refused" for e in entries) == 5
    assert sum(e["what"] == "policy.changed" for e in entries) == 1


def test_nothing_runs_under_a_policy_that_is_wrong(program: PolicedProgram) -> None:
    program.policy("export.allow = false")
    for command in (("list",), ("collections",), ("policy", "explain"), ("models", "plan", "x")):
        error = program.json(*command, code=1)["error"]
        assert error["subject"] == str(program.place), command
        assert "export.allow" in error["cause"] and "export.allowed" in error["remedy"]
    doctor = program.json("doctor", code=1)["checks"]
    assert [c["ok"] for c in doctor if c["name"] == "policy"] == [False]
    assert program.run("--help").returncode == program.run("--version").returncode == 0
    draft = program.folder / "draft.toml"
    draft.write_text("export.allowed = false\n")
    checked = program.json("policy", "check", str(draft))
    assert checked["settings"] == {"export.allowed": False}
    draft.write_text("export.allowed = 'no'\n")
    wrong = program.json("policy", "check", str(draft), code=1)["error"]
    assert wrong["subject"] == str(draft) and "true or false" in wrong["remedy"]


def test_a_policy_that_others_may_write_is_refused(program: PolicedProgram) -> None:
    program.policy("export.allowed = true")
    program.place.chmod(0o666)
    error = program.json("list", code=1)["error"]
    assert "cannot be relied on" in error["cause"] and "chmod" in error["remedy"]


def test_a_policy_under_which_nothing_opens_is_told_before(program: PolicedProgram) -> None:
    gone = program.folder / "no-such.pem"
    for text, cause in (
        (f'escrow.public_key = "{gone}"', "it is missing"),
        ('protectors.needed = ["escrow"]', "escrow.public_key names none"),
    ):
        draft = program.folder / "draft.toml"
        draft.write_text(text, encoding="utf-8")
        assert cause in program.json("policy", "check", str(draft), code=1)["error"]["cause"]
    program.policy(f'escrow.public_key = "{gone}"')
    (found,) = [c for c in program.json("doctor", code=1)["checks"] if c["name"] == "policy"]
    assert not found["ok"] and "it is missing" in found["detail"]


def test_a_path_that_was_never_the_librarys_model_is_not_called_so(program: PolicedProgram) -> None:
    told = program.json("models", "use", str(program.folder / "nowhere"), code=1)["error"]
    assert told["cause"] == "There is no such model."
