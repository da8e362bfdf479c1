"""What lies in a library. The vault and snapshots are authenticated, so only who has the key could
forge them; ``keys.json`` anyone could change. All of them can be damaged."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from app.core import record_codec
from app.core.vault_file import KEYS_FILE, read_keys_file
from engine.snapshot_folder import DamagedSnapshot, SnapshotFile
from ingest import codec
from ingest.errors import StoreError
from ingest.types import Box, Chunk, ChunkLine, Figure, FigureKind, Line, PageBox
from tests.fuzz.folder import own_folder
from tests.fuzz.target import Target

_BOX = Box(1.0, 2.0, 3.0, 4.0)
_KEY = bytes(range(32))


def _bodies(data: bytes) -> None:
    """After a letter, a packed body; or its JSON, which is packed here so that it gets inside."""
    kind, body = data[:1], data[1:]
    packed = zlib.compress(body, 1) if kind.isupper() else body
    match kind.lower():
        case b"c":
            codec.unpack_chunk(0, packed)
        case b"f":
            codec.unpack_figure(1, _BOX, FigureKind.CHART.value, packed)
        case b"m":
            codec.confidence_of(packed)
        case _:
            codec.unpack_lines(packed)


def _body_seeds() -> list[bytes]:
    line = Line("Dose", _BOX, confidence=0.5)
    chunk = Chunk(0, "Dose", "dose", ("A",), (ChunkLine(1, _BOX, 0, 4),), None)
    figure = Figure(1, _BOX, FigureKind.CHART, "Figure 1", "C", (line,), "a", ("r",),
                    (PageBox(1, _BOX),))  # fmt: skip
    packed = {
        b"l": codec.pack_lines((line, line)),
        b"c": codec.pack_chunk(chunk),
        b"f": codec.pack_figure(figure),
    }
    plain = [kind.upper() + zlib.decompress(body) for kind, body in packed.items()]
    return plain + [kind + body for kind, body in packed.items()]


def _records(data: bytes) -> None:
    """What is accepted has only what a record may hold, and can be written again."""
    record = record_codec.decode(zlib.compress(data, 1), "a record")
    again = record_codec.decode(record_codec.encode(record), "a record")
    assert repr(again) == repr(record)


def _record_seeds() -> list[bytes]:
    from tests.app.core.kept import record

    return [zlib.decompress(record_codec.encode(made)) for made in (record(), record(quotes=()))]


def _keys(data: bytes) -> None:
    folder = own_folder()
    (folder / KEYS_FILE).write_bytes(data)
    found = read_keys_file(folder)
    bytes.fromhex(found.library)


def _key_seeds() -> list[bytes]:
    wrap = {"cipher": "AES-256-GCM", "nonce": "00" * 12, "wrapped": "11" * 48}
    cost = {"kdf": "argon2id", "salt": "22" * 16, "passes": 3, "memory_kib": 131072, "lanes": 4}
    protectors = [{"kind": "passphrase", **wrap, **cost}, {"kind": "keyfile", **wrap}]
    whole = {"version": 1, "library": "ab" * 16, "check": "33" * 32, "protectors": protectors}
    return [json.dumps(whole).encode(), json.dumps(whole, indent=2).encode()]


def _snapshot(data: bytes) -> None:
    """A damaged file has fewer records, or such that say so; what is appended comes back."""
    path = own_folder() / "a.snapshot"
    path.write_bytes(data)
    with SnapshotFile(path, _KEY) as file:
        for index in range(len(file.records)):
            try:
                file.read(index)
            except DamagedSnapshot:
                file.truncate(index)
                break
        file.append(1, b"more")
        assert file.read(len(file.records) - 1) == b"more"
        count = len(file.records)
    with SnapshotFile(path, _KEY) as file:
        assert len(file.records) == count


def _snapshot_seeds() -> list[bytes]:
    path: Path = own_folder() / "seed.snapshot"
    path.unlink(missing_ok=True)
    with SnapshotFile(path, _KEY) as file:
        file.append(1, b"one")
        file.append(2, b"two" * 20)
    return [path.read_bytes(), path.read_bytes()[:40]]


TARGETS = {
    "codec": Target(_bodies, (StoreError,), _body_seeds),
    "records": Target(_records, (StoreError,), _record_seeds),
    "keys": Target(_keys, (StoreError,), _key_seeds),
    "snapshots": Target(_snapshot, (DamagedSnapshot,), _snapshot_seeds),
}
