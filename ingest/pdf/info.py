"""What a PDF says about itself: title, author, date, and what a reader should be warned of.

Nothing in the file is executed: scripts and attachments are only counted.
"""

from __future__ import annotations

import re

import pymupdf

from ingest.pdf.errors import PDF_ERRORS
from ingest.pdf.fragments import read_fragments
from ingest.pdf.layout import lay_out
from ingest.pdf.paints import read_paints
from ingest.types import REPAIRED, FileInfo, Role

MEDIA_TYPE = "application/pdf"

_PRODUCER_PREFIX = re.compile(
    r"^(?:Microsoft (?:Word|Excel|PowerPoint|Office Word)|OpenOffice|LibreOffice)\s*[-–:]\s*", re.I
)
_FILE_NAME = re.compile(
    r"(.*[/\\])?[^/\\]*\.(?:docx?|pdf|indd|qxd|qxp|xlsx?|pptx?|rtf|tex|dvi|html?|odt|wpd|ps|fm|pages|txt|tmp)",
    re.I,
)
_NO_TITLE = re.compile(
    r"(?:untitled|no title|unknown|title|document\d*|dokument\d*|example|sample|"
    r"presentation\d*|slide \d+|"
    r"powerpoint[ -]presentation|word document|print|scan(?:ned)?.*|img.*|"
    r"full page( photo| fax print)?|"
    r"ohne titel|sans titre|none|null|blank|template|layout \d+|about:blank|[\W\d_]*)",
    re.I,
)
_REGISTRANT = re.compile(r"\(exact name of registrant", re.I)
_FORM = re.compile(r"form \d{1,2}-?[a-z]{1,2}(?:/a)?", re.I)
_PERIOD = re.compile(
    r"((?:fiscal|quarterly) (?:year|period) ended:? [A-Z]\w+ \d{1,2}, \d{4})", re.I
)
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?")


def file_info(document: pymupdf.Document) -> FileInfo:
    """Title, author, creation date and warnings; fields the file does not state stay empty."""
    metadata = _metadata(document)
    title = clean_title(metadata.get("title", ""))
    return FileInfo(
        media_type=MEDIA_TYPE,
        page_count=_page_count(document),
        title=title or _largest_text(document),
        author=_clean(metadata.get("author", ""))[:200],
        created=_iso_date(metadata.get("creationDate", "")),
        warnings=tuple(_warnings(document)),
    )


def clean_title(title: str) -> str:
    """A metadata title without the producer's prefix; empty when it names a file or nothing."""
    title = _PRODUCER_PREFIX.sub("", _clean(title))
    if _NO_TITLE.fullmatch(title) or "\ufffd" in title:
        return ""
    if _FILE_NAME.fullmatch(title):
        return ""
    if " " not in title and (re.search(r"[\\/_\d]", title) or len(title) < 3):
        return ""
    return title[:300]


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _metadata(document: pymupdf.Document) -> dict[str, str]:
    try:
        found = document.metadata or {}
    except PDF_ERRORS:
        return {}
    return {str(key): str(value) for key, value in found.items() if value}


def _page_count(document: pymupdf.Document) -> int:
    try:
        return int(document.page_count)
    except PDF_ERRORS:
        return 0


def _iso_date(stamp: str) -> str:
    match = _DATE.match(stamp)
    if match is None:
        return ""
    year, month, day = match[1], match[2] or "01", match[3] or "01"
    sensible = 1900 <= int(year) <= 2200 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    return f"{year}-{month}-{day}" if sensible else ""


def _largest_text(document: pymupdf.Document) -> str:
    """The text set largest on the first page, if it is short enough for a title."""
    if not _page_count(document):
        return ""
    try:
        page = document[0]
        turns, ink = read_fragments(page, read_paints(page))
    except PDF_ERRORS:
        return ""
    if ink.strange * 4 > ink.characters or ink.hidden * 2 > ink.characters:
        return ""
    lines = [
        line
        for line in lay_out({0: turns.get(0, [])}, page.rect.width, page.rect.height)
        if line.role not in (Role.TABLE, Role.TABLE_HEADER) and sum(map(str.isalpha, line.text)) > 2
    ]
    if not lines:
        return ""
    filing = _filing([line.text for line in lines])
    if filing:
        return filing
    largest = max(line.size for line in lines)
    if largest <= 1.1 * min(line.size for line in lines):
        return ""
    taken: list[str] = []
    bottom = 0.0
    for line in lines:
        if line.size > 0.95 * largest and (not taken or line.box.y0 - bottom < 0.8 * largest):
            taken.append(line.text)
            bottom = line.box.y1
        elif taken:
            break
    title = " ".join(taken)
    return title if 3 <= len(title) <= 160 else ""


def _filing(texts: list[str]) -> str:
    """The title of a filing with the United States' stock exchange regulator: its cover sets the
    agency's name largest, the company's name stands above a fixed phrase."""
    at = next((i for i, text in enumerate(texts) if _REGISTRANT.match(text)), 0)
    company = next((t for t in reversed(texts[:at]) if sum(map(str.isalpha, t)) > 2), "")
    if not company or len(company) > 100:
        return ""
    form = next((t for t in texts[:at] if _FORM.fullmatch(t)), "")
    period = next((m[1] for t in texts[:at] if (m := _PERIOD.search(t))), "")
    return ", ".join(part for part in (company, form, period) if part)


def _warnings(document: pymupdf.Document) -> list[str]:
    warnings: list[str] = []
    try:
        if document.is_repaired:
            warnings.append(REPAIRED)
        if not document.is_pdf:
            return warnings
        if not document.permissions & pymupdf.PDF_PERM_COPY:
            warnings.append("Its author does not permit copying text from it.")
        if _has_script(document):
            warnings.append("It contains JavaScript, which is never run.")
        attached = document.embfile_count()
        if attached:
            files = "file" if attached == 1 else "files"
            warnings.append(f"It has {attached} attached {files}, which are not read.")
    except PDF_ERRORS:
        warnings.append("Its properties could not be read completely.")
    return warnings


def _has_script(document: pymupdf.Document) -> bool:
    catalog = document.pdf_catalog()
    if not catalog:
        return False
    if document.xref_get_key(catalog, "Names/JavaScript")[0] != "null":
        return True
    return any(
        "JavaScript" in document.xref_get_key(catalog, key)[1]
        for key in ("OpenAction/S", "OpenAction", "AA")
    )
