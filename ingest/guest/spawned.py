"""The main function of a guest in its own interpreter: requests on standard input, answers on
standard output, which are moved away so that a stray print cannot garble the frames."""

from __future__ import annotations

import os

from ingest.guest import child
from ingest.guest.channel import Channel


def main() -> None:
    """Serves one job."""
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    if hasattr(os, "O_BINARY"):
        import msvcrt  # Windows: descriptors translate line ends unless told not to

        for descriptor in (reading, writing):
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined,unused-ignore]
    child.serve(Channel(reading, writing), None)
    os._exit(0)
