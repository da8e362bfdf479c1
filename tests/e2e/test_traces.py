"""Everything that a library tells lies in its vault, and what was removed lies nowhere.

The real program with a home, a temporary folder and a library of its own, all of which is read
byte for byte: while the document is there, and after it was removed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from app.core.vault import KeyFile, open_keys
from ingest.store import Store
from tests.conftest import FOLDERS
from tests.ingest.remains import decrypted, found, on_disk, text_forms, vector_forms

ROOT = Path(__file__).resolve().parents[2]
NAME = "planted-nephrology.pdf"
TEXT = "Zirconium cyclosilicate was given to Ms Plantedson because of her potassium."
QUESTION = "Why was zirconium cyclosilicate given?"
PLANTED = (NAME, "planted-folder", "Plantedson", "cyclosilicate", "cyclosil", "Planted matter")


class Person:
    """A person's folders, and the program as they start it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "person"
        self.library = self.folder / "library"
        self.key = folder / "key"
        self.environment = dict(os.environ, MUNIMENT_KEY_FILE=str(self.key))
        for variable, name in {**FOLDERS, "TMPDIR": "tmp", "SQLITE_TMPDIR": "tmp"}.items():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.environment[variable] = str(self.folder / name)

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app", "--library", str(self.library), *words],
            env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def data_key(self) -> bytes:
        return open_keys(self.library, KeyFile(self.key))


@pytest.fixture
def person(tmp_path: Path) -> Person:
    folder = tmp_path / "planted-folder"
    folder.mkdir()
    for name, text in ((NAME, TEXT), ("other.pdf", "The ferry leaves at nine.")):
        document = pymupdf.open()
        document.new_page().insert_text((72, 72), text)
        document.save(folder / name)
    return Person(tmp_path)


def test_nothing_lies_outside_of_the_vault_and_nothing_stays(
    person: Person, tmp_path: Path
) -> None:
    person.run("add", str(tmp_path / "planted-folder"), "-c", "Planted matter")
    person.run("search", "potassium", "-c", "Planted matter")
    assert "Plantedson" in person.run("ask", QUESTION, "-c", "Planted matter")
    person.run("table", "new", "Plantedson", "-c", "Planted matter", "--field", QUESTION)
    store = Store(person.library, person.data_key, read_only=True)
    collection = store.collection("Planted matter")
    planted = next(d for d in store.documents(collection.id) if d.name == NAME)
    (rows,) = store.index_rows(collection.id, document_id=planted.id)
    assert store.exchange_words(collection.id) and store.sheets(collection.id)
    store.close()
    needles = [*text_forms(*PLANTED, planted.content_hash), *vector_forms(rows.vectors)]
    needles.append(bytes.fromhex(planted.content_hash))
    assert found(needles, on_disk(person.folder)) == []
    # Beside the library there are no files at all that the program has left.
    left = {path for path in person.folder.rglob("*") if path.is_file()}
    assert {path.name for path in left} == {"vault.db", "keys.json", "lock", "audit.head"}
    # With the library's key the collection's name can be read, the rest is sealed.
    names = text_forms("Planted matter")
    assert found(needles, decrypted(person.library, person.data_key)) == names[:1]

    assert person.run("remove", NAME).startswith("Removed planted-nephrology.pdf.")
    assert "ferry" in person.run("search", "ferry", "-c", "Planted matter")
    person.run("remove", "-c", "Planted matter", "--yes")
    assert found(needles, on_disk(person.folder)) == []
    assert found(needles, decrypted(person.library, person.data_key)) == []
    store = Store(person.library, person.data_key)
    assert not store.has_remains
    store.close()
