"""The child's end of its conversation with the parent: frames over two descriptors."""

from __future__ import annotations

import os

from ingest.guest.frames import EndOfFrames, Header, decode, encode

_PIECE = 1 << 20


class Channel:
    """Reads frames from one descriptor and writes them to another (which may be the same)."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._sending = False

    def receive(self, max_body: int) -> tuple[Header, bytes]:
        """The next frame.

        Raises:
            EndOfFrames: the parent has closed.
            FrameError: see `decode`.
        """
        return decode(self._read, max_body)

    def send(self, header: Header, body: bytes | memoryview = b"") -> None:
        """Writes one frame; blocks while the parent is busy.

        Raises:
            BrokenPipeError: the parent has closed.
        """
        self._sending = True
        self._write(memoryview(encode(header, len(body))))
        self._write(memoryview(body))
        self._sending = False

    def last_words(self, frame: bytes) -> None:
        """Writes one frame before the process ends, unless that would garble one under way."""
        if not self._sending:
            self._write(memoryview(frame))

    def _read(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            piece = os.readv(self._reading, [view]) if hasattr(os, "readv") else self._copy(view)
            if piece == 0:
                raise EndOfFrames
            view = view[piece:]
        return buffer

    def _copy(self, view: memoryview) -> int:
        data = os.read(self._reading, min(len(view), _PIECE))
        view[: len(data)] = data
        return len(data)

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[os.write(self._writing, view[: 16 * _PIECE]) :]
