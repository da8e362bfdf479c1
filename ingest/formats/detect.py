"""What a file is, by its content; its name decides only between kinds of plain text."""

from __future__ import annotations

import io
import re
import zipfile
from enum import StrEnum
from pathlib import PurePath

from ingest.errors import DamagedFile, UnsupportedFile

_HEAD = 4096


class Kind(StrEnum):
    """The formats that have a reader; the value is the media type."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    EML = "message/rfc822"

    @property
    def is_image(self) -> bool:
        """True for the formats made of pixels."""
        return self.value.startswith("image/")


_SUFFIXES = {
    ".pdf": Kind.PDF,
    ".png": Kind.PNG,
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".jpe": Kind.JPEG,
    ".tif": Kind.TIFF,
    ".tiff": Kind.TIFF,
    ".webp": Kind.WEBP,
    ".docx": Kind.DOCX,
    ".docm": Kind.DOCX,
    ".dotx": Kind.DOCX,
    ".txt": Kind.TEXT,
    ".text": Kind.TEXT,
    ".log": Kind.TEXT,
    ".csv": Kind.TEXT,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".xhtml": Kind.HTML,
    ".eml": Kind.EML,
}
READABLE_SUFFIXES = frozenset(_SUFFIXES)
READABLE = "PDF, PNG, JPEG, TIFF, WebP, DOCX, plain text, Markdown, HTML and EML"

# Endings of formats without a reader; a name that claims one of them is believed when the
# content is no document either, so that the person is told of the type and not of damage.
_FOREIGN = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb"), "It is an Excel workbook."),
    **dict.fromkeys((".pptx", ".pptm", ".ppt"), "It is a PowerPoint presentation."),
    **dict.fromkeys((".odt", ".ods", ".odp", ".odg"), "It is an OpenDocument file."),
    ".doc": "It is an old Word document (.doc).",
    ".rtf": "It is a rich text (RTF) file.",
    ".msg": "It is an Outlook message.",
    ".epub": "It is an e-book (EPUB).",
    ".pages": "It is a Pages document.",
    ".numbers": "It is a Numbers workbook.",
    ".gif": "It is a GIF image.",
    ".bmp": "It is a BMP image.",
    **dict.fromkeys((".heic", ".heif"), "It is a HEIC image."),
    **dict.fromkeys((".zip", ".7z", ".rar", ".tar", ".gz"), "It is an archive."),
    **dict.fromkeys((".mp3", ".m4a", ".mp4", ".mov", ".avi"), "It is a recording."),
    ".wav": "It is a recording. A model that hears writes it down: muniment dictation.",
}

_CONVERT = "Turn it into a type that is, and add that file."
_SAVE_AS = "Save it as PDF or DOCX in the program that made it, and add that file."
_AS_IMAGE = "Save it as PNG, JPEG or PDF, and add that file."
_UNSUPPORTED = (
    (b"{\\rtf", "It is a rich text (RTF) file.", _SAVE_AS),
    (b"GIF8", "It is a GIF image.", _AS_IMAGE),
    (b"BM", "It is a BMP image.", _AS_IMAGE),
    (b"%!PS", "It is a PostScript file.", "Convert it to PDF, and add that file."),
    (b"\x7fELF", "It is a program.", "Add documents only."),
    (b"MZ", "It is a program.", "Add documents only."),
    (b"7z\xbc\xaf\x27\x1c", "It is an archive.", "Unpack it, and add the files in it."),
    (b"Rar!", "It is an archive.", "Unpack it, and add the files in it."),
    (b"\x1f\x8b", "It is a compressed file.", "Unpack it, and add the files in it."),
)
_PACKAGES = (
    ("xl/workbook.xml", "It is an Excel workbook."),
    ("ppt/presentation.xml", "It is a PowerPoint presentation."),
    ("content.xml", "It is an OpenDocument file."),
    ("META-INF/container.xml", "It is an e-book (EPUB)."),
)
_HTML = re.compile(
    rb"\A\s*+(?:<\?xml[^>]*>\s*+)?(?:<!--(?:[^-]|-(?!->))*+-->\s*+)*+"
    rb"<(!doctype\s+html|html|head|body)\b",
    re.I,
)
_EML_FIELD = re.compile(rb"[!-9;-~]+:[ \t]?[^\r\n]*(\r?\n[ \t][^\r\n]*)*\r?\n")
_EML_NAMES = (b"from:", b"received:", b"message-id:", b"mime-version:", b"return-path:")


def detect(data: bytes, name: str) -> Kind:
    """The kind of ``data``, whose file is called ``name``.

    Raises:
        DamagedFile: it is empty, or a package that cannot be opened.
        UnsupportedFile: it is something that no reader knows; the cause says what.
    """
    foreign = _FOREIGN.get(PurePath(name).suffix.lower())
    try:
        kind = _kind(data, name)
    except DamagedFile as error:
        if foreign is None:
            raise
        raise _unsupported(name, foreign, _CONVERT) from error
    if foreign is not None and kind is Kind.TEXT:
        raise _unsupported(name, foreign, _CONVERT)
    return kind


def _unsupported(name: str, cause: str, remedy: str) -> UnsupportedFile:
    return UnsupportedFile(
        name,
        f"{cause} Files of this type are not supported.",
        f"{remedy} Supported are {READABLE}.",
    )


def _kind(data: bytes, name: str) -> Kind:
    if not data:
        raise DamagedFile(name, "The file is empty.", "Look for a complete copy.")
    head = data[:_HEAD]
    suffix = _SUFFIXES.get(PurePath(name).suffix.lower())
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if picture := picture_kind(head):
        return picture
    if head.startswith(b"PK\x03\x04"):
        return _package(data, name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _compound(data, name)
    if head[4:8] == b"ftyp":
        raise _unsupported(name, "It is a HEIC image or a film.", _AS_IMAGE)
    if suffix is Kind.PDF and re.search(rb"\d+\s+\d+\s+obj\b", data[: 1 << 20]):
        return Kind.PDF  # the header is damaged, the objects may be whole
    for magic, cause, remedy in _UNSUPPORTED:
        if head.startswith(magic) and not (len(magic) == 2 and is_text(head)):
            raise _unsupported(name, cause, remedy)
    if not is_text(head):
        remedy = "Look for a complete copy, or save it as PDF in the program that made it."
        if suffix is not None:
            cause = f"Its name says {suffix.name}, but its content is something else."
            raise UnsupportedFile(name, cause, remedy)
        cause = _FOREIGN.get(PurePath(name).suffix.lower(), "It is in no format that can be read.")
        raise _unsupported(name, cause, remedy)
    return _text(head, suffix, name)


def named_kind(name: str) -> Kind | None:
    """What the file's name claims it to be."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def is_text(head: bytes) -> bool:
    """True when the bytes may be text in UTF-8, UTF-16 or an 8-bit encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    zeros = head.count(0)
    if zeros:
        # UTF-16 without a mark: Latin text has a zero in every other byte.
        odd, even = head[1::2].count(0), head[0::2].count(0)
        return zeros > len(head) * 0.3 and min(odd, even) < zeros * 0.05
    controls = sum(byte < 32 and byte not in (7, 8, 9, 10, 12, 13, 27) for byte in head)
    return controls <= len(head) * 0.02


def picture_kind(head: bytes) -> Kind | None:
    """The image format that begins like this, if it has a reader."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return Kind.TIFF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    return None


