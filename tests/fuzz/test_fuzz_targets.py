"""Every fuzz target runs on inputs of its kind, and on all that were findings once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.target import TARGETS, load

KEPT = sorted((Path(__file__).parent / "kept").glob("*-*"))


@pytest.mark.parametrize("name", TARGETS)
def test_its_seeds_are_no_findings_and_most_are_read(name: str) -> None:
    target = load(name)
    read = 0
    for seed in target.seeds():
        target.check(seed)
        try:
            target.run(seed)
        except target.answers:
            continue
        read += 1
    assert read, "no seed is read, so the search would begin outside"


@pytest.mark.parametrize("name", TARGETS)
def test_cut_and_changed_seeds_are_no_findings(name: str) -> None:
    target = load(name)
    for seed in target.seeds():
        for place in range(0, len(seed), max(1, len(seed) // 25)):
            target.check(seed[:place])
            target.check(seed[:place] + bytes([seed[place] ^ 0x20]) + seed[place + 1 :])
            target.check(seed[:place] + b"\xff" * 8 + seed[place + 8 :])


@pytest.mark.parametrize("path", KEPT, ids=[path.name for path in KEPT])
def test_what_was_a_finding_is_none_any_more(path: Path) -> None:
    load(path.name.partition("-")[0]).check(path.read_bytes())
