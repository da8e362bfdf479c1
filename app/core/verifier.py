"""Compares what an answer says with the passages that it cites. Nothing is taken on trust.

A quotation has to stand in a passage it is cited from; whatever a sentence says beside its
quotations must not bring in a number, date, name or negation that the passage lacks. States:

- verified: the words stand there, and the rest of the sentence adds nothing to them;
- repaired: the passage says it in other words, or elsewhere, and the citation shows those;
- transcribed: all of that, but of what a model wrote down of the page or of a recording;
- unverified: it does not, or a part that was left out says otherwise.

In doubt the lower state is given. Knows passages; knows nothing of who wrote the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.answers import Citation, CitationStatus, Crop, weakest
from app.core.citations import boxes_between, shown, writer_of
from app.core.facts import (
    WORD,
    contradicts,
    has_negation,
    is_negation,
    may_name,
    missing_facts,
)
from app.core.marks import MARK, QUOTE, numbers_of, rewritten, without_them
from app.core.matching import How, Match
from app.core.sources import Source, across
from app.core.vocabulary import EXCEPTIONS
from ingest.types import PageBox, Passage
from ingest.words import content_words

VERIFIED, REPAIRED, UNVERIFIED = (
    CitationStatus.VERIFIED, CitationStatus.REPAIRED, CitationStatus.UNVERIFIED
)  # fmt: skip

_SCOPE_BEFORE, _SCOPE_AFTER = 8, 4  # words around a quotation in which a negation turns it
_LEAST_SHARED = 0.55  # of a claim's content words that the passage must say in one place
_FREE_WORDS = 3  # content words beside quotations that need no support: "The letter says"
_LONGEST_WINDOW = 700
_LONGEST_GAP = 400
# What sentences begin with that name nobody.
_LEADS = frozenset(
    "according additionally also although another because before after besides during every few "
    "finally first second third further furthermore hence however instead its later many most "
    "neither none once only other others overall since some specifically such then therefore "
    "thus today total two three four until within without answer conversely similarly moreover "
    "document documents patient patients party parties contract company report reports record "
    "records doctor physician court letter note notes policy author authors study text source "
    "medication rent price amount dose reason".split()
)
_LEAD_IN = re.compile(r":\s*$")
_CONDITION = re.compile(r"\b(?:provided that|subject to|other than)\b")


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence with its own citations, numbered as the answer numbers them.

    ``text`` is the sentence as it is shown: made-up citations gone (``removed`` counts them),
    repaired quotations in the document's words.
    """

    text: str
    status: CitationStatus
    citations: tuple[Citation, ...]
    missing: tuple[str, ...] = ()
    removed: int = 0
    claims: bool = True


