"""Records of answers as bytes: nothing is lost on the way, and what cannot be read is told."""

from __future__ import annotations

import json
import pickle
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.answers import Mode
from app.core.events import Answered
from app.core.record_codec import FORMAT, decode, encode
from app.core.records import AnswerRecord, Exchange
from app.ui import wire
from ingest.errors import NewerStore, StoreError
from ingest.types import Box, Figure, FigureKind, Line, PageBox, Passage, TextSource
from tests.app.core.kept import record


def packed(value: object) -> bytes:
    return zlib.compress(json.dumps(value).encode())


def unpacked(data: bytes) -> dict[str, dict[str, object]]:
    return json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.from_type(AnswerRecord))
def test_every_record_comes_back(made: AnswerRecord) -> None:
    # By their text, since one NaN does not equal another.
    assert repr(decode(encode(made), "answer 1")) == repr(made)


def test_a_whole_record_comes_back() -> None:
    line = Line("12 %", Box(1.0, 2.5, 3.0, 4.0), source=TextSource.OCR, confidence=0.8)
    figure = Figure(
        2, line.box, FigureKind.CHART, "figure 1", "Figure 1: a chart", (line,), "beside it",
        ("see figure 1",), (PageBox(1, line.box),),
    )  # fmt: skip
    made = record()
    last = replace(made.passages[0], passage=replace(made.passages[0].passage, figure=figure))
    made = replace(made, passages=(*made.passages, last), documents=(3, 4), earlier=(7,))
    again = decode(encode(made), "answer 1")
    assert again == made
    assert isinstance(again.passages[0].passage, Passage)
    assert isinstance(again.passages[-1].passage.figure, Figure)
    assert isinstance(again.answer, Answered) and again.mode is Mode.AUTO


@pytest.mark.parametrize("text", ["\ud83d alone", "\x00\x1b[31m", "‮ reversed", "<b>&</b>", ""])
def test_odd_texts_come_back(text: str) -> None:
    made = replace(record(), raw=text, question=text)
    assert decode(encode(made), "answer 1") == made


def test_a_record_of_before_a_field_was_added_takes_its_default() -> None:
    value: Any = unpacked(encode(record()))
    del value["record"]["raw"], value["record"]["earlier"]
    del value["record"]["answer"]["cautions"]
    value["record"]["of a later version"] = 1
    old = decode(packed(value), "answer 1")
    assert (old.raw, old.earlier, old.answer.cautions) == ("", (), ())


def test_a_newer_record_is_refused() -> None:
    value = {**unpacked(encode(record())), "format": FORMAT + 1}
    with pytest.raises(NewerStore, match="newer version") as caught:
        decode(packed(value), "answer 12")
    assert caught.value.subject == "answer 12" and "update" in caught.value.remedy


@pytest.mark.parametrize("change", ["cut", "empty", "list", "no answer", "text for a number"])
def test_a_damaged_record_is_told(change: str) -> None:
    value = unpacked(encode(record()))
    if change == "no answer":
        del value["record"]["answer"]
    if change == "text for a number":
        value["record"]["answer"]["removed"] = "many"
    data = {
        "cut": encode(record())[:-20],
        "empty": b"",
        "list": packed([1, 2]),
    }.get(change, packed(value))
    with pytest.raises(StoreError, match="cannot be read") as caught:
        decode(data, "answer 12")
    assert not isinstance(caught.value, NewerStore)


def test_the_window_takes_records() -> None:
    exchange = Exchange(1, 1, 1, "2026", record(), ("record.pdf",))
    assert wire.loads(pickle.dumps(exchange)) == exchange
