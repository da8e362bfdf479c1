"""Widths of keys and values: names that come back, and layers that have their own."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.widths import Bits, KVBits

EACH = st.sampled_from(get_args(Bits))
LAYERS = st.integers(0, 9999)


@st.composite
def widths(draw: st.DrawFn) -> KVBits:
    keys, values = draw(EACH), draw(EACH)
    apart = draw(st.dictionaries(LAYERS, st.builds(KVBits, EACH, EACH), max_size=8))
    kept = [(layer, bits) for layer, bits in apart.items() if bits != KVBits(keys, values)]
    return KVBits(keys, values, tuple(sorted(kept, key=lambda each: each[0])))


@given(widths())
def test_names_come_back(kv: KVBits) -> None:
    assert KVBits.parse(kv.name) == kv
    assert not set(kv.name) & set("/\\ :*?<>|\"'")


@given(widths(), LAYERS)
def test_a_layer_has_its_own_widths_or_those_of_all(kv: KVBits, layer: int) -> None:
    own = dict(kv.apart).get(layer)
    assert kv.at(layer) == (own or KVBits(kv.keys, kv.values))
    assert kv.at(layer).apart == ()


@given(st.text("kv+@,0123456789", max_size=20))
def test_what_is_no_name_is_refused(text: str) -> None:
    try:
        found = KVBits.parse(text)
    except ValueError:
        return
    assert KVBits.parse(found.name) == found


def test_names_are_short() -> None:
    assert KVBits(3, 3).name == "k3v3"
    four, keys = KVBits(4, 4), KVBits(4, 3)
    assert KVBits(3, 3, ((14, four),)).name == "k3v3+k4v4@14"
    mixed = KVBits(3, 3, ((5, keys), (11, four), (17, keys)))
    assert mixed.name == "k3v3+k4v3@5,17+k4v4@11"
    assert KVBits.parse("k3v3+k4v4@11+k4v3@17,5") == mixed


@pytest.mark.parametrize(
    "name",
    [
        "", "k3", "k5v3", "k3v3+", "k3v3+k4v4", "k3v3+k4v4@", "k3v3+k4v4@1,", "k3v3+k4v4@-1",
        "k3v3+k4v4@01", "k3v3+k3v3@1", "k3v3+k4v4@1,1", "k3v3+k4v4@1+k4v3@1", "k3v3+k4v4@99999",
        "k3v3 ", "K3V3", "k\uff13v3", "exact",
    ],
)  # fmt: skip
def test_wrong_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError):
        KVBits.parse(name)


def test_widths_that_cannot_be_are_refused() -> None:
    four, three = KVBits(4, 4), KVBits(3, 3)
    for apart in (
        ((2, four), (1, four)),
        ((1, four), (1, KVBits(2, 2))),
        ((-1, four),),
        ((1, three),),
        ((1, KVBits(4, 4, ((2, three),))),),
    ):
        with pytest.raises(ValueError, match="layer"):
            KVBits(3, 3, apart)
    with pytest.raises(ValueError, match="5"):
        KVBits(5, 3)  # type: ignore[arg-type]


def test_only_layers_that_are_coded_may_be_named() -> None:
    kv = KVBits.parse("k3v3+k4v4@5,14")
    kv.check({5, 14, 20})
    KVBits(3, 3).check(())
    with pytest.raises(ValueError, match=r"k3v3\+k4v4@5,14: .*\[14\]"):
        kv.check({5, 20})
