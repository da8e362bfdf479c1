"""An answer's text with its footnotes: where they stand, what they say, what has no support.

Serves files and the clipboard, so that both say the same. Light: the window copies with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from app.core.answers import Citation, CitationStatus, Statement
from app.core.events import Answered
from app.core.exporting.paper import Inline, Inlines, NoteRef, Span, one_line

_MARK = re.compile(r"\[(\d{1,4})\]|\n")
UNSUPPORTED = "not supported"
LEGEND = (
    "Notes name document and page. Verified: the words stand on that page. Repaired: the page says "
    "it in other words, which are quoted. Transcribed: it stands in what a model wrote down of the "
    "page or recording, which nobody has compared. Unverified: the page does not say it, and what "
    f"is quoted is what the answer claims. A sentence marked “[{UNSUPPORTED}]” has no place on any "
    "page cited that bears it out."
)


def note_of(citation: Citation) -> Inlines:
    """What a footnote says: document, page, quotation, and how far the page bears it out."""
    pages = sorted({citation.page, *(box.page for box in citation.boxes)})
    quote = f"“{one_line(citation.quote)}”"
    said = quote if citation.status is not CitationStatus.UNVERIFIED else f"claimed: {quote}"
    parts = [f", {pages_text(pages)}: {said} ({citation.status.value}"]
    if citation.missing:
        parts.append(f"; the page lacks {_listed(citation.missing)}")
    if citation.read_by:
        parts.append(f"; in the words of {one_line(citation.read_by)}, which read or heard it")
    if citation.pictured:
        parts.append("; a model saw the place as a picture, which its text cannot confirm")
    return (
        Span(one_line(citation.document), bold=True),
        Span(
            "".join((*parts, ").")),
        ),
    )


def pages_text(pages: list[int]) -> str:
    """ "page 3", "pages 3–5, 8"."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    if not pages:
        return "no page"
    text = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
    return f"page {text}" if len(pages) == 1 else f"pages {text}"


def paragraphs(answer: Answered, refer: Callable[[Citation], NoteRef]) -> Iterator[Inlines]:
    """The paragraphs of an answer's text, with a reference at every ``[n]`` that it cites.

    Sentences without support are marked in words. Citations that the text does not refer to
    follow in a paragraph of their own. ``refer`` gives the reference of a citation, in the order
    of reading.
    """
    citations = {citation.n: citation for citation in answer.citations}
    line: list[Inline] = []
    start = 0

    def take(end: int) -> None:
        if text := answer.text[start:end]:
            line.append(Span(text))

    for at, end, what in _places(answer, citations.keys()):
        if at < start:
            continue  # within a place already taken
        take(at)
        start = end
        if what is None:
            if line:
                yield _tidy(line)
            line = []
        elif isinstance(what, Span):
            line.append(what)
        else:
            line.append(refer(citations[what]))
    take(len(answer.text))
    if line:
        yield _tidy(line)
    cited = {int(n) for n in re.findall(r"\[(\d{1,4})\]", answer.text)}
    if rest := [citation for n, citation in citations.items() if n not in cited]:
        yield (Span("Also cited:"), *(refer(citation) for citation in rest))


def clipboard(answer: Answered) -> str:
    """An answer as plain text, its footnotes below it."""
    lines = [plain(line) for line in paragraphs(answer, lambda citation: NoteRef(citation.n))]
    notes = [f"[{citation.n}] {plain(note_of(citation))}" for citation in answer.citations]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def plain(inlines: Inlines) -> str:
    """A line without any form, references as ``[n]``."""
    return "".join(
        part.text if isinstance(part, Span) else f" [{part.n}]" for part in inlines
    ).strip()


def _places(answer: Answered, numbers: Collection[int]) -> list[tuple[int, int, int | Span | None]]:
    """Start, end and kind of all that is not plain text: a citation's n, a mark, a line's end."""
    places: list[tuple[int, int, int | Span | None]] = []
    for match in _MARK.finditer(answer.text):
        if match[1] is None:
            places.append((*match.span(), None))
        elif int(match[1]) in numbers:
            places.append((*match.span(), int(match[1])))
    for statement in answer.statements:
        if statement.status is CitationStatus.UNVERIFIED:
            text = answer.text[statement.start : statement.end]
            end = statement.start + len(text.rstrip())
            places.append((end, end, Span(f" [{_why(statement)}]", italic=True)))
    return sorted(places, key=lambda place: (place[0], place[1]))


def _why(statement: Statement) -> str:
    if not statement.missing:
        return UNSUPPORTED
    where = "the pages cited lack" if statement.citations else "nothing cited holds"
    return f"{UNSUPPORTED}: {where} {_listed(statement.missing)}"


def _tidy(line: list[Inline]) -> Inlines:
    """No space between a word and its note."""
    tidied: list[Inline] = []
    for place, part in enumerate(line):
        after = line[place + 1] if place + 1 < len(line) else None
        if isinstance(part, Span) and after is not None and not isinstance(after, Span):
            part = Span(part.text.rstrip(" "), part.bold, part.italic)
        tidied.append(part)
    return tuple(tidied)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"“{one_line(word)}”" for word in words)