def _package(data: bytes, name: str) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = set(package.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        remedy = "Look for a complete copy."
        raise DamagedFile(name, "Its package is broken.", remedy) from error
    if "word/document.xml" in members:
        return Kind.DOCX
    for member, cause in _PACKAGES:
        if member in members:
            remedy = "Save or print it as PDF, and add that file."
            raise _unsupported(name, cause, remedy)
    if named_kind(name) is Kind.DOCX and "[Content_Types].xml" in members:
        return Kind.DOCX  # the main part may have an unusual name
    raise _unsupported(name, "It is an archive.", "Unpack it, and add the files in it.")


def _compound(data: bytes, name: str) -> UnsupportedFile:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return UnsupportedFile(
            name,
            "It is an Office document with a password, which cannot be opened here.",
            "Open it in its program, save a copy without the password or as PDF, and add that.",
        )
    if "WordDocument".encode("utf-16-le") in data:
        return _unsupported(name, "It is an old Word document (.doc).", _SAVE_AS)
    return _unsupported(name, "It is an old Office file or e-mail (.xls, .ppt, .msg).", _SAVE_AS)


def _text(head: bytes, suffix: Kind | None, name: str) -> Kind:
    if _HTML.match(head.removeprefix(b"\xef\xbb\xbf")):
        return Kind.HTML
    if suffix in (Kind.MARKDOWN, Kind.HTML, Kind.EML, Kind.TEXT):
        return suffix
    if _is_mail(head):
        return Kind.EML
    if suffix is not None:
        cause = f"Its name says {suffix.name}, but its content is plain text."
        remedy = "Look for a complete copy, or rename it to end in .txt."
        raise DamagedFile(name, cause, remedy)
    return Kind.TEXT


def _is_mail(head: bytes) -> bool:
    position = 0
    seen = 0
    while field := _EML_FIELD.match(head, position):
        seen += field.group().lower().startswith(_EML_NAMES)
        position = field.end()
    return seen >= 2
