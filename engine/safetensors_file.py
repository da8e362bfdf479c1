"""The safetensors container: headers, and a writer that streams. Knows no models and no torch.

Format: eight bytes with the header's length, the header as JSON (name, type, shape, first and last
byte of each tensor), then the tensors without gaps.
"""

import json
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedModel, UnsupportedModel

COPY_AGAIN = "Copy the file again from where the model came from."
# Bits a number, by the format's names.
BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16,
    "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8,
    "F8_E8M0": 8, "F4": 4,
}  # fmt: skip
# What the reference implementation refuses, too: a damaged length asks for no gigabytes.
_LONGEST_HEADER = 100_000_000
_ALIGN = 64
_PADDING = "padding."
_MALFORMED = (TypeError, AttributeError, ArithmeticError, RecursionError)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Entry:
    """One tensor's place: ``first`` and ``nbytes`` count in its file."""

    path: Path
    name: str
    kind: str
    shape: tuple[int, ...]
    first: int
    nbytes: int


def read_header(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """All tensors of a file by name, and its notes.

    Raises DamagedModel if the file is missing, empty, cut short or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            text = file.read(length) if length <= min(size, _LONGEST_HEADER) else b""
    except FileNotFoundError:
        raise DamagedModel(
            str(path), "The file is missing.", "Copy all files of the model."
        ) from None
    except OSError as error:
        raise DamagedModel(
            str(path), f"It cannot be read ({error.strerror}).", COPY_AGAIN
        ) from error
    if size == 0:
        raise DamagedModel(str(path), "The file is empty.", COPY_AGAIN)
    if length > _LONGEST_HEADER:
        raise DamagedModel(str(path), "It is not a safetensors file.", COPY_AGAIN)
    if len(text) < length or not length:
        raise DamagedModel(str(path), "It is cut short.", COPY_AGAIN)
    try:
        header = json.loads(text)
        notes = header.pop("__metadata__", None) or {}
        entries = {n: _entry(path, n, given, 8 + length) for n, given in header.items()}
    except (ValueError, LookupError, *_MALFORMED) as error:
        raise DamagedModel(str(path), f"Its header is damaged ({error}).", COPY_AGAIN) from error
    end = max((entry.first + entry.nbytes for entry in entries.values()), default=0)
    if end > size:
        raise DamagedModel(
            str(path), f"It is cut short: {size:,} bytes instead of {end:,}.", COPY_AGAIN
        )
    shown = {n: e for n, e in entries.items() if not n.startswith(_PADDING)}
    return shown, {str(key): str(value) for key, value in notes.items()}


def map_file(path: Path) -> NDArray[np.uint8]:
    """A whole file as bytes, mapped from disk: nothing is read until it is used."""
    with path.open("rb") as file:
        if os.name == "nt":
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        else:
            # Private and never written to: no room has to be set aside for copies of its pages.
            flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0)
            mapped = mmap.mmap(file.fileno(), 0, flags=flags)
    return np.frombuffer(mapped, dtype=np.uint8)


def _entry(path: Path, name: str, given: Any, start: int) -> Entry:
    kind, shape = str(given["dtype"]), tuple(int(n) for n in given["shape"])
    first, last = (int(n) for n in given["data_offsets"])
    if kind in BITS and last - first != -(-math.prod(shape) * BITS[kind] // 8):
        raise ValueError(f"{name} has {last - first} bytes, which is not its shape {list(shape)}")
    if not 0 <= first <= last or min(shape, default=0) < 0:
        raise ValueError(f"{name} lies outside of the file")
    return Entry(path, name, kind, shape, start + first, last - first)


class SafetensorsFolder:
    """The tensors of all safetensors files of a folder, as its index or the files list them.

    Raises DamagedModel if a file or a listed tensor is missing, UnsupportedModel for pickle files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = folder / _INDEX
        self.entries = self._indexed(index) if index.exists() else self._all()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def entry(self, name: str) -> Entry:
        """A tensor's place. Raises DamagedModel if it is missing."""
        if name not in self.entries:
            raise DamagedModel(str(self.folder), f"The tensor {name} is missing.", COPY_AGAIN)
        return self.entries[name]

    def _indexed(self, index: Path) -> dict[str, Entry]:
        try:
            listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            files = {str(name): self.folder / str(file) for name, file in listed.items()}
        except (
            OSError,
            ValueError,
            LookupError,
            AttributeError,
            TypeError,
            RecursionError,
        ) as error:
            raise DamagedModel(
                str(index), f"The list of tensors cannot be read ({error}).", COPY_AGAIN
            ) from error
        held = {path: read_header(path)[0] for path in sorted(set(files.values()))}
        for name, path in files.items():
            if name not in held[path]:
                raise DamagedModel(str(path), f"The tensor {name} is missing.", COPY_AGAIN)
        return {name: held[path][name] for name, path in files.items()}

    def _all(self) -> dict[str, Entry]:
        files = sorted(self.folder.glob("*.safetensors"))
        if files:
            return {n: entry for path in files for n, entry in read_header(path)[0].items()}
        pickles = sorted(p.name for pattern in _PICKLES for p in self.folder.glob(pattern))
        if pickles:
            raise UnsupportedModel(
                str(self.folder / pickles[0]),
                "It is a pickle file, which can run code when it is opened.",
                "Use the model's safetensors files.",
            )
        raise DamagedModel(
            str(self.folder), "There are no safetensors files in it.", "Choose the model's folder."
        )


class Writer:
    """Writes a safetensors file tensor after tensor, each at a multiple of 64 bytes.

    ``room`` bytes are kept for the header, which is written last. OSError (a full disk) passes
    through.
    """

    def __init__(self, path: Path, room: int, notes: dict[str, str]) -> None:
        self._header: dict[str, Any] = {"__metadata__": notes}
        self._start = -(-(8 + room) // _ALIGN) * _ALIGN
        self._at = 0
        self._file = path.open("xb")
        self._file.seek(self._start)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, kind: str, shape: Iterable[int], pieces: Iterator[memoryview]) -> None:
        """A tensor, given in pieces of its bytes."""
        first = self._at
        for piece in pieces:
            self._file.write(piece)
            self._at += piece.nbytes
        shape = list(shape)
        if self._at - first != -(-math.prod(shape) * BITS[kind] // 8):
            raise ValueError(f"{name}: {self._at - first} bytes do not make up {shape}")
        self._header[name] = _described(kind, shape, first, self._at)
        if missing := -self._at % _ALIGN:
            self._file.write(bytes(missing))
            # The format allows no gaps.
            padding = f"{_PADDING}{self._at}"
            self._header[padding] = _described("U8", [missing], self._at, self._at + missing)
            self._at += missing

    def finish(self) -> None:
        """Writes the header and waits until everything is on the disk."""
        room = self._start - 8
        text = json.dumps(self._header, separators=(",", ":")).encode()
        if len(text) > room:
            raise ValueError(f"a header of {len(text)} bytes does not fit into {room}")
        self._file.seek(0)
        self._file.write(struct.pack("<Q", room) + text.ljust(room))
        self._file.flush()
        os.fsync(self._file.fileno())


def _described(kind: str, shape: list[int], first: int, last: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [first, last]}
