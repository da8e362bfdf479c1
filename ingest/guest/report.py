"""A guest's ``error`` frame as the error it stands for."""

from __future__ import annotations

from ingest.errors import (
    DamagedFile,
    LimitExceeded,
    PasswordNeeded,
    ReadError,
    UnsupportedFile,
)
from ingest.guest import wire
from ingest.guest.frames import Header

_KNOWN: dict[str, type[ReadError]] = {
    kind.__name__: kind for kind in (PasswordNeeded, UnsupportedFile, DamagedFile, LimitExceeded)
}


def error_from_wire(header: Header, subject: str) -> ReadError:
    """The error that a guest reports, about ``subject``.

    Raises:
        WireError: it is no error that a guest may report.
    """
    kind = _KNOWN.get(wire.text_field(header, "error", 100))
    if kind is None:
        raise wire.WireError("error")
    cause = wire.text_field(header, "cause", wire.MAX_FACT)
    return kind(subject, cause, wire.text_field(header, "remedy", wire.MAX_FACT))