@dataclass(slots=True)
class _Found:
    """What supports a sentence in one source: stretches of its text, and how faithful they are."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    status: CitationStatus = VERIFIED

    def add(self, start: int, end: int, status: CitationStatus) -> None:
        self.spans.append((start, end))
        self.status = weakest(self.status, status)


class Verifier:
    """Checks sentences against the passages that were given, by their numbers in the prompt."""

    def __init__(
        self,
        passages: Mapping[int, Passage],
        question: str = "",
        crops: Mapping[int, Crop] | None = None,
    ) -> None:
        self._sources: dict[int, Source] = {}
        self._passages = dict(passages)
        self._crops = dict(crops or {})
        self._asked = set(content_words(question))
        self._given = tuple(self._passages)
        joined, self._neighbours = across(self._passages)
        self._passages |= joined

    def check(self, sentence: str, first: int = 1) -> CheckedSentence:
        """Checks a sentence; its citations are numbered from ``first`` on."""
        marks = [(m.start(), m.end(), numbers_of(m[1])) for m in MARK.finditer(sentence)]
        cited = list(dict.fromkeys(n for _, _, ns in marks for n in ns))
        known = [n for n in cited if n in self._given]
        removed = sum(n not in self._given for _, _, ns in marks for n in ns)
        words = MARK.sub(" ", sentence)
        if not known:
            claims = _claims(words)
            text = rewritten(sentence, marks, {}, [])
            return CheckedSentence(text, UNVERIFIED, (), (), removed, claims)
        quotes = [
            (m.start(), m.end(), next(part for part in m.groups() if part is not None))
            for m in QUOTE.finditer(sentence)
        ]
        quotes = [q for q in quotes if content_words(q[2]) or re.search(r"\d", q[2])]
        found: dict[int, _Found] = {n: _Found() for n in known}
        moved: dict[int, int] = {}
        repairs: list[tuple[int, int, str]] = []
        status, missing = VERIFIED, []
        plain = re.sub(r" (?=[.,;:!?])", "", " ".join(words.split()))
        if quotes:
            for start, end, quote in quotes:
                at = self._quoted(quote, plain, known, found, moved)
                if at is None:
                    status = UNVERIFIED
                    missing.append(quote)
                elif at[0] is not VERIFIED:
                    status = weakest(status, at[0])
                    repairs.append((start, end, at[1]))
            outer = " ".join(without_them(sentence, marks, quotes).split())
            beside, lacking = self._beside(outer, found, moved)
            status = weakest(status, beside)
            missing += lacking
        else:
            status, missing = self._plain(plain, known, found)
        numbers = {n: first + i for i, n in enumerate(known)}
        citations = tuple(
            self._citation(numbers[n], moved.get(n, n), found[n], status, plain, missing)
            for n in known
        )
        if any(citation.read_by for citation in citations):
            status = weakest(status, CitationStatus.TRANSCRIBED)
        text = rewritten(sentence, marks, numbers, repairs)
        return CheckedSentence(text, status, citations, tuple(missing), removed)

    # Quotations

    def _quoted(
        self,
        quote: str,
        claim: str,
        known: Sequence[int],
        found: dict[int, _Found],
        moved: dict[int, int],
    ) -> tuple[CitationStatus, str] | None:
        """How faithful a quotation is, and the document's words if they differ; None if it stands
        nowhere. ``found`` and ``moved`` are told where."""
        tries = [(n, n) for n in known] + [
            (n, other) for n in known for other in self._neighbours.get(n, ())
        ]
        best: tuple[int, int, Match] | None = None
        for n, other in tries:
            match = self._source(other).text.find(quote, scanned=self._source(other).scanned)
            if match and (best is None or match.how.value < best[2].how.value):
                best = (n, other, match)
                if match.how is How.SAME:
                    break
        repointed = False
        if best is None and len(content_words(quote)) >= 3:
            holders = [
                (other, match)
                for other in self._given
                if other not in known
                and (match := self._source(other).text.find(quote))
                and match.how is How.SAME
            ]
            if len(holders) == 1:
                # It is cited from the wrong passage, and stands in one other: that is shown.
                free = next((n for n in known if not found[n].spans and n not in moved), None)
                if free is not None:
                    best, repointed = (free, holders[0][0], holders[0][1]), True
        if best is None:
            return None
        n, other, match = best
        if n != other:
            if found[n].spans:
                return None  # a citation shows one passage; this one is taken
            moved[n] = other
        elif n in moved and moved[n] != other:
            return None
        status = VERIFIED if match.how in (How.SAME, How.READ) and not repointed else REPAIRED
        start, end, status = self._in_full(self._source(other), match, claim, status)
        if status is UNVERIFIED:
            return None
        found[n].add(start, end, status)
        source = self._source(other).passage.text
        return status, shown(source[start:end]) if status is REPAIRED else ""

    def _in_full(
        self, source: Source, match: Match, claim: str, status: CitationStatus
    ) -> tuple[int, int, CitationStatus]:
        """The stretch that must be shown for the words to mean what they mean on the page."""
        text = source.passage.text
        start, end = match.start, match.end
        touched = [s for s in source.sentences if s.start < end and s.end > start]
        if not touched:
            return start, end, status
        first, last = touched[0].start, touched[-1].end
        before, after = text[first:start], text[end:last]
        denies = has_negation(claim)
        if not denies and _turned(before, after):
            return start, end, UNVERIFIED
        if match.gap:
            if not denies and has_negation(text[start:end]):
                return start, end, UNVERIFIED
            if end - start > _LONGEST_GAP:
                status = weakest(status, REPAIRED)
        said = {word.casefold() for word in WORD.findall(claim)}
        rest = [word.casefold() for word in WORD.findall(after)]
        clipped = any(word in EXCEPTIONS and word not in said for word in rest)
        if (clipped or _CONDITION.search(after)) and not _CONDITION.search(claim):
            return start, last, weakest(status, REPAIRED)
        return start, end, status

    def _beside(
        self, outer: str, found: Mapping[int, _Found], moved: Mapping[int, int]
    ) -> tuple[CitationStatus, list[str]]:
        """What a sentence says beside its quotations: its lowest state, and what is missing."""
        near, around, beside = [], [], []
        for n, support in found.items():
            source = self._source(moved.get(n, n))
            around.append(source.around)
            beside.append(source.beside)
            near += [self._near(source, start, end) for start, end in support.spans]
        if not near:
            return UNVERIFIED, []
        evidence = "\n".join(near)
        lacking = missing_facts(outer, evidence, beside="\n".join(beside), around="\n".join(around))
        words = [fact.words for fact in lacking]
        words += self._strangers(outer, "\n".join((*around, *beside)))
        if words or contradicts(outer, evidence):
            return UNVERIFIED, words
        said = [word for word in content_words(outer) if word not in self._asked]
        there = set(content_words("\n".join((*around, *beside))))
        unsaid = [word for word in said if word not in there]
        if len(said) > _FREE_WORDS and len(unsaid) > (1 - _LEAST_SHARED) * len(said):
            return REPAIRED, []
        return VERIFIED, []

    def _near(self, source: Source, start: int, end: int) -> str:
        """The sentences that a stretch touches, and those beside them."""
        places = [i for i, s in enumerate(source.sentences) if s.start < end and s.end > start] or [
            0
        ]
        sentences = source.sentences[max(0, places[0] - 1) : places[-1] + 2]
        text = source.passage.text
        return text[sentences[0].start : sentences[-1].end] if sentences else text

    # Sentences without quotations

    def _plain(
        self, claim: str, known: Sequence[int], found: dict[int, _Found]
    ) -> tuple[CitationStatus, list[str]]:
        for n in known:
            source = self._source(n)
            match = source.text.find(claim, scanned=source.scanned)
            if match and len(content_words(claim)) > 1:
                status = VERIFIED if match.how in (How.SAME, How.READ) else REPAIRED
                start, end, status = self._in_full(source, match, claim, status)
                if status is not UNVERIFIED:
                    found[n].add(start, end, status)
                    return status, []
        pieces = {n: self._window(claim, self._source(n)) for n in known}
        taken = {n: window for n, window in pieces.items() if window is not None}
        if not taken:
            return UNVERIFIED, []
        evidence = "\n".join(
            self._source(n).passage.text[start:end] for n, (start, end) in taken.items()
        )
        beside = "\n".join(self._source(n).beside for n in taken)
        around = "\n".join(self._source(n).around for n in taken)
        lacking = missing_facts(claim, evidence, beside=beside, around=around)
        # A claim that only says the question again is no better for it, nor for a file's name.
        words, there = content_words(claim), set(content_words(evidence))
        shared = sum(word in there for word in words)
        enough = words and shared >= _LEAST_SHARED * len(words)
        missing = [fact.words for fact in lacking]
        missing += self._strangers(claim, f"{around}\n{beside}")
        if missing or not enough or _denied(claim, evidence) or contradicts(claim, evidence):
            return UNVERIFIED, missing
        for n, (start, end) in taken.items():
            found[n].add(start, end, REPAIRED)
        return REPAIRED, []

    def _strangers(self, claim: str, text: str) -> list[str]:
        """The word that begins a claim, if it may be a name that neither text nor question has.

        Elsewhere capitals tell names from other words; here they do not.
        """
        first = WORD.search(claim)
        if first is None or not may_name(first[0]) or first[0].casefold() in _LEADS:
            return []
        words = set(content_words(first[0]))
        if not words or words <= self._asked or words <= set(content_words(text)):
            return []
        return [first[0]]

    def _window(self, claim: str, source: Source) -> tuple[int, int] | None:
        """The one to three sentences of a passage that say most of a claim."""
        words = set(content_words(claim))
        best: tuple[float, int, int] | None = None
        text = source.passage.text
        beside = source.beside
        for i, first in enumerate(source.sentences):
            for last in source.sentences[i : i + 3]:
                if last.end - first.start > _LONGEST_WINDOW:
                    break
                stretch = text[first.start : last.end]
                shared = len(words & set(content_words(stretch))) / (len(words) or 1)
                if not shared:
                    continue
                lacking = len(missing_facts(claim, stretch, beside=beside, around=source.around))
                turned = _denied(claim, stretch)
                value = shared - lacking - turned - (last.end - first.start) / 5_000
                if best is None or value > best[0]:
                    best = (value, first.start, last.end)
        return None if best is None else best[1:]

    # Citations

    def _citation(
        self,
        n: int,
        number: int,
        support: _Found,
        status: CitationStatus,
        claim: str,
        missing: Sequence[str],
    ) -> Citation:
        source = self._source(number)
        passage = source.passage
        common = (n, passage.document_id, passage.document)
        if support.spans and status is not UNVERIFIED:
            spans = sorted(support.spans)
            quote = " … ".join(passage.text[start:end] for start, end in spans)
            boxes = tuple(
                dict.fromkeys(b for s, e in spans for b in boxes_between(passage.lines, s, e))
            )
            page = boxes[0].page if boxes else passage.pages[0]
            state, by = weakest(support.status, status), writer_of(passage, boxes)
            if by:
                state = weakest(state, CitationStatus.TRANSCRIBED)
            return Citation(*common, page, quote, state, boxes, read_by=by)
        boxes, page = (), passage.pages[0]
        if source.crop is not None:
            boxes = (PageBox(source.crop.page, source.crop.box),)
            page = source.crop.page
        return Citation(
            *common, page, claim, UNVERIFIED, boxes, tuple(missing), source.crop is not None
        )

    def _source(self, number: int) -> Source:
        if number not in self._sources:
            crop = self._crops.get(number)
            self._sources[number] = Source.of(self._passages[number], crop)
        return self._sources[number]


def _claims(words: str) -> bool:
    """Whether a sentence states anything: a lead-in or a heading does not."""
    return bool(content_words(words)) and not _LEAD_IN.search(words)


def _turned(before: str, after: str) -> bool:
    """Whether what stands beside a quotation in its sentence denies it."""
    scope = re.split(r"[;:()\t]", before)[-1]
    behind = re.split(r"[,;:()\t.]", after)[0]
    words = WORD.findall(scope)[-_SCOPE_BEFORE:] + WORD.findall(behind)[:_SCOPE_AFTER]
    return any(is_negation(word) for word in words)


def _denied(claim: str, evidence: str) -> bool:
    """Whether the evidence denies something that the claim, which denies nothing, speaks of."""
    if has_negation(claim):
        return False
    said = set(content_words(claim))
    return any(
        has_negation(part) and len(said & set(content_words(part))) > 1
        for part in re.split(r"[.;!?\n\t]", evidence)
    )
