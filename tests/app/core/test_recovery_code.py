"""Recovery keys on paper: what is written can be typed back, and what is mistyped is noticed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.recovery_code import ALPHABET, NoRecoveryKey, decode, encode, looks_like_one

KEYS = st.binary(min_size=32, max_size=32)
# Of bytes 0 to 31; frozen: a paper must be readable for as long as its library.
KNOWN = "MR000-1081G-81860-W40J2-GB1G6-GW3RG-24916-50N2R-BHG68-T3CE1-T7GZZ-4S3R2"


def test_a_paper_of_the_first_version_stays_readable() -> None:
    assert encode(bytes(range(32))) == KNOWN
    assert decode(KNOWN) == bytes(range(32))


@settings(deadline=None)
@given(KEYS, st.randoms())
def test_however_it_is_typed_it_is_the_same_key(key: bytes, chance: random.Random) -> None:
    written = encode(key)
    assert written.startswith("MR") and [len(g) for g in written.split("-")] == [5] * 12
    typed = "".join(chance.choice((sign, sign.lower())) for sign in written)
    typed = typed.replace("-", chance.choice(("", " ", "-", " - ", "\n", "–")))
    alike = {"1": "1IiLl", "0": "0Oo", "V": "VU", "v": "vu"}
    typed = "".join(chance.choice(alike.get(sign, sign)) for sign in typed)
    assert decode(f"  {typed}\n") == key
    assert looks_like_one(typed)


@settings(deadline=None)
@given(KEYS, st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True), st.randoms())
def test_up_to_four_wrong_signs_are_noticed(
    key: bytes, places: list[int], chance: random.Random
) -> None:
    signs = list(encode(key).replace("-", ""))
    for place in places:
        signs[place] = chance.choice([sign for sign in ALPHABET if sign != signs[place]])
    with pytest.raises(NoRecoveryKey):
        decode("".join(signs))


@settings(deadline=None)
@given(KEYS, st.integers(0, 59), st.integers(0, 59), st.randoms())
def test_the_groups_of_one_or_two_wrong_signs_are_named(
    key: bytes, first: int, second: int, chance: random.Random
) -> None:
    signs = list(encode(key).replace("-", ""))
    for place in {first, second}:
        signs[place] = chance.choice([sign for sign in ALPHABET if sign != signs[place]])
    with pytest.raises(NoRecoveryKey) as caught:
        decode("".join(signs))
    for place in (first, second):
        assert f"group {place // 5 + 1}" in str(caught.value)


@settings(deadline=None)
@given(KEYS, st.integers(0, 58))
def test_two_signs_that_changed_places_are_noticed(key: bytes, place: int) -> None:
    signs = list(encode(key).replace("-", ""))
    signs[place], signs[place + 1] = signs[place + 1], signs[place]
    if signs[place] != signs[place + 1]:
        with pytest.raises(NoRecoveryKey):
            decode("".join(signs))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=90))
def test_any_other_text_is_no_recovery_key(text: str) -> None:
    assert not looks_like_one(text)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (KNOWN[:-1], "has 59"),
        (KNOWN + "0", "has 61"),
        (KNOWN.replace("G", "?"), "“?”"),
        ("", "has 0"),
        ("0" * 60, "wrong"),
    ],
)
def test_it_says_what_is_wrong(typed: str, said: str) -> None:
    with pytest.raises(NoRecoveryKey, match=said.replace("?", r"\?")):
        decode(typed)


def test_only_whole_keys_are_written() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        encode(bytes(31))
