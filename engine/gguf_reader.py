"""The GGUF container: settings and tensors by name, left on disk. Knows no models.

Format: the GGUF specification, versions 2 and 3, little endian. The ``gguf`` package's own reader
makes several arrays a vocabulary entry (20 s and 700 MB for Gemma's 262,144), so only its tables of
number formats are used here; lists are stepped over and decoded when somebody asks.
"""

import math
import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType
from numpy.typing import NDArray

from engine.errors import DamagedModel, UnsupportedModel

_COPY_AGAIN = "Copy the file again from where the model came from."
_SCALARS = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
}
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
# More dimensions than any tensor has: a damaged header is found out before it asks for gigabytes.
_MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class StoredTensor:
    """One tensor's place: ``shape`` outermost first, ``first`` and ``nbytes`` in its file."""

    path: Path
    name: str
    kind: GGMLQuantizationType
    shape: tuple[int, ...]
    first: int
    nbytes: int

    @property
    def block(self) -> tuple[int, int]:
        """Numbers and bytes of a block of this kind."""
        size, nbytes = GGML_QUANT_SIZES[self.kind]
        return int(size), int(nbytes)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, along the innermost dimension."""
        size, nbytes = self.block
        return self.shape[-1] // size * nbytes

    def read(self, first: int, count: int) -> NDArray[np.uint8]:
        """Rows first to first + count, all outer dimensions as one: uint8 [count, row_bytes]."""
        wanted = count * self.row_bytes
        try:
            raw = np.fromfile(
                self.path, dtype=np.uint8, count=wanted, offset=self.first + first * self.row_bytes
            )
        except OSError as error:
            raise DamagedModel(
                str(self.path), f"It cannot be read ({error}).", _COPY_AGAIN
            ) from error
        if len(raw) != wanted:
            raise DamagedModel(str(self.path), f"The tensor {self.name} is cut short.", _COPY_AGAIN)
        return raw.reshape(count, self.row_bytes)

    def mapped(self) -> NDArray[np.uint8]:
        """All rows, mapped from disk: uint8 [rows, row_bytes]."""
        rows = self.nbytes // self.row_bytes
        return np.memmap(
            self.path, dtype=np.uint8, mode="r", offset=self.first, shape=(rows, self.row_bytes)
        )


class GgufReader:
    """A GGUF model: one file, or all parts of one that was split.

    Raises DamagedModel for what is no GGUF file or is cut short, UnsupportedModel for a version or
    a number format that is not known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        first = _File(path)
        self._settings = first.settings
        self.tensors = {tensor.name: tensor for tensor in first.tensors}
        count = self.get("split.count", 1)
        if not isinstance(count, int) or count <= 1:
            return
        for part in self._other_parts(count):
            self.tensors.update({tensor.name: tensor for tensor in _File(part).tensors})

    @property
    def architecture(self) -> str:
        """What the file says it holds, for example gemma3."""
        return str(self.get("general.architecture", ""))

    def get(self, key: str, default: Any = None) -> Any:
        """A setting: a number, a truth value, a string, or a list of such."""
        found = self._settings.get(key)
        return default if found is None else found.value()

    def own(self, key: str, default: Any = None) -> Any:
        """A setting of this architecture."""
        return self.get(f"{self.architecture}.{key}", default)

    def needed(self, key: str) -> Any:
        """A setting of this architecture that must be there."""
        value = self.own(key)
        if value is None:
            raise DamagedModel(
                str(self.path),
                f"The setting {self.architecture}.{key} is missing.",
                "Choose a file that a current llama.cpp converter has written.",
            )
        return value

    def _other_parts(self, count: int) -> Iterator[Path]:
        named = _PART.search(self.path.name)
        if named is None or int(named[1]) != 1:
            raise DamagedModel(
                str(self.path),
                f"It is one of {count} parts, and not called as the first one.",
                f"Choose the file that ends in -00001-of-{count:05}.gguf, beside the others.",
            )
        for number in range(2, count + 1):
            name = self.path.name[: named.start()] + f"-{number:05}-of-{count:05}.gguf"
            yield self.path.with_name(name)


class _Setting:
    """A setting as it lies in the header, decoded on demand."""

    def __init__(
        self, header: "_Header", kind: GGUFValueType, first: int, count: int | None
    ) -> None:
        self._header, self._kind, self._first, self._count = header, kind, first, count

    def value(self) -> Any:
        if self._count is None:
            return self._header.scalar(self._kind, self._first)
        if self._kind == GGUFValueType.STRING:
            return self._header.strings(self._first, self._count)
        return list(
            struct.unpack_from(
                f"<{self._count}{_SCALARS[self._kind]}", self._header.data, self._first
            )
        )


