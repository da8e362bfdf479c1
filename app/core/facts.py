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

from ingest.normalise import normalise

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero ene",
            "february feb februar février fevrier febrero",
            "march mar märz maerz mars marzo",
            "april apr avril abril abr",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet julio",
            "august aug août aout agosto ago",
            "september sept sep septembre septiembre",
            "october oct oktober okt octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
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
_WORDED = {
    word: str(number)
    for number, words in {
        0: "zero null", 2: "two twice zwei zweimal deux dos",
        3: "three thrice drei dreimal trois tres",
        4: "four vier quatre cuatro", 5: "five fünf cinq cinco", 6: "six sechs seis",
        7: "seven sieben sept siete", 8: "eight acht huit ocho", 9: "nine neun neuf nueve",
        10: "ten zehn dix diez", 11: "eleven elf onze", 12: "twelve zwölf douze doce",
        13: "thirteen dreizehn", 14: "fourteen vierzehn", 15: "fifteen fünfzehn quinze quince",
        16: "sixteen sechzehn", 17: "seventeen siebzehn", 18: "eighteen achtzehn",
        19: "nineteen neunzehn", 20: "twenty zwanzig vingt veinte",
        30: "thirty dreißig trente treinta",
        40: "forty vierzig quarante cuarenta", 50: "fifty fünfzig cinquante cincuenta",
        60: "sixty sechzig soixante sesenta", 70: "seventy siebzig", 80: "eighty achtzig",
        90: "ninety neunzig", 100: "hundred hundert cent cien",
    }.items()
    for word in words.split()
}  # fmt: skip
_UNITS = {
    spelled: unit
    for unit, names in {
        "%": "% percent percentage pct prozent pourcent",
        "thousand": "thousand thousands k tausend tsd mille mil",
        "million": "million millions mn mio millionen",
        "billion": "billion billions bn mrd milliarden milliarde milliard milliards",
        "trillion": "trillion trillions",
        "$": "$ usd dollar dollars", "€": "€ eur euro euros", "£": "£ gbp pound pounds",
        "¥": "¥ jpy yen", "chf": "chf franken",
        "mg": "mg milligram milligrams", "g": "g gram grams gramm", "kg": "kg kilogram kilograms",
        "µg": "µg μg ug mcg microgram micrograms mikrogramm", "ng": "ng", "pg": "pg",
        "ml": "ml millilitre millilitres milliliter milliliters",
        "l": "l litre litres liter liters",
        "dl": "dl", "mmol": "mmol", "µmol": "µmol μmol umol", "mol": "mol", "iu": "iu ie",
        "mmhg": "mmhg", "bpm": "bpm", "kcal": "kcal", "mm": "mm", "cm": "cm", "km": "km",
        "m": "m metre metres meter meters", "ft": "ft feet foot", "in": "inch inches",
        "mi": "mile miles", "°c": "°c", "°f": "°f", "ha": "ha", "kw": "kw", "mw": "mw",
        "kwh": "kwh",
        "mwh": "mwh", "gw": "gw", "gwh": "gwh", "hz": "hz", "khz": "khz", "mhz": "mhz",
        "ghz": "ghz",
        "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "t": "tonne tonnes tons ton",
        "second": "second seconds sec secs s sekunde sekunden seconde secondes segundo segundos",
        "minute": "minute minutes min mins minuten minuto minutos",
        "hour": "hour hours hr hrs h stunde stunden heure heures hora horas",
        "day": "day days tag tage tagen jour jours día días dia dias",
        "week": "week weeks wk wks woche wochen semaine semaines semana semanas",
        "month": "month months monat monate monaten mois mes meses",
        "quarter": "quarter quarters quartal quartale",
        "year": "year years yr yrs jahr jahre jahren an ans année années año años",
        "times": "times mal fois veces",
    }.items()
    for spelled in names.split()
}  # fmt: skip
_SCALES = frozenset({"%", "thousand", "million", "billion", "trillion"})
_UNIT_AFTER = re.compile(r"[ -]?(%|°[cf]\b|[^\W\d_]+)", re.IGNORECASE)
_PER = re.compile(
    r"(?: ?/ ?| (?:per|a|an|pro|par|por) )([^\W\d_]+)²?|( (?:daily|täglich))\b", re.IGNORECASE
)
_CURRENCY_BEFORE = re.compile(r"([$€£¥]|\b(?:usd|eur|gbp|chf|jpy))\s?$", re.IGNORECASE)
_COMPARED = re.compile(r"([<>≤≥~≈±]=?)\s?$")

