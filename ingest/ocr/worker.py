"""The main function of an OCR worker: pictures on standard input, pages on standard output.

A worker lives as long as its pool. It is sent raw pixels and never parses a file; once the two
networks are loaded and have read one line, it gives up what a guest gives up (`guest.syscalls`,
Landlock), so files are out of its reach too. It ends when its input does.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import cv2
import numpy as np

from ingest.guest.channel import Channel
from ingest.guest.frames import EndOfFrames
from ingest.guest.last_words import forbidden_call
from ingest.guest.wire import page_to_wire
from ingest.inked import ink_regions
from ingest.ocr.engine import OcrEngine

MAX_PIXEL_BYTES = 600_000_000


def main(threads: int) -> None:
    """Reads pictures until the pool closes the channel."""
    channel = _standard_channel()
    engine = OcrEngine(threads)
    if sys.platform == "linux":
        from ingest.guest import hardening

        hardening.die_with_parent()
        _read_a_line(engine)
        hardening.close_in(lambda call: channel.last_words(forbidden_call(call)))
    channel.send({"kind": "ready"})
    while True:
        try:
            request, body = channel.receive(MAX_PIXEL_BYTES)
        except EndOfFrames:
            break
        shape = (request["rows"], request["columns"], 3)
        pixels = np.frombuffer(body, np.uint8).reshape(shape)
        page = engine.read(pixels, request["width"], request["height"], request["number"])
        regions = ink_regions(pixels, page.width, page.height, page.lines)
        page = replace(page, graphics=regions)
        channel.send({"kind": "page", "page": page_to_wire(page)})
    os._exit(0)


def _read_a_line(engine: OcrEngine) -> None:
    """So that what the libraries load on first use is loaded while files can be opened."""
    white = np.full((64, 320, 3), 255, np.uint8)
    shown = cv2.putText(white, "Warm 1", (20, 44), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    page = engine.read(shown, 320.0, 64.0, 1)
    ink_regions(shown, page.width, page.height, page.lines)


def _standard_channel() -> Channel:
    """Standard input and output as a channel, out of reach of a library's stray print."""
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    if hasattr(os, "O_BINARY"):
        import msvcrt  # Windows: descriptors translate line ends unless told not to

        for descriptor in (reading, writing):
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined,unused-ignore]
    return Channel(reading, writing)