class _Header:
    """Numbers and strings at a place in the file."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self.size = file.seek(0, 2)
                if self.size == 0:
                    raise DamagedModel(str(path), "The file is empty.", _COPY_AGAIN)
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise DamagedModel(
                str(path), "The file is missing.", "Choose a model that is there."
            ) from None
        except OSError as error:
            raise DamagedModel(str(path), f"It cannot be read ({error}).", _COPY_AGAIN) from error

    def number(self, form: str, first: int) -> int:
        return int(struct.unpack_from("<" + form, self.data, first)[0])

    def scalar(self, kind: GGUFValueType, first: int) -> Any:
        if kind == GGUFValueType.STRING:
            return self.string(first)[0]
        return struct.unpack_from("<" + _SCALARS[kind], self.data, first)[0]

    def string(self, first: int) -> tuple[str, int]:
        """The text and where it ends."""
        end = first + 8 + self.number("Q", first)
        if end > self.size:
            raise EOFError
        return self.data[first + 8 : end].decode("utf-8", "replace"), end

    def strings(self, first: int, count: int) -> list[str]:
        found = []
        for _ in range(count):
            text, first = self.string(first)
            found.append(text)
        return found

    def step_over(self, kind: GGUFValueType, first: int, count: int) -> int:
        """Where ``count`` values end."""
        if kind in _SCALARS:
            end = first + struct.calcsize("<" + _SCALARS[kind]) * count
        elif kind == GGUFValueType.STRING:
            data, unpack, end = self.data, struct.Struct("<Q").unpack_from, first
            for _ in range(count):
                end += 8 + unpack(data, end)[0]
        else:
            raise ValueError(f"a list of {kind.name}")
        if end > self.size:
            raise EOFError
        return end


class _File:
    """The header of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: dict[str, _Setting] = {}
        self.tensors: list[StoredTensor] = []
        header = _Header(path)
        if header.data[:4] != b"GGUF":
            raise DamagedModel(
                str(path), "It is not a GGUF file.", "Choose a .gguf file or a model's folder."
            )
        try:
            self._read(header)
        except (struct.error, EOFError) as error:
            raise DamagedModel(str(path), "It is cut short.", _COPY_AGAIN) from error
        except (ValueError, TypeError, OverflowError, LookupError) as error:
            raise DamagedModel(
                str(path), f"Its header is damaged ({error}).", _COPY_AGAIN
            ) from error

    def _read(self, header: _Header) -> None:
        version = header.number("I", 4)
        if version not in (2, 3):
            raise UnsupportedModel(
                str(self.path),
                "It was written for a big-endian machine."
                if version & 0xFFFF == 0
                else f"It is version {version} of the format.",
                "Choose a file of version 2 or 3, little endian.",
            )
        tensors, settings = header.number("Q", 8), header.number("Q", 16)
        at = 24
        for _ in range(settings):
            name, at = header.string(at)
            kind, at = GGUFValueType(header.number("I", at)), at + 4
            count = None
            if kind == GGUFValueType.ARRAY:
                kind = GGUFValueType(header.number("I", at))
                count, at = header.number("Q", at + 4), at + 12
            self.settings[name] = _Setting(header, kind, at, count)
            at = header.step_over(kind, at, 1 if count is None else count)
        infos = []
        for _ in range(tensors):
            name, at = header.string(at)
            dimensions = header.number("I", at)
            if dimensions > _MOST_DIMENSIONS:
                raise ValueError(f"{name} has {dimensions} dimensions")
            sizes = struct.unpack_from(f"<{dimensions}Q", header.data, at + 4)
            at += 4 + 8 * dimensions
            infos.append((name, sizes[::-1], header.number("I", at), header.number("Q", at + 4)))
            at += 12
        align = 32
        if "general.alignment" in self.settings:
            align = int(self.settings["general.alignment"].value())
        start = -(-at // max(align, 1)) * max(align, 1)
        for name, shape, number, offset in infos:
            self.tensors.append(self._tensor(header, name, shape, number, start + offset))

    def _tensor(
        self, header: _Header, name: str, shape: tuple[int, ...], number: int, first: int
    ) -> StoredTensor:
        try:
            kind = GGMLQuantizationType(number)
        except ValueError:
            raise UnsupportedModel(
                str(self.path),
                f"The tensor {name} is in the number format {number}, which is not known.",
                "Choose a file in Q4_0, Q4_K_M, Q8_0 or bf16.",
            ) from None
        block, block_bytes = GGML_QUANT_SIZES[kind]
        if not shape or min(shape) < 1 or shape[-1] % block:
            raise ValueError(f"{name} has the shape {list(shape)}")
        nbytes = math.prod(shape) // block * block_bytes
        if first + nbytes > header.size:
            raise DamagedModel(
                str(self.path),
                f"It is cut short: the tensor {name} ends at byte {first + nbytes:,}, the file at "
                f"{header.size:,}.",
                _COPY_AGAIN,
            )
        return StoredTensor(self.path, name, kind, shape, first, nbytes)