NEGATIONS = frozenset(
    "not no never none neither nor without cannot can't won't don't doesn't didn't isn't aren't "
    "wasn't weren't hasn't haven't hadn't shouldn't wouldn't couldn't mustn't denies denied deny "
    "lack lacks lacking absent absence negative nobody nothing nowhere hardly "
    "nicht kein keine keinen keiner keinem keines nie niemals ohne weder noch nichts "
    "ne pas jamais aucun aucune sans ni rien personne "
    "nunca sin ningún ninguna ninguno tampoco nada".split()
)
EXCEPTIONS = frozenset(
    "unless except excepting excluding exclusive notwithstanding "
    "sofern außer ausser ausgenommen es-sei-denn sauf hormis salvo excepto".split()
)
# Words that turn a statement into another one, though it keeps its subject.
POLAR = frozenset(
    "left right positive negative increase increased increases decrease decreased decreases "
    "rise rose fall fell higher lower more less fewer above below before after minimum maximum "
    "least most must may shall should all any only both either normal abnormal benign malignant "
    "improved worsened start started stop stopped continued discontinued include includes included "
    "including exclude excludes excluded yes true false buyer seller landlord tenant lessor lessee "
    "licensor licensee plaintiff defendant employer employee borrower lender "
    "links rechts positiv negativ erhöht erniedrigt vor nach mindestens höchstens muss darf kann "
    "gauche droite avant après augmenté diminué izquierda derecha antes después".split()
)
# Pairs of words of which a statement with one is not supported by a text with the other.
_OPPOSITES = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("left links gauche izquierda", "right rechts droite derecha"),
        ("positive positiv positif positivo", "negative negativ négatif negativo"),
        (
            "increase increased increases increasing rise rose risen rising higher grew grown up",
            "decrease decreased decreases decreasing fall fell fallen falling lower declined down",
        ),
        ("above", "below"),
        ("before prior", "after following"),
        ("minimum least", "maximum most"),
        ("more", "less fewer"),
        ("normal", "abnormal"),
        ("benign", "malignant"),
        ("improved improving", "worsened worsening"),
        ("started start starts", "stopped stop stops discontinued"),
        ("includes included including include", "excludes excluded excluding exclude"),
        ("buyer purchaser", "seller vendor"),
        ("landlord lessor", "tenant lessee"),
        ("licensor", "licensee"),
        ("employer", "employee"),
        ("lender", "borrower"),
        ("plaintiff claimant", "defendant respondent"),
    )
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAME = re.compile(r"(?:[A-ZÄÖÜÀ-Þ][^\W\d_]+|[A-ZÄÖÜ]{2,})(?:[-'’][^\W\d_]+)*\Z")
# What begins a sentence, or is written large by custom, and names nothing.
_NO_NAMES = frozenset(
    "the this that these those there it he she they we i in on at by for from with under according "
    "both all as if when while where what which who whose how an a and or but no not yes per page "
    "section article clause exhibit schedule table figure document passage agreement contract "
    "der die das ein eine im am laut le la les un une el los las".split()
)


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


def missing_facts(
    claim: str, evidence: str, *, beside: str = "", around: str = "", negations: bool = True
) -> list[Fact]:
    """The facts of a claim that the evidence lacks.

    ``beside`` are headings and the document's name, which may have names, units and years as
    well; ``around`` is the rest of the passage, from which only names and units are taken.
    """
    held = facts(evidence)
    near = normalise(f"{evidence} {beside} {around}").casefold()
    units = {_UNITS.get(word, "") for word in re.findall(r"[^\W\d_]+|[%$€£¥]", near)}
    names = set(_WORD.findall(near)) | {
        part for word in _WORD.findall(near) for part in re.split(r"['’-]", word)
    }
    beside_facts = facts(beside) if beside else []
    lacking = []
    for fact in facts(claim):
        if fact.kind is FactKind.NAME:
            there = fact.key in names
        elif fact.kind is FactKind.NEGATION:
            there = not negations or any(f.kind is FactKind.NEGATION for f in held)
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
    return any(is_negation(word) for word in _WORD.findall(normalise(text)))


def contradicts(claim: str, evidence: str) -> bool:
    """Whether the claim has one of two opposites, and the evidence only the other."""
    said = set(_WORD.findall(normalise(claim).casefold()))
    there = set(_WORD.findall(normalise(evidence).casefold()))
    return any(
        said & mine and not said & others and there & others and not there & mine
        for pair in _OPPOSITES
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
        or plain in _WORDED
        or (plain in _UNITS and len(plain) > 1)
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
            month = _MONTHS[parts["n"].casefold()] if parts.get("n") else int(parts["m"])
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
            if after is None or after[1].casefold() not in _UNITS:
                continue  # a code, taken as a word
        unit, stop = _unit_after(text, end)
        before = _CURRENCY_BEFORE.search(text, max(0, start - 5), start)
        begin = start
        if before:
            begin = before.start()
            money = _UNITS[before[1].casefold()]
            unit = f"{money} {unit}".strip() if unit in _SCALES else unit or money
        sign = "-" if match["sign"] else ""
        compared = _COMPARED.search(text, max(0, begin - 3), begin)
        if compared:
            sign, begin = compared[1] + sign, compared.start()
        key = sign + canonical_number(match["value"])
        yield Fact(FactKind.NUMBER, key, begin, stop, unit, text[begin:stop])


def _words(text: str) -> Iterator[Fact]:
    first = True
    end = 0
    for match in _WORD.finditer(text):
        word = match[0]
        between = text[end : match.start()]
        first = first or bool(re.search(r"[.!?:;\n\"]", between))
        plain = word.casefold()
        if any(char.isdigit() for char in word):
            yield Fact(FactKind.NUMBER, plain.replace("-", ""), *match.span(), words=word)
        elif plain in _WORDED:
            unit, _ = _unit_after(text, match.end())
            yield Fact(FactKind.NUMBER, _WORDED[plain], *match.span(), unit, word)
        elif is_negation(word):
            yield Fact(FactKind.NEGATION, "not", *match.span(), words=word)
        elif _NAME.match(word) and plain not in _NO_NAMES and (not first or word.isupper()):
            yield Fact(FactKind.NAME, plain.removesuffix("'s").removesuffix("’s"), *match.span(),
                       words=word)  # fmt: skip
        first = False
        end = match.end()


def _unit_after(text: str, at: int) -> tuple[str, int]:
    """The unit that follows a number, "mg/kg" in full, and where it ends."""
    after = _UNIT_AFTER.match(text, at)
    unit = _UNITS.get(after[1].casefold(), "") if after else ""
    if not after or not unit:
        return "", at
    stop = after.end()
    while per := _PER.match(text, stop):
        below = "day" if per[2] else _UNITS.get(per[1].casefold(), per[1].casefold())
        if not per[2] and "/" not in per[0] and per[1].casefold() not in _UNITS:
            break
        unit, stop = f"{unit}/{below}", per.end()
    return unit, stop


def _inside(at: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)
