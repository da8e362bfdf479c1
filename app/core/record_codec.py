"""An answer's record as bytes and back: zlib over JSON, by the names of its fields.

Fields that are added later, with a default, need no new format: what an older record lacks takes
its default, and what an older program does not know it leaves out. Any other change raises
``FORMAT``, and an older program says that it is too old. Knows no store.
"""

from __future__ import annotations

import functools
import json
import types
import typing
import zlib
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar

from app.core.records import AnswerRecord
from ingest.errors import NewerStore, StoreError

FORMAT = 1
T = TypeVar("T")


def encode(record: AnswerRecord) -> bytes:
    """The record as bytes."""
    return pack(record)


def decode(data: bytes, subject: str) -> AnswerRecord:
    """The inverse of `encode`; ``subject`` names the record in errors.

    Raises:
        NewerStore: a newer version wrote it.
        StoreError: it is damaged.
    """
    return unpack(AnswerRecord, data, subject, "Ask the question again")


def pack(record: Any) -> bytes:
    """Any dataclass of plain parts as bytes."""
    value = {"format": FORMAT, "record": _plain(record)}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Text of damaged files can hold lone surrogates.
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpack(kind: type[T], data: bytes, subject: str, remedy: str) -> T:
    """The inverse of `pack`; ``subject`` names the record in errors, ``remedy`` gets it back.

    Raises:
        NewerStore: a newer version wrote it.
        StoreError: it is damaged.
    """
    try:
        value = json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))
        written = value["format"]
        if isinstance(written, int) and written > FORMAT:
            raise NewerStore(
                subject,
                f"It was written by a newer version (format {written}, known up to {FORMAT}).",
                "Open the library with that version, or update this one. Nothing was changed.",
            )
        if written != FORMAT:
            raise ValueError(f"format {written!r}")
        record = _read(kind, value["record"])
        assert isinstance(record, kind)
        return record
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            subject,
            f"What was kept of it cannot be read ({error}).",
            f"{remedy}; restore the library from a backup if others are damaged too.",
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value


def _read(kind: Any, value: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
        return None if value is None else _read(inner, value)
    if origin is tuple:
        part = typing.get_args(kind)[0]
        return tuple([_read(part, item) for item in _of(list, value)])
    if is_dataclass(kind):
        known, make = _of(dict, value), typing.cast(type, kind)
        parts = ((name, hint) for name, hint in _hints(make).items() if name in known)
        return make(**{name: _read(hint, known[name]) for name, hint in parts})
    if issubclass(kind, StrEnum):
        return kind(_of(str, value))
    if issubclass(kind, tuple):  # a NamedTuple
        return kind(*map(_read, _hints(kind).values(), _of(list, value)))
    if kind is float and type(value) is int:
        return float(value)
    return _of(kind, value)


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
