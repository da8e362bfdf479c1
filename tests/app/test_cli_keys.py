"""``muniment keys``: what opens a library is listed, added, changed, removed and recovered."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from app.core import policy, policy_place
from app.core.vault import (
    Argon2Cost,
    EscrowPublicKey,
    KeyFile,
    NewLibrary,
    NotInFipsMode,
    Passphrase,
    create_keys,
    describe,
    new_recovery_key,
    open_keys,
    protectors,
    remove_protector,
)
from app.core.workspace import Workspace
from ingest.store import Store
from tests.app.program import Program

CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)
OLD, NEW = "correct horse battery", "another horse battery"


class Keys(Program):
    """A library with one document, opened by a passphrase and a recovery key."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.library = folder / "library"
        self.recovery = new_recovery_key()
        new = NewLibrary(recovery=self.recovery)
        key = create_keys(self.library, Passphrase(OLD), new=new, cost=CHEAP)
        store = Store(self.library, key)
        store.add_collection("Letters")
        store.close()
        self.says(MUNIMENT_PASSPHRASE=OLD)

    def says(self, **variables: str) -> None:
        """These secrets are in the environment, and no others."""
        for name in [name for name in self.environment if name.startswith("MUNIMENT_")]:
            del self.environment[name]
        self.environment.update(variables)

    def opens(self) -> bool:
        return self.run("collections").stdout.startswith("Letters")


