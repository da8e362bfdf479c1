from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.guest.frames import MAX_HEADER, EndOfFrames, FrameError, decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def reader(data: bytes) -> Any:
    stream = io.BytesIO(data)

    def read(count: int) -> bytes:
        piece = stream.read(count)
        if len(piece) < count:
            raise EndOfFrames
        return piece

    return read


@given(st.dictionaries(st.text(), JSON, max_size=5), st.binary(max_size=200))
def test_what_is_encoded_comes_back(header: dict[str, Any], body: bytes) -> None:
    frame = encode(header, len(body)) + body
    assert decode(reader(frame), 200) == (header, body)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_frame_or_a_known_error(data: bytes) -> None:
    try:
        header, body = decode(reader(data), 1000)
    except (FrameError, EndOfFrames):
        return
    assert isinstance(header, dict)
    assert len(body) <= 1000


@given(st.dictionaries(st.text(), JSON, max_size=3), st.data())
def test_a_changed_byte_never_raises_anything_else(header: dict[str, Any], data: Any) -> None:
    frame = bytearray(encode(header, 3) + b"abc")
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FrameError, EndOfFrames):
        decode(reader(bytes(frame)), 10)


@pytest.mark.parametrize("text", [b"[1]", b"3", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff"])
def test_headers_that_are_no_plain_object_are_refused(text: bytes) -> None:
    frame = b"MUN1" + len(text).to_bytes(4, "big") + bytes(8) + text
    with pytest.raises(FrameError):
        decode(reader(frame), 0)


def test_deep_nesting_is_refused() -> None:
    text = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    frame = b"MUN1" + len(text).to_bytes(4, "big") + bytes(8) + text
    with pytest.raises(FrameError):
        decode(reader(frame), 0)


def test_lengths_are_checked_before_anything_is_read() -> None:
    too_long = b"MUN1" + (MAX_HEADER + 1).to_bytes(4, "big") + bytes(8)
    with pytest.raises(FrameError):
        decode(reader(too_long), 0)
    body = b"MUN1" + (2).to_bytes(4, "big") + (11).to_bytes(8, "big")
    with pytest.raises(FrameError):
        decode(reader(body), 10)
