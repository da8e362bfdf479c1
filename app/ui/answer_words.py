"""What an answer card says beside the answer itself: pure functions from events to sentences."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.answers import Citation, CitationStatus, Mode, Statement, UnreadablePage
from app.core.events import Answered
from app.ui.exchange import Exchange
from app.ui.text import counted, one_line

# Icon, colour and word of each state: never by colour alone.
STATES = {
    CitationStatus.VERIFIED: ("verified", "good", "Verified"),
    CitationStatus.REPAIRED: ("repaired", "caution", "Repaired"),
    CitationStatus.TRANSCRIBED: ("model", "caution", "Transcribed"),
    CitationStatus.UNVERIFIED: ("unverified", "bad", "Unverified"),
}
PICTURED = ("picture", "caution", "In picture")
PICTURED_WHY = "Seen in the picture; check it yourself."
NO_MODEL = "No model: answers are the documents' own sentences"
READ = {
    Mode.AUTO: "",
    Mode.PASSAGES: "the passages that the search found",
    Mode.WHOLE: "whole documents",
    Mode.PLACE: "the place that was pointed at",
}
_LISTED_UNREADABLE = 6
_FINGERPRINT = 16


def missing_words(missing: tuple[str, ...]) -> str:
    """ "not on the page: 25 mg, no"."""
    return f"not on the page: {', '.join(one_line(word) for word in missing)}" if missing else ""


def tag_of(statement: Statement) -> str:
    """The word at a sentence's end: what cannot be trusted of it; empty where all can."""
    if statement.status is CitationStatus.VERIFIED:
        return ""
    if not statement.citations:
        return "no source"
    return statement.status.value


def doubt_of(statement: Statement) -> str:
    """What is wrong with a sentence, in words; empty where nothing is."""
    missing = missing_words(statement.missing)
    if statement.status is CitationStatus.VERIFIED:
        return ""
    if not statement.citations:
        return f"No source: the answer names no page for it{'; ' if missing else ''}{missing}."
    if statement.status is CitationStatus.REPAIRED:
        words = "Repaired: the page says it in other words, which are shown with the citation"
    elif statement.status is CitationStatus.TRANSCRIBED:
        words = "Transcribed: a model wrote it down; nobody has compared it with the source"
    else:
        words = "Unverified: the page cited does not say it"
    return f"{words}{'; ' if missing else ''}{missing}."


def state_of(citation: Citation) -> tuple[str, str, str]:
    """Icon, colour role and word for how far a citation can be trusted."""
    return PICTURED if citation.pictured else STATES[citation.status]


def citation_tip(citation: Citation, can_show: bool = True) -> str:
    """A citation's quotation, place and state, and what the page lacks."""
    claimed = citation.status is CitationStatus.UNVERIFIED and not citation.pictured
    lines = [f"{'Claimed: ' if claimed else ''}{one_line(citation.quote)}", "", place_of(citation)]
    lines[-1] += f" · {state_of(citation)[2]}"
    if citation.pictured:
        lines.append(PICTURED_WHY)
    if citation.read_by:
        lines.append(read_by_words(citation))
    if citation.missing:
        lines.append(sentence(missing_words(citation.missing)))
    if not can_show:
        lines.append(CHANGED)
    return "\n".join(lines)


def read_by_words(citation: Citation) -> str:
    """Who wrote the words down that are quoted."""
    return f"{one_line(citation.read_by)} wrote these words down; compare them with the source."


CHANGED = "The document has changed since; the place cannot be shown."


def citation_name(citation: Citation, can_show: bool = True) -> str:
    """A citation for people who do not see it."""
    parts = [f"Citation {citation.n}: {place_of(citation)}, {state_of(citation)[2]}"]
    parts += [missing_words(citation.missing)] if citation.missing else []
    parts += [PICTURED_WHY] if citation.pictured else []
    parts += [read_by_words(citation)] if citation.read_by else []
    parts += [] if can_show else [CHANGED]
    return "; ".join(parts)


def place_of(citation: Citation) -> str:
    """Document and page."""
    return f"{citation.document}, page {citation.page:,}"


def sentence(words: str) -> str:
    """The words as a sentence of their own."""
    return f"{words[:1].upper()}{words[1:]}."