@pytest.fixture
def program(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_the_list_needs_no_key(program: Keys) -> None:
    program.says()
    listed = program.json("keys", "list")
    assert [protector["kind"] for protector in listed["protectors"]] == ["passphrase", "recovery"]
    assert listed["protectors"][0]["kdf"] == "argon2id"
    assert listed["vault_cipher"] == "chacha20"
    assert listed["fips"]["library"] is False
    said = program.run("keys", "list").stdout
    assert "ChaCha20-Poly1305" in said and "FIPS: not in FIPS mode" in said


def test_a_changed_passphrase_rewrites_no_document(program: Keys) -> None:
    assert program.opens()  # the log is begun
    before = pages(program.library)
    old_wrap = describe(program.library).protectors[0].wrapped.hex()
    program.says(MUNIMENT_PASSPHRASE=OLD, MUNIMENT_NEW_PASSPHRASE=NEW)
    done = program.run("keys", "change-passphrase")
    assert done.returncode == 0, done.stderr
    after = pages(program.library)
    assert len(after) == len(before) > 20
    # Only the audit log tells of it.
    assert sum(one != other for one, other in zip(before, after, strict=True)) <= 4
    assert old_wrap not in (program.library / "keys.json").read_text()
    assert not program.opens()
    program.says(MUNIMENT_PASSPHRASE=NEW)
    assert program.opens()
    entries = program.json("audit", "list")["entries"]
    changed = [entry for entry in entries if entry["what"] == "keys.changed"]
    assert [entry["detail"]["protector"] for entry in changed] == ["passphrase"]
    assert program.json("audit", "verify")["problems"] == []


def pages(library: Path) -> list[bytes]:
    """The vault's pages as they lie on the disk."""
    content = (library / "vault.db").read_bytes()
    return [content[at : at + 16_384] for at in range(0, len(content), 16_384)]


def test_a_policy_adds_the_escrow_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = rsa.generate_private_key(65537, 3072)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    escrow = EscrowPublicKey.parse(pem, "a test")
    Workspace.open(tmp_path / "old", Passphrase(OLD), create=True).close()
    old = open_keys(tmp_path / "old", Passphrase(OLD))
    rules = {"escrow.public_key": pem.decode(), "protectors.needed": ["passphrase", "escrow"]}
    monkeypatch.setattr(policy_place, "read_values", lambda: rules)
    new = create_keys(tmp_path / "new", Passphrase(OLD), cost=CHEAP)
    assert [p.kind for p in describe(tmp_path / "new").protectors] == ["passphrase", "escrow"]
    Workspace.open(tmp_path / "old", Passphrase(OLD)).close()
    assert describe(tmp_path / "old").protectors[-1].escrow == escrow.fingerprint
    for folder, key in (("old", old), ("new", new)):
        for kind in ("escrow", "passphrase"):
            with pytest.raises(policy.PolicyForbids, match="asks for the"):
                remove_protector(tmp_path / folder, key, kind)
    with pytest.raises(policy.PolicyForbids, match="passphrase"):
        create_keys(tmp_path / "file", KeyFile(tmp_path / "key"))
    assert not (tmp_path / "file").exists()
    monkeypatch.setattr(policy_place, "read_values", lambda: {"fips.required": True})
    with pytest.raises(NotInFipsMode):
        Workspace.open(tmp_path / "new", Passphrase(OLD))
    create_keys(tmp_path / "approved", KeyFile(tmp_path / "key"))
    assert describe(tmp_path / "approved").fips


def test_a_new_passphrase_that_is_too_short_changes_nothing(program: Keys) -> None:
    program.says(MUNIMENT_PASSPHRASE=OLD, MUNIMENT_NEW_PASSPHRASE="short")
    assert "at least 8" in program.json("keys", "change-passphrase", code=1)["error"]["cause"]
    program.says(MUNIMENT_PASSPHRASE=OLD)
    error = program.json("keys", "change-passphrase", code=1)["error"]
    assert "MUNIMENT_NEW_PASSPHRASE" in error["remedy"]
    assert program.opens()


def test_a_key_file_is_added_and_the_last_one_stays(program: Keys, tmp_path: Path) -> None:
    file = tmp_path / "new.key"
    added = program.json("keys", "add", "keyfile", str(file))
    assert added == {"added": "keyfile", "replaced": False} and file.exists()
    program.json("keys", "remove", "passphrase")
    program.says(MUNIMENT_KEY_FILE=str(file))
    program.json("keys", "remove", "recovery")
    error = program.json("keys", "remove", "keyfile", code=1)["error"]
    assert "key file" in error["cause"] and "keys add" in error["remedy"]
    assert program.opens()
    assert program.run("keys", "add", "keyfile").returncode == 2


def test_recovery(program: Keys) -> None:
    program.says(MUNIMENT_RECOVERY_KEY=program.recovery.text.lower(), MUNIMENT_NEW_PASSPHRASE=NEW)
    assert program.opens()
    assert program.json("keys", "recover") == {"recovered_with": "recovery"}
    program.says(MUNIMENT_PASSPHRASE=NEW)
    assert program.opens()
    fresh = program.json("keys", "add", "recovery")
    assert fresh["replaced"] and fresh["recovery_key"].startswith("MR")
    program.says(MUNIMENT_RECOVERY_KEY=program.recovery.text, MUNIMENT_NEW_PASSPHRASE=OLD)
    assert "newer one" in program.json("keys", "recover", code=1)["error"]["remedy"]
    program.says(MUNIMENT_RECOVERY_KEY=fresh["recovery_key"])
    assert program.opens()


def test_an_organisation_recovers_with_its_private_key(program: Keys, tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 3072)
    public_file, private_file = tmp_path / "escrow.pub", tmp_path / "escrow.pem"
    public_file.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    private_file.write_bytes(
        private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"of the file")
        )
    )
    program.json("keys", "add", "escrow", str(public_file))
    listed = program.json("keys", "list")["protectors"]
    assert listed[-1]["public_key"] == EscrowPublicKey.read(public_file).fingerprint
    program.says(MUNIMENT_NEW_PASSPHRASE=NEW)
    error = program.json("keys", "recover", "--escrow-key", str(private_file), code=1)["error"]
    assert "MUNIMENT_ESCROW_PASSPHRASE" in error["remedy"]
    program.says(MUNIMENT_NEW_PASSPHRASE=NEW, MUNIMENT_ESCROW_PASSPHRASE="of the file")
    done = program.json("keys", "recover", "--escrow-key", str(private_file))
    assert done == {"recovered_with": "escrow"}
    program.says(MUNIMENT_PASSPHRASE=NEW)
    assert program.opens()


