"""Answers that keep to a JSON schema, whatever the model would rather write."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadSchema
from engine.grammar import Grammar
from engine.options import Options
from engine.sampler import Sampler
from engine.text import Text
from tests.engine.tiny_text import SPECIAL, TEMPLATE, byte_tokenizer, gemma_tokenizer

TEXTS = [Text(make(), TEMPLATE, SPECIAL, begins=True) for make in (gemma_tokenizer, byte_tokenizer)]
each_text = pytest.mark.parametrize("text", TEXTS, ids=["gemma", "bytes"])

Schema = dict[str, Any]

RECORD: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "born": {"type": "integer", "minimum": 1000, "maximum": 2100},
        "tags": {"type": "array", "items": {"enum": ["engine", "année"]}, "maxItems": 3},
        "alive": {"type": ["boolean", "null"]},
    },
    "required": ["name", "born", "tags"],
    "additionalProperties": False,
}
TREE: Schema = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "number", "minimum": 0, "maximum": 9},
                "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _is_record(value: Any) -> bool:
    return (
        set(value) - {"alive"} == {"name", "born", "tags"}
        and isinstance(value["name"], str)
        and 1 <= len(value["name"]) <= 12
        and type(value["born"]) is int
        and 1000 <= value["born"] <= 2100
        and len(value["tags"]) <= 3
        and set(value["tags"]) <= {"engine", "année"}
        and value.get("alive") in (True, False, None)
    )


def _is_tree(value: Any) -> bool:
    return (
        list(value) == ["value", "next"]
        and 0 <= value["value"] <= 9
        and (value["next"] is None or _is_tree(value["next"]))
    )


def _is_date(value: Any) -> bool:
    year, month, day = value.split("-")
    return [len(year), len(month), len(day)] == [4, 2, 2] and (year + month + day).isdecimal()


CASES: list[tuple[Schema, Callable[[Any], bool]]] = [
    (RECORD, _is_record),
    (TREE, _is_tree),
    (DATE, _is_date),
    ({"type": "integer"}, lambda value: type(value) is int),
    ({"const": {"a": [1, "x"]}}, lambda value: value == {"a": [1, "x"]}),
]


def _sample(
    text: Text, schema: Schema, seed: int, temperature: float, thinking: bool = False
) -> tuple[str, bool]:
    """What a model that knows nothing writes, and whether it came to an end."""
    grammar = Grammar(schema, text, thinking)
    sampler = Sampler(Options(temperature=temperature, seed=seed), [])
    random = torch.Generator().manual_seed(seed)
    size = text.tokenizer.get_vocab_size() + 12  # models have more rows than names
    ids: list[int] = []
    for _ in range(400):
        logits = torch.randn(size, generator=random) * 2
        token = sampler.pick(logits, grammar.allowed())
        if token in text.stop_ids:
            return text.decode(ids), True
        ids.append(token)
        grammar.accept(token)
        if grammar.finished:
            return text.decode(ids), True
    return text.decode(ids), False


@each_text
@pytest.mark.parametrize("case", range(len(CASES)))
@given(seed=st.integers(0, 2**31), temperature=st.sampled_from([0.0, 1.0]))
@settings(max_examples=15, deadline=None)
def test_whatever_is_written_follows_the_schema(
    text: Text, case: int, seed: int, temperature: float
) -> None:
    schema, holds = CASES[case]
    written, ended = _sample(text, schema, seed, temperature)
    if ended:
        value = json.loads(written)
        assert holds(value)
        if schema is RECORD and "\\" not in written:
            assert json.dumps(value, ensure_ascii=False) == written
    else:
        assert schema is TREE or schema == {"type": "integer"}


names = st.text(st.characters(codec="ascii", exclude_characters='\\"'), min_size=1, max_size=6)
schemas = st.recursive(
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"type": "integer", "minimum": -3, "maximum": 300},
            {"type": "string", "maxLength": 5},
            {"enum": ["日本語", 1, None]},
        ]
    ),
    lambda inner: (
        st.dictionaries(names, inner, max_size=3).map(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
        )
        | inner.map(lambda one: {"type": "array", "items": one, "maxItems": 2})
    ),
    max_leaves=4,
)


def _follows(value: Any, schema: Schema) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return type(value) is int and -3 <= value <= 300
        case "string":
            return isinstance(value, str) and len(value) <= 5
        case "array":
            return len(value) <= 2 and all(_follows(one, schema["items"]) for one in value)
    properties = schema["properties"]
    return list(value) == list(properties) and all(
        _follows(value[name], one) for name, one in properties.items()
    )


@given(schema=schemas, seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_any_schema(schema: Schema, seed: int) -> None:
    written, ended = _sample(TEXTS[seed % 2], schema, seed, 1.0)
    assert ended
    assert _follows(json.loads(written), schema)


def test_the_end_is_allowed_only_when_the_answer_is_whole() -> None:
    text = TEXTS[0]
    grammar = Grammar({"type": "integer"}, text)
    ends = sorted(text.stop_ids)
    allowed = grammar.allowed()
    assert allowed is not None
    assert not allowed[ends].any()
    grammar.accept(text.encode_more("1")[0])
    allowed = grammar.allowed()
    assert allowed is not None
    assert allowed[ends].all()
    assert not grammar.finished
    grammar = Grammar({"const": 7}, text)
    grammar.accept(text.encode_more("7")[0])
    assert grammar.finished


def test_thinking_comes_before_the_schema() -> None:
    text = TEXTS[0]
    opened, closed = text.marks.channel_open, text.marks.channel_close
    assert opened is not None
    assert closed is not None
    strict = Grammar({"const": 7}, text).allowed()
    assert strict is not None
    assert not strict[opened]
    grammar = Grammar({"const": 7}, text, thinking=True)
    first = grammar.allowed()
    assert first is not None
    assert first[opened]
    grammar.accept(opened)
    for token in text.encode_more("thought\nLet me see"):
        assert grammar.allowed() is None
        grammar.accept(token)
    assert not grammar.finished
    grammar.accept(closed)
    after = grammar.allowed()
    assert after is not None
    assert not after[opened]
    grammar.accept(text.encode_more("7")[0])
    assert grammar.finished


def test_what_is_not_allowed_is_not_accepted() -> None:
    text = TEXTS[0]
    with pytest.raises(ValueError, match="does not allow token"):
        Grammar({"type": "integer"}, text).accept(text.encode_more("a")[0])


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "foo"}, "Invalid type: foo"),
        ({"type": "string", "pattern": "("}, "unclosed group"),
        ({"$ref": "#/nowhere"}, "/nowhere"),
        ({"$ref": "https://example.org/schema"}, "example.org"),
        ({"type": "array", "minItems": 5, "maxItems": 2}, r"minItems \(5\)"),
        ({"not": {"type": "string"}}, "not"),
        ({"enum": {1, 2}}, "not JSON"),
        ({"const": float("nan")}, "not JSON"),
        ([1], "object"),
    ],
)
def test_bad_schemas_are_named(schema: Any, says: str) -> None:
    with pytest.raises(BadSchema, match=says):
        Grammar(schema, TEXTS[0])


def test_a_tokenizer_without_an_end() -> None:
    tokenizer = gemma_tokenizer()
    text = Text(tokenizer, special={"eos_token": "nowhere"})
    text.stop_ids = frozenset()
    with pytest.raises(BadSchema, match="no token that ends"):
        Grammar({}, text)
