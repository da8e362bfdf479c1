"""Numbers, units and dates in one form; what can be read in two ways stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import FactKind, canonical_number, contradicts, facts, missing_facts
from app.core.matching import How, Text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,200 mg", "1200 mg", True),
        ("5.0 mg", "5 mg", True),
        ("1.200 mg", "1200 mg", False),
        ("2 500 mg", "2500 mg", False),
        ("5 mg", "5 g", False),
        ("5 mg/kg", "5 mg", False),
        ("300 mg a day", "300 mg daily", True),
        ("5 %", "5 percent", True),
        ("$5 million", "$5", False),
        ("three weeks", "3 weeks", True),
        ("5 March 2024", "March 5, 2024", True),
        ("5 March 2024", "05.03.2024", True),
        ("5 March 2024", "2024-03-05", True),
        ("5 March 2024", "5 May 2024", False),
        ("03/04/2024", "4 March 2024", False),
        ("< 5 mmol/l", "5 mmol/l", False),
        ("INV-2031", "INV-2032", False),
        ("-3 °C", "3 °C", False),
    ],
)
def test_what_is_the_same(one: str, other: str, same: bool) -> None:
    assert (not missing_facts(one, other)) is same


def test_names_and_negations() -> None:
    claim = "In May, Dr. Okonkwo did not examine Brandvik."
    lacking = missing_facts(claim, "Brandvik was examined in May.")
    assert [fact.words for fact in lacking] == ["Okonkwo", "not"]
    assert not missing_facts(claim, "not examined: Brandvik, in May", beside="Dr Okonkwo")
    assert contradicts("The left knee is swollen.", "The right knee is swollen.")
    assert not contradicts("The left knee.", "The left and the right knee.")


@given(st.integers(0, 10**9))
def test_a_number_is_itself_however_it_is_grouped(number: int) -> None:
    assert canonical_number(f"{number:,}") == canonical_number(str(number)) == str(number)


@given(st.text(max_size=300))
def test_any_text_has_facts_or_none(text: str) -> None:
    for fact in facts(text):
        assert fact.start < fact.end and isinstance(fact.kind, FactKind)


@given(st.lists(st.sampled_from("alpha beta gamma 12 3.5 mg not the 2024".split()), min_size=3),
       st.data())  # fmt: skip
def test_a_stretch_of_a_text_is_found_where_it_stands(
    words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    quote = " ".join(words[start:end])
    match = Text(text).find(quote)
    if match is None:
        # Only a number whose neighbour would be its beginning or its scale is refused.
        assert quote[0].isdigit() or quote[-1].isdigit()
    else:
        assert match.how is How.SAME
        assert text[match.start : match.end] == quote