def test_wrong_passphrases_are_slowed_across_starts(program: Keys) -> None:
    count = program.library / "attempts.json"
    program.says(MUNIMENT_PASSPHRASE="wrong horse battery")
    assert "next try" not in program.run("collections").stderr
    assert json.loads(count.read_text())["failed"] == 1
    count.write_text('{"failed": 7, "last": 0}')
    assert "The next try is possible in 30 seconds" in program.run("collections").stderr
    program.says(MUNIMENT_PASSPHRASE=OLD)
    # As after setting the clock back: the whole pause, however long the start takes.
    count.write_text(f'{{"failed": 4, "last": {time.time() + 3600}}}')
    done = program.run("collections")
    assert done.stdout.startswith("Letters")
    assert "4 wrong passphrases were tried" in done.stderr and "in 2 seconds" in done.stderr
    assert not count.exists()


def test_a_library_in_fips_mode(tmp_path: Path) -> None:
    program = Program(tmp_path)
    created = program.json("keys", "create", "--fips", "--no-recovery")
    assert created == {"created": str(tmp_path / "library")}
    listed = program.json("keys", "list")
    assert listed["vault_cipher"] == "sqlcipher" and listed["fips"]["library"]
    if not listed["fips"]["openssl_in_fips_mode"]:
        assert "nothing is validated" in listed["fips"]["statement"]
    note = tmp_path / "note.txt"
    note.write_text("The ferry leaves at nine.")
    assert program.json("add", str(note))["added"] == 1
    program.environment["MUNIMENT_FIPS"] = "1"
    found = program.json("search", "ferry")
    assert "ferry" in str(found)
    error = program.json("keys", "create", code=1)["error"]
    assert "already" in error["cause"]


def test_a_new_library_says_that_it_has_no_recovery_key(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("The ferry leaves at nine.")
    assert "muniment keys add recovery" in Program(tmp_path).run("add", str(note)).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_at_a_terminal_it_is_offered_and_typed_back(tmp_path: Path) -> None:
    program = Program(tmp_path)
    del program.environment["MUNIMENT_KEY_FILE"]
    note = tmp_path / "note.txt"
    note.write_text("The ferry leaves at nine.")
    said = at_terminal(program, ["add", str(note)], [OLD, OLD, "y"])
    assert OLD not in said
    library = tmp_path / "library"
    assert protectors(library) == ["passphrase", "recovery"]
    lines = [line.strip() for line in said.splitlines()]
    start = next(at for at, line in enumerate(lines) if line.startswith("MR"))
    typed = " ".join(lines[start : start + 3])
    said = at_terminal(program, ["keys", "recover"], [typed, NEW, NEW])
    assert "The new passphrase opens the library" in said
    assert "Documents" in at_terminal(program, ["collections"], [NEW])
    assert "Documents" in at_terminal(program, ["collections"], [typed])  # instead of it


def at_terminal(program: Program, arguments: list[str], answers: list[str]) -> str:
    """Runs a command at a terminal and types an answer at each question; what the screen shows."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--library", str(program.folder / "library"), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=program.environment,
        start_new_session=True,
    )
    os.close(theirs)
    seen, asked = b"", 0
    with contextlib.suppress(OSError):  # Linux: the other side was closed
        while piece := os.read(ours, 4096):
            seen += piece
            if seen[asked:].endswith(b": ") and answers:
                asked = len(seen)
                os.write(ours, answers.pop(0).encode() + b"\n")
    os.close(ours)
    assert process.wait(60) == 0, seen.decode()
    return seen.decode()
