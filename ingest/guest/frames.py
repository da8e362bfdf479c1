"""Length-prefixed frames: a JSON object and optional raw bytes.

::

    magic "MUN1" | header length, 4 bytes | body length, 8 bytes | header, UTF-8 JSON | body

Big endian. The codec knows nothing of pages. Everything it reads is taken for hostile: lengths
are checked before anything is allocated, and JSON that is no object is refused.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

MAGIC = b"MUN1"
MAX_HEADER = 64 << 20
# JSON of many small values takes twenty times its length in memory. A page of as many lines and as
# much text as a page may have stays below this.
MAX_VALUES = 4_000_000
_PREFIX = struct.Struct(">4sIQ")
PREFIX_BYTES = _PREFIX.size

Header = dict[str, Any]


class FrameError(ValueError):
    """The bytes are no frame, or one larger than allowed."""


class EndOfFrames(EOFError):
    """The other side closed between two frames, or in the middle of one."""


def encode(header: Header, body_length: int = 0) -> bytes:
    """The frame up to its body, which the caller writes after it."""
    text = json.dumps(header, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    if len(text) > MAX_HEADER:
        raise FrameError(f"a header of {len(text)} bytes is too long")
    return _PREFIX.pack(MAGIC, len(text), body_length) + text


def decode(read: Callable[[int], bytes | bytearray], max_body: int) -> tuple[Header, bytes]:
    """Reads one frame by ``read(n)``, which returns exactly n bytes or raises `EndOfFrames`.

    Raises:
        FrameError: wrong magic, a length over its limit, or a header that is no JSON object.
        EndOfFrames: from ``read``.
    """
    magic, header_length, body_length = _PREFIX.unpack(read(PREFIX_BYTES))
    if magic != MAGIC:
        raise FrameError("no frame begins here")
    if header_length > MAX_HEADER:
        raise FrameError(f"a header of {header_length} bytes is too long")
    if body_length > max_body:
        raise FrameError(f"a body of {body_length} bytes is too long")
    text = bytes(read(header_length))
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise FrameError("a header with too many values")
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError("the header is no JSON") from error
    if not isinstance(header, dict):
        raise FrameError("the header is no JSON object")
    body = read(body_length) if body_length else b""
    return header, bytes(body) if isinstance(body, bytearray) else body


def _refuse_constant(name: str) -> float:
    raise FrameError(f"{name} is no number")
