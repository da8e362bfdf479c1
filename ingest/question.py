"""What a question asks for, apart from how it wants to be answered."""

from __future__ import annotations

import re

from ingest.words import STOP_WORDS, content_words

_SENTENCE = re.compile(r"[^.?!]+(?:\.(?=\S)[^.?!]*)*[.?!]*")
_INSTRUCTION = re.compile(
    r"(?:please\b|answer\b|respond\b|reply\b|give (?:me |the |your |an? )*(?:answer|integer|number|"
    r"list)|return\b|format\b|write (?:it|them|down|the answer|your answer)|round\b|express\b|"
    r"base your|use (?:only|the format)|list (?:it|them|all)|state (?:it|your)|be (?:brief|concise|"
    r"specific)|do not|don't|explain (?:why|your|briefly)|directly\b|if [^?]*(?:\bstate\b|\bsay\b|"
    r"\bexplain\b)|we want\b|i want\b|i need\b|help (?:us|me)\b|here'?s the question)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_DIGIT = re.compile(r"\d")
_QUOTED = re.compile(r"[\"“„]([^\"“”„]{2,80})[\"”]")
_IN_BRACKETS = re.compile(r"\[[^\]]*\]")
_TOKEN = re.compile(r"(?<![\w$€£¥.,/-])[^\W_]+(?:[-–/._#,][^\W_]+)*(?![\w%])")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*\Z")
_YEARS = re.compile(r"(?:19|20)\d\d(?:\D{1,2}(?:(?:19|20)\d\d|\d\d?))*\Z")
_DAY = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d\d|\d{4})\Z")
_PERIOD = re.compile(
    r"(?:[FCHQ]?Y-?\d\d(?:\d\d)?|[A-Z]{1,3}(?:19|20)\d\d|[HQ][1-4](?:-\d\d|-?20\d\d)?)\Z",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Z]{1,8}[-/#.–]?\d{2}|\d{2,}[-/#.–]?[A-Z]{2}")
_NAMED_PAGE = re.compile(r"\b(?:pages?|pp?\.|years?|since|in|before|after)\W{1,2}\Z", re.IGNORECASE)
_TO_SEE = re.compile(
    r"\b(?:charts?|figures?\s+\d|(?:the|this|that|which|what|first|second|last) figure|graphs?|"
    r"plots?|plotted|diagrams?|pictures?|pictured|images?|photos?|photographs?|maps?|drawings?|"
    r"illustrat\w+|logos?|signatures?|stamps?|stamped|waveforms?|colou?rs?|curves?|icons?|"
    r"depict\w*|abbildung(?:en)?|diagramme?|grafik(?:en)?|bild(?:er)?|foto(?:s)?|karten?|"
    r"unterschrift(?:en)?|stempel|farben?)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 2
_YEAR_IN_WORD = re.compile(r"[A-Za-z]{1,3}(\d{4})\Z")


def core_of(question: str) -> str:
    """The question without sentences that only say how to answer; all of it if nothing is left."""
    sentences = [s.strip() for s in _SENTENCE.findall(question) if s.strip()]
    kept = [s for s in sentences if not _INSTRUCTION.match(s)]
    return " ".join(kept) if kept else question


def asks_to_see(question: str) -> bool:
    """Whether a question is about what is to be seen rather than read.

    >>> asks_to_see("Which colour has the line in Figure 3?"), asks_to_see("Who owns the ferry?")
    (True, False)
    """
    return _TO_SEE.search(question) is not None


def words_to_find(question: str) -> str:
    """The words worth looking for, as they stand; of "FY2023" also the year alone."""
    words: list[str] = []
    for word in _WORD.findall(question):
        if word.casefold() in STOP_WORDS:
            continue
        words.append(word)
        if year := _YEAR_IN_WORD.match(word):
            words.append(year.group(1))
    return " ".join(words)


def identifiers(question: str) -> list[str]:
    """The numbers and codes that name one thing: of an invoice, a lot, a part, a case.

    Years, dates, sums of money, shares, and numbers of fewer than four digits count or measure.

    >>> identifiers("Which 12 parts of lot 39500 went out with INV-2031 in 2023, for $10000?")
    ['39500', 'INV-2031']
    """
    found = []
    for token in _TOKEN.finditer(question):
        word = token.group()
        if not _DIGIT.search(word) or any(p.match(word) for p in (_YEARS, _DAY, _PERIOD)):
            continue
        if _NUMBER.match(word):
            named_page = _NAMED_PAGE.search(question[: token.start()])
            telling = word.isdigit() and len(word) > 3 and not named_page
        else:
            telling = bool(re.search(r"\d{4}", word) or _CODE.search(word))
        if telling and word not in found:
            found.append(word)
    return found


def literals(question: str) -> list[str]:
    """What is to be found as it stands: identifiers, what stands in quotation marks, and in a
    query of one or two words every number."""
    question = _IN_BRACKETS.sub(" ", question)  # the form of an answer, not what it says
    quoted = [words.strip() for words in _QUOTED.findall(question) if content_words(words)]
    words = words_to_find(question).split()
    numbers = [w for w in words if _DIGIT.search(w)] if len(words) <= _FEW_WORDS else []
    whole = identifiers(question)
    numbers = [n for n in numbers if not any(n in word for word in whole)]
    return list(dict.fromkeys([*quoted, *whole, *numbers]))