def waiting_words(exchange: Exchange) -> str:
    """What is being done for an answer of which nothing is written yet."""
    progress = exchange.progress
    if exchange.stopping:
        return "Stopping…"
    if progress is not None and progress.tokens < progress.of:
        return f"Reading {progress.tokens:,} of {progress.of:,} tokens…"
    if progress is not None:
        return f"Read {progress.of:,} tokens; writing…"
    if exchange.passages:
        return f"Reading {counted(exchange.passages, 'passage')}…"
    return (
        "Getting the model ready…" if exchange.with_model and not exchange.chosen else "Searching…"
    )


def known_words(exchange: Exchange) -> str:
    """Why it reads what it reads, and how much of that it knew before."""
    parts = []
    if exchange.chosen is not None and exchange.chosen.mode is Mode.WHOLE:
        parts.append(f"Whole document: {exchange.chosen.reason}")
    progress = exchange.progress
    if progress is not None and progress.reused:
        disk = f", {progress.restored:,} of them from disk" if progress.restored else ""
        parts.append(f"{progress.reused:,} were known from before{disk}.")
    return " ".join(parts)


def searched_words(answer: Answered) -> str:
    """What was searched, in a sentence."""
    searched = answer.searched
    if answer.scope is not None:
        part = "a region of page" if answer.scope.region is not None else "page"
        return f"Searched {part} {answer.scope.page:,} only."
    return (
        f"Searched {counted(searched.pages, 'page')} of {counted(searched.documents, 'document')} "
        f"in {searched.collection}."
    )


def unreadable_words(pages: tuple[UnreadablePage, ...]) -> str:
    """Which pages could not be searched, and why."""
    listed = [f"{p.document}, page {p.page}: {p.reason}" for p in pages[:_LISTED_UNREADABLE]]
    more = len(pages) - len(listed)
    if more:
        listed.append(f"and {counted(more, 'more page')}")
    head = f"{counted(len(pages), 'page')} could not be read and may hold the answer:"
    return "\n".join([head, *listed])


def pictured_words(citations: Iterable[Citation]) -> str:
    """Which citations a model saw in a picture; empty if none."""
    numbers = "".join(f"[{c.n}]" for c in citations if c.pictured)
    return f"{numbers}: {PICTURED_WHY[0].lower()}{PICTURED_WHY[1:]}" if numbers else ""


def removed_words(removed: int) -> str:
    """How many made-up citations were left out."""
    return f"{counted(removed, 'made-up citation')} {'was' if removed == 1 else 'were'} left out."


def made_of(exchange: Exchange) -> list[tuple[str, str]]:
    """How the answer was made: names and values."""
    answer, chosen = exchange.answer, exchange.chosen
    if answer is None:
        return []
    by, effort = answer.by, answer.effort
    extractive = answer.answerer == "extractive"
    rows = [("Written by", f"{NO_MODEL}." if extractive else by.name)]
    rows += [
        ("Weights", by.weights),
        ("Keys and values", by.kv),
        ("Fingerprint", _head(by.fingerprint)),
    ]
    reason = "" if chosen is None else chosen.reason
    rows.append(("Read", " ".join(filter(None, (sentence(READ[answer.mode]), reason)))))
    if chosen is not None and chosen.query and chosen.query != exchange.question:
        rows.append(("Searched for", chosen.query))
    if effort.prompt_tokens:
        parts = [f"{effort.prompt_tokens:,} in the prompt"]
        if effort.reused:
            disk = f" ({effort.restored:,} from disk)" if effort.restored else ""
            parts.append(f", {effort.reused:,} of them known from before{disk}")
        rows.append(("Tokens", f"{''.join(parts)}; {effort.written:,} written"))
    if effort.seconds:
        first = f"; first words after {effort.first_seconds:.1f} s" if effort.first_seconds else ""
        rows.append(("Time", f"{effort.seconds:.1f} s{first}"))
    return [(name, value) for name, value in rows if value]


def _head(fingerprint: str) -> str:
    """Enough of it to tell models apart; an exported record has the whole."""
    long = len(fingerprint) > _FINGERPRINT
    return f"{fingerprint[:_FINGERPRINT]}…" if long else fingerprint
