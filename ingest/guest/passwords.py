"""Opening an encrypted PDF with the passwords a person typed, in the forms a PDF may expect.

PDF 2.0 (revision 6) wants SASLprep (RFC 4013) and UTF-8; older revisions want bytes in
PDFDocEncoding, for which Latin-1 stands here, and some writers used UTF-8 or Windows-1252 anyway.
"""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Iterator, Sequence

import pymupdf

from ingest.errors import PasswordNeeded


def unlock(document: pymupdf.Document, passwords: Sequence[str], name: str) -> None:
    """Authenticates ``document`` if it is encrypted.

    Raises:
        PasswordNeeded: none of ``passwords`` opens it.
    """
    if not document.needs_pass:
        return
    for password in passwords:
        for form in forms(password):
            if document.authenticate(form):
                return
    cause = "None of the passwords given opens it." if passwords else "It is encrypted."
    raise PasswordNeeded(name, cause, "Give its password, and add it again.")


def forms(password: str) -> Iterator[str]:
    """``password`` as typed and in the spellings that programs make of it, without repetition.

    MuPDF encodes what it gets as UTF-8. So the bytes of another encoding can be given only if
    they happen to be UTF-8 themselves; MuPDF tries PDFDocEncoding on its own where it applies.
    """
    spellings = [
        password,
        saslprep(password),
        unicodedata.normalize("NFKC", password),
        unicodedata.normalize("NFC", password),
        unicodedata.normalize("NFD", password),
        password.strip(),
    ]
    for encoding in ("latin-1", "cp1252"):
        try:
            spellings.append(password.encode("utf-8").decode(encoding))
        except UnicodeDecodeError:
            continue
    yield from dict.fromkeys(spellings)


def saslprep(text: str) -> str:
    """RFC 4013 without its prohibitions: map, then NFKC."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.normalize("NFKC", mapped)
