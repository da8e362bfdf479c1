"""The numbers and bullets that Word computes and a DOCX file does not contain.

Contracts cite their clauses by these numbers, so they are part of what a person reads. Source:
ECMA-376, part 1, 17.9 (numbering).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MAX_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class _Level:
    format: str
    text: str
    start: int


@dataclass
class Numbering:
    """Counts the list paragraphs of one document, in order."""

    _levels: dict[str, dict[int, _Level]] = field(default_factory=dict)  # abstract id -> level
    _instances: dict[str, str] = field(default_factory=dict)  # number id -> abstract id
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)  # abstract id -> counters

    @classmethod
    def of(cls, document: Any) -> Numbering:
        """The definitions in a `docx.Document`; empty when it has none."""
        part = next(
            (
                relation.target_part
                for relation in document.part.rels.values()
                if not relation.is_external and relation.reltype.endswith("/numbering")
            ),
            None,
        )
        numbering = cls()
        if part is None:
            return numbering
        root = part.element
        for abstract in root.iterchildren(f"{W}abstractNum"):
            levels = {
                int(level.get(f"{W}ilvl") or 0): _Level(
                    _child(level, "numFmt") or "decimal",
                    _child(level, "lvlText"),
                    _number(_child(level, "start"), 1),
                )
                for level in abstract.iterchildren(f"{W}lvl")
            }
            numbering._levels[abstract.get(f"{W}abstractNumId") or ""] = levels
        for instance in root.iterchildren(f"{W}num"):
            key = instance.get(f"{W}numId") or ""
            numbering._instances[key] = _child(instance, "abstractNumId")
        return numbering

    def next(self, paragraph: Any, style: Any) -> tuple[str, int]:
        """The marker of ``paragraph`` and its depth from 0; an empty marker if it has none."""
        instance, depth = _properties(paragraph, style)
        abstract = self._instances.get(instance, "")
        level = self._levels.get(abstract, {}).get(depth)
        if level is None:
            return "", depth
        counts = self._counts.setdefault(abstract, {})
        counts[depth] = min(counts.get(depth, level.start - 1) + 1, _MAX_NUMBER)
        for deeper in [key for key in counts if key > depth]:
            del counts[deeper]
        if level.format == "none":
            return "", depth
        if level.format == "bullet":
            return "•", depth
        return self._fill(abstract, level), depth

    def _fill(self, abstract: str, level: _Level) -> str:
        levels, counts = self._levels[abstract], self._counts[abstract]

        def number(match: re.Match[str]) -> str:
            place = int(match.group(1)) - 1
            definition = levels.get(place, level)
            count = counts.get(place, definition.start)
            return spell(count, definition.format)

        return re.sub(r"%([1-9])", number, level.text).strip()


def spell(number: int, form: str) -> str:
    """``number`` in Word's number format ``form``; decimal for formats not known here."""
    if form in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman"):
        return roman(number) if form == "upperRoman" else roman(number).lower()
    return f"{number:02d}" if form == "decimalZero" else str(number)


def roman(number: int) -> str:
    """Roman numerals, 1 to 3,999; other numbers as they are."""
    if not 0 < number < 4000:
        return str(number)
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    signs = ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I")
    spelled = ""
    for value, sign in zip(values, signs, strict=True):
        count, number = divmod(number, value)
        spelled += sign * count
    return spelled


def _properties(paragraph: Any, style: Any) -> tuple[str, int]:
    own = paragraph.find(f"{W}pPr/{W}numPr")
    instance = "" if own is None else _child(own, "numId")
    depth = "" if own is None else _child(own, "ilvl")
    for _ in range(20):
        if style is None or (instance and depth):
            break
        inherited = style.element.find(f"{W}pPr/{W}numPr")
        if inherited is not None:
            instance = instance or _child(inherited, "numId")
            depth = depth or _child(inherited, "ilvl")
        style = style.base_style
    return instance, _number(depth, 0)


def _child(element: Any, name: str) -> str:
    found = element.find(f"{W}{name}")
    return "" if found is None else found.get(f"{W}val") or ""


def _number(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text) else default
