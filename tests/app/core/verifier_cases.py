"""Made-up passages and claims about them, true and false, for the verifier: 500 and more.

Each case is one quotation cited from a passage. What makes it false is named by its kind.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from ingest.types import Box, ChunkLine, Passage, TextSource

NAMES = ["Brandvik", "Okonkwo", "Lindqvist", "Ferreira", "Nakamura", "O’Dowd", "Castellanos"]
DRUGS = ["metformin", "ramipril", "apixaban", "levothyroxine", "prednisolone", "amoxicillin"]
PLACES = ["Norway", "Delaware", "Bavaria", "Ontario", "New South Wales", "Andalusia"]
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
]  # fmt: skip
TEMPLATES = [
    "{drug} was reduced from {n1} mg to {n2} mg twice a day on {day} {month} {year}.",
    "The patient does not take {drug} because of a reaction on {day} {month} {year}.",
    "Dr. {name} reviewed the results on {year}-{m:02}-{d:02} and found no sign of infection.",
    "Haemoglobin fell from 1{n3}.{d3} g/dl to {n3}.{d3} g/dl within {n4} weeks.",
    "The Supplier shall pay a penalty of EUR {money} for every week of delay after {day} {month}.",
    "This Agreement is governed by the laws of {place}, without regard to conflicts of laws.",
    "The Tenant shall not assign this lease, unless {name} consents in writing within {n4} days.",
    "Net sales rose by {n3}.{d3} % to ${money} million in {year}, {n4} % of it from {place}.",
    "Either party may terminate this Agreement on {n4} days’ notice to {name}.",
    "No payment is due before {day} {month} {year} to {name} or to any of its affiliates.",
    "{name} denies chest pain, fever and cough; blood pressure is {n5}/{n6} mmHg.",
    "Invoice INV-{year}{n4} of {money} pounds was paid on {day}.{m}.{year} by {name}.",
    "The audit of {place} covered {n4} sites and found {n3} findings of high severity.",
    "Treatment with {drug} {n2} mg/kg was continued for {n4} days after discharge.",
    "The warranty lasts {n4} months from delivery and excludes wear of {n3} named parts.",
]
NEGATIONS = (
    "does not take",
    "shall not assign",
    "found no sign",
    "No payment",
    "denies",
    "without",
)


@dataclass(frozen=True)
class Case:
    """A sentence of an answer, the passages given, and whether it is true of passage 1."""

    kind: str
    sentence: str
    passages: dict[int, Passage]
    true: bool


def sentence(random: random.Random) -> str:
    """One made-up statement."""
    month = random.randint(1, 12)
    text = random.choice(TEMPLATES).format(
        drug=random.choice(DRUGS),
        name=random.choice(NAMES),
        place=random.choice(PLACES),
        n1=random.choice((1000, 850, 500, 100)),
        n2=random.choice((2.5, 5, 10, 25, 40)),
        n3=random.randint(2, 9),
        d3=random.randint(1, 9),
        n4=random.randint(12, 99),
        n5=random.randint(101, 179),
        n6=random.randint(55, 99),
        money=f"{random.randint(1, 99)},{random.randint(100, 999)}",
        day=random.randint(1, 28),
        d=random.randint(1, 28),
        m=month,
        month=MONTHS[month - 1],
        year=random.randint(1998, 2026),
    )
    return text[0].upper() + text[1:]


def passage(
    number: int,
    text: str,
    random: random.Random,
    source: TextSource = TextSource.TEXT,
) -> Passage:
    """A passage whose lines break as a page's do: between words, or within one at a hyphen."""
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 60:
            if random.random() < 0.3 and re.fullmatch(r"[a-z]{8,}", word):
                lines.append(f"{line} {word[:4]}-")
                line = word[4:]
                continue
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines.append(line)
    places, whole = [], ""
    for n, part in enumerate(lines):
        start = len(whole) + 1 if whole else 0
        whole = f"{whole}\n{part}" if whole else part
        box = Box(50, 20.0 * n, 500, 20.0 * n + 12)
        places.append(ChunkLine(1 + n // 30, box, start, start + len(part), source))
    return Passage(number, f"document {number}", (10 * number,), whole, (), tuple(places), 1.0)


def cases(count: int = 520, seed: int = 7) -> list[Case]:
    """So many cases; those that a change cannot be made to are left out and others made."""
    chance = random.Random(seed)
    makers: list[tuple[str, Callable[[str, random.Random], str | None]]] = [
        ("as it stands", lambda s, _: s),
        ("in other marks", _in_other_marks),
        ("a part", _part),
        ("a digit", _digit),
        ("a date", _date),
        ("a unit", _unit),
        ("a negation dropped", _without_negation),
        ("a negation added", _with_negation),
        ("reordered", _reordered),
        ("a name", _name),
        ("scanned", lambda s, _: s),
        ("scanned, a digit", _digit),
        ("wrong passage", lambda s, _: s),
        ("clipped number", _clipped),
    ]
    true = {"as it stands", "in other marks", "a part"}
    made: list[Case] = []
    while len(made) < count:
        kind, change = makers[len(made) % len(makers)]
        wanted = sentence(chance)
        said = change(wanted, chance)
        if said is None or (kind not in true and kind not in ("scanned", "wrong passage") and
                            said == wanted):  # fmt: skip
            makers.append(makers.pop(len(made) % len(makers)))
            continue
        around = [sentence(chance) for _ in range(9)]
        if any(_core(said) in _core(other) for other in around):
            continue
        shown = wanted
        source = TextSource.TEXT
        if kind.startswith("scanned"):
            shown, source = noisy(wanted, chance), TextSource.OCR
        texts = [*around[:2], shown, *around[2:4]]
        passages = {1: passage(1, " ".join(texts), chance, source)}
        passages[2] = passage(2, " ".join(around[4:]), chance)
        if kind == "wrong passage":
            passages = {1: passages[2], 2: passages[1]}
        made.append(Case(kind, f"The document says “{said}” [1].", passages, kind in true))
    return made


def noisy(text: str, random: random.Random) -> str:
    """A text as OCR may give it: some letters taken for others that look alike."""
    swaps = [("m", "rn"), ("l", "1"), ("0", "O"), ("d", "cl"), ("1", "l"), ("h", "b"), ("e", "c")]
    out = list(text)
    for _ in range(max(1, len(text) // 40)):
        at = random.randrange(len(out))
        for old, new in swaps:
            if out[at] == old:
                out[at] = new
                break
    return "".join(out)


def _core(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def _in_other_marks(text: str, _: random.Random) -> str:
    return text.replace("’", "'").replace("fi", "ﬁ").rstrip(".").replace(" mg", "\u00a0mg")


def _part(text: str, random: random.Random) -> str | None:
    # A part that leaves a denial or a condition out says something else.
    if any(word in text for word in (*NEGATIONS, "unless", "excludes", "without")):
        return None
    words = text.rstrip(".").split(" ")
    length = random.randint(5, len(words))
    start = random.randint(0, len(words) - length)
    cut = words[start : start + length]
    if re.search(r"\d[%)]?$", cut[-1]) and start + length < len(words):
        return None  # its unit would be left out
    if re.match(r"\d", cut[0]) and start > 0:
        return None
    return " ".join(cut)


def _digit(text: str, random: random.Random) -> str | None:
    places = [m.start() for m in re.finditer(r"\d", text)]
    if not places:
        return None
    at = random.choice(places)
    other = random.choice([d for d in "123456789" if d != text[at]])
    return text[:at] + other + text[at + 1 :]


def _date(text: str, random: random.Random) -> str | None:
    month = next((m for m in MONTHS if f" {m}" in text), None)
    if month is None:
        return None
    return text.replace(month, random.choice([m for m in MONTHS if m != month]))


def _unit(text: str, _: random.Random) -> str | None:
    for old, new in (
        (" mg ", " g "), ("mg/kg", "mg"), (" weeks", " days"), (" million", " billion"),
        (" g/dl", " mg/dl"), (" months", " years"), ("EUR", "USD"), (" % ", " "),
    ):  # fmt: skip
        if old in text:
            return text.replace(old, new)
    return None


def _without_negation(text: str, _: random.Random) -> str | None:
    for old, new in (
        ("does not take", "does take"), ("shall not assign", "shall assign"),
        ("found no sign", "found a sign"), ("No payment is", "Payment is"),
        ("denies", "reports"), ("without regard", "with regard"),
    ):  # fmt: skip
        if old in text:
            return text.replace(old, new)
    return None


def _with_negation(text: str, _: random.Random) -> str | None:
    for old, new in (
        ("was reduced", "was not reduced"), ("shall pay", "shall not pay"),
        ("may terminate", "may not terminate"), ("was paid", "was not paid"),
        ("was continued", "was never continued"), ("fell from", "never fell from"),
    ):  # fmt: skip
        if old in text:
            return text.replace(old, new)
    return None


def _reordered(text: str, _: random.Random) -> str:
    words = text.rstrip(".").split(" ")
    half = len(words) // 2
    return " ".join([*words[half:], *words[:half]])


def _name(text: str, random: random.Random) -> str | None:
    for names in (NAMES, PLACES):
        for name in names:
            if name in text:
                return text.replace(name, random.choice([n for n in names if n != name]))
    return None


def _clipped(text: str, _: random.Random) -> str | None:
    """A number without its beginning, its decimals or its scale."""
    found = re.search(r"(\d+[.,]\d+(?: million| %)?.*)", text)
    if found is None:
        return None
    return found[1][re.search(r"[.,]", found[1]).end() :]  # type: ignore[union-attr]
