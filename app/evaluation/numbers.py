"""The numbers of gold answers, and whether an answer gives them. Knows no documents."""

from __future__ import annotations

import re
from decimal import Decimal

_DATE = re.compile(r"\b\d{1,4}([/.-])\d{1,2}\1\d{1,4}\b")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![A-Za-z\d.,])\d+(?:\.\d+)?")


def numbers_of(text: str) -> set[Decimal]:
    """The numbers of a text, without sign, unit and separators of thousands; dates are left out.

    >>> sorted(map(str, numbers_of("$1,577.00 on 6/30/10, FY2023, a 40% share of 1577")))
    ['1577', '40']
    """
    plain = _DATE.sub(" ", text)
    return {_plain(match.group()) for match in _NUMBER.finditer(plain)}


def numbers_given(gold: str, question: str, answer: str) -> bool | None:
    """Whether an answer holds every number of the gold answer that the question does not name;
    None where the gold answer has no such number.

    >>> numbers_given("A decline of 42% since 2023", "What changed since 2023?", "It fell by 42 %.")
    True
    """
    wanted = numbers_of(gold) - numbers_of(question)
    return wanted <= numbers_of(answer) if wanted else None


def _plain(number: str) -> Decimal:
    # Without its zeros at the end, so that 5409.00 and 5409 are one number.
    return Decimal(number.replace(",", "")).normalize() + 0
