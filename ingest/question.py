"""What a question asks for, apart from how it wants to be answered."""

from __future__ import annotations

import re

from ingest.words import STOP_WORDS

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
_YEAR_IN_WORD = re.compile(r"[A-Za-z]{1,3}(\d{4})\Z")


def core_of(question: str) -> str:
    """The question without sentences that only say how to answer; all of it if nothing is left."""
    sentences = [s.strip() for s in _SENTENCE.findall(question) if s.strip()]
    kept = [s for s in sentences if not _INSTRUCTION.match(s)]
    return " ".join(kept) if kept else question


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
