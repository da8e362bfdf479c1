"""What the fault tests share: documents, runs of the program, and what a library must hold."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf

from app.core.audit import Audit
from app.core.audit_entries import What
from app.core.vault import KeyFile, open_keys
from ingest.store import Document, Store

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "Matter"
WORDS = (
    "agreement tenant landlord premises notice payment interest termination warranty indemnity "
    "patient dose kidney metformin pressure visit record policy claim deductible coverage"
).split()


def write_documents(folder: Path, version: str) -> list[Path]:
    """Writes a small set of files, with other words for another ``version``."""
    folder.mkdir(exist_ok=True)
    randomness = random.Random(version)
    paths = [
        _pdf(folder / "lease.pdf", randomness, pages=2),
        _pdf(folder / "record.pdf", randomness, pages=5),
        # Larger than what SQLite keeps in its log: this one forces a checkpoint.
        _pdf(folder / "bundle.pdf", randomness, pages=1, attached=5_000_000),
        folder / "notes.md",
    ]
    paths[-1].write_text("# Notes\n\n" + "\n\n".join(_sentence(randomness) for _ in range(6)))
    return paths


def write_pdf(path: Path, *, seed: str, pages: int = 2, attached: int = 0) -> Path:
    """One PDF of random sentences, with ``attached`` bytes that do not compress."""
    return _pdf(path, random.Random(seed), pages, attached)


def _pdf(path: Path, randomness: random.Random, pages: int, attached: int = 0) -> Path:
    document = pymupdf.open()
    for _ in range(pages):
        text = " ".join(_sentence(randomness) for _ in range(8))
        document.new_page().insert_textbox(pymupdf.Rect(72, 72, 520, 770), text, fontsize=10)
    if attached:
        document.embfile_add("scan.bin", randomness.randbytes(attached))
    document.save(path, no_new_id=True)
    return path


def _sentence(randomness: random.Random) -> str:
    return " ".join(randomness.choices(WORDS, k=14)).capitalize() + "."


class Program:
    """``python -m app`` on one library, in processes of its own."""

    def __init__(self, library: Path, key: Path, prefix: tuple[str, ...] = ()) -> None:
        self.library, self.key, self._prefix = library, key, prefix

    def command(self, *arguments: str) -> list[str]:
        start = [*self._prefix, sys.executable, "-m", "app"]
        return [*start, "--library", str(self.library), *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "MUNIMENT_KEY_FILE": str(self.key)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment(),
        )

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the printed JSON, and what was said on standard error."""
        with self.start(*arguments, "--json") as process:
            out, err = process.communicate()
        return process.returncode, json.loads(out or "{}"), err


class Driver:
    """A running ``fault_driver.py``; ``preload`` is the built shim, for faults of the disk."""

    def __init__(self, key: Path, preload: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fault_driver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "MUNIMENT_KEY_FILE": str(key),
                "PYTHONPATH": str(ROOT),
                **({"LD_PRELOAD": str(preload)} if preload else {}),
            },
        )
        assert self._read() == "ready"

    def run(self, library: Path, *arguments: str, kill: dict[str, Any] | None = None) -> Any:
        """One trial; see the driver for ``kill`` and the result."""
        order = {"arguments": ["--library", str(library), *arguments], "kill": kill}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver ended"
        return line.strip()


@dataclass(frozen=True)
class Held:
    """All that a library holds of one document, comparable between libraries."""

    digest: str
    vectors: np.ndarray[Any, np.dtype[np.float32]]

    def same(self, other: Held) -> bool:
        return (
            self.digest == other.digest
            and self.vectors.shape == other.vectors.shape
            and np.allclose(self.vectors, other.vectors, atol=1e-3)
        )


def contents(library: Path, key: Path) -> dict[str, Held]:
    """Every document of a library by file name, each checked to be wholly there.

    Opens the library as the program does, which also repairs what a killed one left behind.
    """
    data_key = open_keys(library, KeyFile(key))
    store = Store(library, data_key)
    try:
        check_database(store)
        check_log(Audit(library, data_key, store), store)
        found = {}
        for collection in store.collections():
            for document in store.documents(collection.id):
                assert document.name not in found
                found[document.name] = held(store, document)
        return found
    finally:
        store.close()


def held(store: Store, document: Document) -> Held:
    """What the store holds of a document; fails when its parts do not belong together."""
    pages, chunks = store.pages(document.id), store.document_chunks(document.id)
    original = store.original(document.id)
    assert [page.number for page in pages] == list(range(1, document.pages + 1))
    assert [stored.chunk.ordinal for stored in chunks] == list(range(document.chunks))
    assert len(original) == document.bytes
    assert hashlib.sha256(original).hexdigest() == document.content_hash
    assert store.shown_pdf(document.id).startswith(b"%PDF-")
    batches = list(store.index_rows(document.collection_id, document_id=document.id))
    assert [i for rows in batches for i in rows.chunk_ids] == [stored.id for stored in chunks]
    assert store.history(document.id)
    whole = (pages, [stored.chunk for stored in chunks], document.content_hash, document.model)
    vectors = np.concatenate([rows.vectors for rows in batches])
    return Held(hashlib.sha256(repr(whole).encode()).hexdigest(), vectors)


def check_database(store: Store) -> None:
    """The file is sound, and nothing in it belongs to no document."""
    for query in _SOUND:
        with store._database.reading() as connection:
            assert connection.execute(query).fetchall() in ([], [("ok",)]), query


def check_log(audit: Audit, store: Store) -> None:
    """The audit log is whole, and tells of the documents that are there and of no others."""
    assert audit.verify().problems == ()
    told: set[int] = set()
    for entry in audit.entries():
        if entry.what == What.DOCUMENT_ADDED:
            told.add(entry.detail["document"])
        elif entry.what == What.DOCUMENT_REMOVED:
            told.remove(entry.detail["document"])
    assert told == {d.id for c in store.collections() for d in store.documents(c.id)}


def _orphans() -> Iterator[str]:
    yield "PRAGMA integrity_check"
    yield "PRAGMA foreign_key_check"
    for table in ("page", "chunk", "vector_block", "original", "history"):
        yield f"SELECT * FROM {table} WHERE document_id NOT IN (SELECT id FROM document) LIMIT 1"
    for owner in ("collection", "document"):
        has_none = f"SELECT id FROM {owner} WHERE id NOT IN (SELECT {owner}_id FROM {owner}_key)"
        of_nothing = f"SELECT * FROM {owner}_key WHERE {owner}_id NOT IN (SELECT id FROM {owner})"
        yield from (f"{has_none} LIMIT 1", f"{of_nothing} LIMIT 1")
    yield "SELECT * FROM exchange_key WHERE exchange_id NOT IN (SELECT id FROM exchange) LIMIT 1"


_SOUND = tuple(_orphans())
