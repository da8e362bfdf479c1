"""What is found in a vault's file by who has its key, page for page, used or not."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import apsw
import numpy as np

from ingest.library_files import FILE_NAME


def opened(folder: Path, key: bytes) -> apsw.Connection:
    """The vault in ``folder`` as SQLite opens it, nothing checked or changed."""
    connection = apsw.Connection(str(folder / FILE_NAME))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{key.hex()}")
    return connection


def decrypted(folder: Path, key: bytes) -> bytes:
    """Every page of a copy of the vault as it lies in the file, decrypted: also free ones.

    What its log holds is taken into the copy first.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for path in folder.glob(f"{FILE_NAME}*"):
            shutil.copy(path, scratch)
        connection = opened(Path(scratch), key)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size, count = connection.pragma("page_size"), connection.pragma("page_count")
        pages = [connection.read("main", 0, number * size, size)[1] for number in range(count)]
        connection.close()
    assert pages[0].startswith(b"SQLite format 3")
    return b"".join(pages)


def on_disk(*folders: Path) -> bytes:
    """All files below some folders, and their names, one after the other."""
    found = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        found.append(str(path).encode())
        if path.is_file():
            found.append(path.read_bytes())
    return b"\n".join(found)


def text_forms(*texts: str) -> list[bytes]:
    """Texts in the ways they could be written down."""
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    return [text.encode(encoding) for text in texts for encoding in encodings]


def vector_forms(vectors: np.ndarray) -> list[bytes]:
    """Pieces of vectors, whole and in half precision."""
    return [
        piece.astype(kind).tobytes()
        for vector in vectors
        for kind in (np.float32, np.float16)
        for piece in vector.reshape(-1, 8)[:4]
    ]


def found(needles: Iterable[bytes], content: bytes) -> list[bytes]:
    """The needles that are there, plainly or in something that was compressed by zlib."""
    whole = content + b"".join(_inflated(content))
    return [needle for needle in needles if needle in whole]


def _inflated(content: bytes) -> Iterable[bytes]:
    for head in (b"\x78\x01", b"\x78\x9c", b"\x78\xda"):
        place = content.find(head)
        while place >= 0:
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj().decompress(content[place : place + (1 << 20)])
            place = content.find(head, place + 1)
