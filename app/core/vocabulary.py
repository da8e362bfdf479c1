"""Words that numbers, dates and denials are told by, in English, German, French and Spanish.

Data only; `app.core.facts` reads texts with it.
"""

from __future__ import annotations

MONTHS = {
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
WORDED = {
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
UNITS = {
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
OPPOSITES = tuple(
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
# What begins a sentence, or is written large by custom, and names nothing.
NO_NAMES = frozenset(
    "the this that these those there it he she they we i in on at by for from with under according "
    "both all as if when while where what which who whose how an a and or but no not yes per page "
    "section article clause exhibit schedule table figure document passage agreement contract "
    "der die das ein eine im am laut le la les un une el los las "
    "dr mr mrs ms prof sir herr frau mme no".split()
)
TITLES = frozenset("dr mr mrs ms prof st no nr art sec fig inc ltd corp co vs".split())
