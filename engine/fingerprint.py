"""Tells one model from another by its files, in milliseconds. Loads no torch.

For what is kept about a model outside of it: a table of measurements, a document's cache. Of each
weights file its name, its size, its header and blocks spread evenly over it are hashed, so that
another training of the same shape is told apart without reading gigabytes. It does not notice a
single changed byte, and is no protection against somebody who forges a file.
"""

import hashlib
import re
import struct
from pathlib import Path
from typing import BinaryIO

from engine.errors import DamagedModel
from engine.packed_notes import NOTES
from engine.safetensors_file import SafetensorsFolder

# Raised when another rule gives other fingerprints.
_RULE = b"muniment fingerprint 1"
_SETTINGS = ("config.json", NOTES)
_BLOCKS, _BLOCK_BYTES = 256, 4096
# A GGUF header holds the vocabulary, and its length is written nowhere.
_GGUF_HEADER_BYTES = 1 << 24
_LONGEST_HEADER = 100_000_000
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")


def fingerprint(path: Path) -> str:
    """64 hexadecimal digits for a published folder, a packed folder or a GGUF file.

    The same for a copy elsewhere; a split GGUF model counts with all of its parts. Raises
    DamagedModel if a file is missing or cannot be read, UnsupportedModel for pickle files.
    """
    if not path.exists():
        raise DamagedModel(str(path), "There is no such model.", "Name a model's folder or file.")
    whole = hashlib.sha256(_RULE)
    where = path
    try:
        for where in _settings(path):
            _add(whole, where.name, where.read_bytes())
        for where in _weights(path):
            # The name of a lone GGUF file is the owner's to choose.
            name = where.name if path.is_dir() else ""
            with where.open("rb") as file:
                _add(whole, name, _sample(file))
    except FileNotFoundError:
        raise DamagedModel(
            str(where), "The file is missing.", "Copy all files of the model."
        ) from None
    except OSError as error:
        raise DamagedModel(
            str(where), f"It cannot be read ({error.strerror or error}).", "Copy the model again."
        ) from error
    return whole.hexdigest()


def _settings(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return [path / name for name in _SETTINGS if name == "config.json" or (path / name).exists()]


def _weights(path: Path) -> list[Path]:
    if path.is_dir():
        # Says what is wrong where there are none.
        return sorted(path.glob("*.safetensors")) or [
            entry.path for entry in SafetensorsFolder(path).entries.values()
        ]
    part = _PART.search(path.name)
    if part is None:
        return [path]
    count, stem = int(part[1]), path.name[: part.start()]
    return [path.with_name(f"{stem}-{n:05}-of-{count:05}.gguf") for n in range(1, count + 1)]


def _add(whole: "hashlib._Hash", name: str, content: bytes) -> None:
    """Each with its length, so that no two lists of files give the same bytes."""
    for part in (name.encode(), content):
        whole.update(struct.pack("<Q", len(part)) + part)


def _sample(file: BinaryIO) -> bytes:
    """The sum of a file's size, header, and blocks from its first to its last."""
    size = file.seek(0, 2)
    file.seek(0)
    found = hashlib.sha256(struct.pack("<Q", size))
    header = _header_bytes(file.read(8), size)
    file.seek(0)
    found.update(file.read(header))
    last = max(0, size - _BLOCK_BYTES)
    for place in sorted({last * i // (_BLOCKS - 1) for i in range(_BLOCKS)}):
        file.seek(place)
        found.update(file.read(_BLOCK_BYTES))
    return found.digest()


def _header_bytes(start: bytes, size: int) -> int:
    if start[:4] == b"GGUF" or len(start) < 8:
        return min(size, _GGUF_HEADER_BYTES)
    return int(min(size, _LONGEST_HEADER, 8 + struct.unpack("<Q", start)[0]))
