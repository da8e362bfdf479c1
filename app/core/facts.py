"""What of a text must not change: numbers with their units, dates, names, negations.

Two texts that say the same may differ in words; they may not differ in these. Knows no passages
and no answers. Numbers, dates and units are compared in one canonical form, so that "1,200 mg" is
"1200mg", and "5 March 2024" is "2024-03-05"; where a form can be read in two ways ("03/04/2024",
"1.200") only the same form is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.core.vocabulary import (
    EXCEPTIONS,
    MONTHS,
    NEGATIONS,
    NO_NAMES,
    OPPOSITES,
    POLAR,
    TITLES,
    UNITS,
    WORDED,
)
from ingest.normalise import normalise

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"(?<![\w.,/-])(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?![\w/-]|[.,]\d)"),
    # With two figures for day and month the dotted form is the German one; slashes are ambiguous.
    re.compile(r"(?<![\w.,/-])(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?![\w/-]|[.,]\d)"),
    re.compile(
        rf"(?<![\w.,/-])(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.|er)?(?: of| de)?[ -](?P<n>{_MONTH})\b\.?"
        rf",?(?: de)?[ -](?P<y>\d{{4}})(?!\w)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<n>{_MONTH})\b\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})(?!\w)",
        re.IGNORECASE,
    ),
)
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.,)])[-−–](?=\d))?(?<![\w.,])"
    # No spaces: "2 500 mg" may be two of 500.
    r"(?P<value>\d{1,3}(?:(?P<group>[,.'’])\d{3})(?:(?P=group)\d{3})*(?:[.,]\d+)?(?!\d)"
    r"|\d+(?:[.,]\d+)*)"
)
_SCALES = frozenset({"%", "thousand", "million", "billion", "trillion"})
_UNIT_AFTER = re.compile(r"[ -]?(%|°[cf]\b|[^\W\d_]+)", re.IGNORECASE)
_PER = re.compile(
    r"(?: ?/ ?| (?:per|a|an|pro|par|por) )([^\W\d_]+)²?|( (?:daily|täglich))\b", re.IGNORECASE
)
_CURRENCY_BEFORE = re.compile(r"([$€£¥]|\b(?:usd|eur|gbp|chf|jpy))\s?$", re.IGNORECASE)
_COMPARED = re.compile(r"([<>≤≥~≈±]=?)\s?$")

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAME = re.compile(r"(?:[A-ZÄÖÜÀ-Þ][^\W\d_]+|[A-ZÄÖÜ]{2,})(?:[-'’][^\W\d_]+)*\Z")


class FactKind(StrEnum):
    """What a fact is."""

    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    NEGATION = "negation"


@dataclass(frozen=True, slots=True)
class Fact:
    """``text[start:end]`` of the normalised text; ``key`` is the same for what means the same.

    ``unit`` is that of a number, in one spelling; empty without.
    """

    kind: FactKind
    key: str
    start: int
    end: int
    unit: str = ""
    words: str = ""


def facts(text: str) -> list[Fact]:
    """The facts of a text, normalised first, in order."""
    plain = normalise(text)
    found = list(_dates(plain))
    taken = [(fact.start, fact.end) for fact in found]
    found += [fact for fact in _numbers(plain) if not _inside(fact.start, taken)]
    taken = [(fact.start, fact.end) for fact in found]
    found += [fact for fact in _words(plain) if not _inside(fact.start, taken)]
    return sorted(found, key=lambda fact: fact.start)


def missing_facts(claim: str, evidence: str, *, beside: str = "", around: str = "") -> list[Fact]:
    """The facts of a claim that the evidence lacks.

    ``beside`` are headings, which may have names, units and years as well; ``around`` is what
    only names and units are taken from: the rest of the passage, the document's name.
    """
    held = facts(evidence)
    near = normalise(f"{evidence} {beside} {around}").casefold()
    units = {UNITS.get(word, "") for word in re.findall(r"[^\W\d_]+|[%$€£¥]", near)}
    names = set(WORD.findall(near)) | {
        part for word in WORD.findall(near) for part in re.split(r"['’-]", word)
    }
    beside_facts = facts(beside) if beside else []
    lacking = []
    for fact in facts(claim):
        if fact.kind is FactKind.NAME:
            there = fact.key in names
        elif fact.kind is FactKind.NEGATION:
            there = any(f.kind is FactKind.NEGATION for f in held)
        elif fact.kind is FactKind.DATE:
            there = any(f.key == fact.key for f in [*held, *beside_facts])
        else:
            there = any(_same_number(fact, f, units) for f in held) or (
                # The year or number that the document or section is named after.
                not fact.unit and any(f.key == fact.key for f in beside_facts)
            )
        if not there:
            lacking.append(fact)
    return lacking


def has_negation(text: str) -> bool:
    """Whether a text denies anything."""
    return any(is_negation(word) for word in WORD.findall(normalise(text)))


def may_name(word: str) -> bool:
    """Whether a word that is written large may be a name."""
    return word[:1].isupper() and word.casefold() not in NO_NAMES


def contradicts(claim: str, evidence: str) -> bool:
    """Whether the claim has one of two opposites, and the evidence only the other."""
    said = set(WORD.findall(normalise(claim).casefold()))
    there = set(WORD.findall(normalise(evidence).casefold()))
    return any(
        said & mine and not said & others and there & others and not there & mine
        for pair in OPPOSITES
        for mine, others in (pair, pair[::-1])
    )


def is_negation(word: str) -> bool:
    """Whether a word denies what stands beside it."""
    plain = word.casefold().replace("’", "'")
    return plain in NEGATIONS or plain.endswith("n't") or plain.startswith("non-")


def is_critical(word: str) -> bool:
    """Whether a word may not be exchanged, left out or put in: a figure, a denial, a turn."""
    plain = word.casefold()
    return (
        any(char.isdigit() for char in word)
        or is_negation(word)
        or plain in EXCEPTIONS
        or plain in POLAR
        or plain in WORDED
        or (plain in UNITS and len(plain) > 1)
        or any(char in "$€£¥%°<>≤≥±" for char in word)
    )


def canonical_number(spelled: str) -> str:
    """A number in one form; what can be read in two ways stays as it is.

    >>> [canonical_number(n) for n in ("1,200", "1'200.50", "1.200", "0,5", "5.0", "1.234.567")]
    ['1200', '1200.5', '1.200', '0.5', '5', '1234567']
    """
    plain = re.sub(r"['’]", "", spelled)
    marks = re.findall(r"[.,]", plain)
    if not marks:
        return plain.lstrip("0") or "0"
    if len(set(marks)) == 2:
        decimal = marks[-1]
        plain = plain.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif len(marks) > 1:
        if not re.fullmatch(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*", plain):
            return plain  # a section's or a version's number
        return plain.replace(marks[0], "").lstrip("0") or "0"
    elif re.fullmatch(r"[1-9]\d{0,2},\d{3}", plain):
        return plain.replace(",", "")
    elif re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", plain):
        return plain
    else:
        plain = plain.replace(",", ".")
    whole, _, part = plain.partition(".")
    part = part.rstrip("0")
    return f"{whole.lstrip('0') or '0'}{'.' + part if part else ''}"


def _same_number(claimed: Fact, held: Fact, units: set[str]) -> bool:
    if held.kind is not FactKind.NUMBER or claimed.key != held.key:
        return False
    if claimed.unit == held.unit:
        return True
    if not held.unit:
        # A table's head, or the label before, has it.
        return all(part in units for part in re.split(r"[/ ]", claimed.unit))
    return not claimed.unit and held.unit not in _SCALES


def _dates(text: str) -> Iterator[Fact]:
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = MONTHS[parts["n"].casefold()] if parts.get("n") else int(parts["m"])
            day = int(parts["d"])
            if 1 <= month <= 12 and 1 <= day <= 31 and not _inside(match.start(), taken):
                taken.append(match.span())
                key = f"{int(parts['y']):04}-{month:02}-{day:02}"
                yield Fact(FactKind.DATE, key, *match.span(), words=match[0])


def _numbers(text: str) -> Iterator[Fact]:
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if end < len(text) and (text[end].isalpha() or text[end] == "_"):
            after = _UNIT_AFTER.match(text, end)
            if after is None or after[1].casefold() not in UNITS:
                continue  # a code, taken as a word
        unit, stop = _unit_after(text, end)
        before = _CURRENCY_BEFORE.search(text, max(0, start - 5), start)
        begin = start
        if before:
            begin = before.start()
            money = UNITS[before[1].casefold()]
            unit = f"{money} {unit}".strip() if unit in _SCALES else unit or money
        sign = "-" if match["sign"] else ""
        compared = _COMPARED.search(text, max(0, begin - 3), begin)
        if compared:
            sign, begin = compared[1] + sign, compared.start()
        key = sign + canonical_number(match["value"])
        yield Fact(FactKind.NUMBER, key, begin, stop, unit, text[begin:stop])


def _words(text: str) -> Iterator[Fact]:
    first, end, last = True, 0, ""
    for match in WORD.finditer(text):
        word = match[0]
        between = text[end : match.start()]
        plain = word.casefold()
        # After "Dr." and after initials no sentence begins.
        first = first or bool(re.search(r"[.!?]", between) and last not in TITLES and last[1:])
        if any(char.isdigit() for char in word):
            yield Fact(FactKind.NUMBER, plain.replace("-", ""), *match.span(), words=word)
        elif plain in WORDED:
            unit, _ = _unit_after(text, match.end())
            yield Fact(FactKind.NUMBER, WORDED[plain], *match.span(), unit, word)
        elif is_negation(word):
            yield Fact(FactKind.NEGATION, "not", *match.span(), words=word)
        elif _NAME.match(word) and plain not in NO_NAMES and (not first or word.isupper()):
            yield Fact(FactKind.NAME, plain.removesuffix("'s").removesuffix("’s"), *match.span(),
                       words=word)  # fmt: skip
        first, end, last = False, match.end(), plain


def _unit_after(text: str, at: int) -> tuple[str, int]:
    """The unit that follows a number, "mg/kg" in full, and where it ends."""
    after = _UNIT_AFTER.match(text, at)
    unit = UNITS.get(after[1].casefold(), "") if after else ""
    if not after or not unit:
        return "", at
    stop = after.end()
    while per := _PER.match(text, stop):
        below = "day" if per[2] else UNITS.get(per[1].casefold(), per[1].casefold())
        if not per[2] and "/" not in per[0] and per[1].casefold() not in UNITS:
            break
        unit, stop = f"{unit}/{below}", per.end()
    return unit, stop


def _inside(at: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)
