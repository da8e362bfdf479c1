"""Tokenizer, chat template and incremental text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from engine.errors import DamagedModel, UnsupportedModel
from engine.options import Message, Options, Written
from engine.text import Text
from tests.engine.tiny_text import (
    CONTROL,
    SPECIAL,
    TEMPLATE,
    byte_tokenizer,
    gemma_tokenizer,
    write_text,
)

TEXTS = [Text(make(), TEMPLATE, SPECIAL, begins=True) for make in (gemma_tokenizer, byte_tokenizer)]
each_text = pytest.mark.parametrize("text", TEXTS, ids=["gemma", "bytes"])
# Gemma's tokenizer writes spaces as U+2581 and cannot tell the two apart.
any_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=40)
hostile = st.lists(
    st.sampled_from([*CONTROL, "\ufdd0", "\ufdd1", "0", "<", "|turn>", "\n", " ", "a", "é", "日"]),
    max_size=12,
).map("".join)


def _ids(text: Text, *names: str) -> list[int]:
    found = [text.tokenizer.token_to_id(name) for name in names]
    assert all(one is not None for one in found)
    return [one for one in found if one is not None]


def _written(text: Text, ids: list[int], stop: tuple[str, ...] = ()) -> list[Written]:
    stream = text.stream(Options(stop=stop))
    written = [piece for token in ids for piece in stream.push(token)]
    return written + stream.finish()


def _answer(written: list[Written]) -> str:
    return "".join(piece.text for piece in written if not piece.thought)


def _thought(written: list[Written]) -> str:
    return "".join(piece.text for piece in written if piece.thought)


@each_text
@given(words=any_words)
@settings(max_examples=80, deadline=None)
def test_decode_undoes_encode(text: Text, words: str) -> None:
    ids = text.encode(words)
    assert ids[0] == _ids(text, "<bos>")[0]
    assert text.decode(ids) == words
    if "\ufffd" not in words:
        assert text.tokenizer.decode(ids, skip_special_tokens=True) == words


@each_text
@given(words=any_words)
@settings(max_examples=80, deadline=None)
def test_stream_gives_the_whole_text_in_whole_characters(text: Text, words: str) -> None:
    ids = text.encode(words)
    written = _written(text, ids)
    assert _answer(written) == words
    for piece in written:
        assert piece.text
        piece.text.encode()
    named = [token for piece in written for token in piece.tokens]
    assert named == ids[: len(named)]


def test_a_character_cut_by_the_limit_is_left_out() -> None:
    for text in TEXTS:
        ids = text.encode("Ab 🦊")
        assert _answer(_written(text, ids[:-1])) == "Ab "


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    text = TEXTS[0]
    ids = [*_ids(text, "<0xC3>", "a"), *_ids(text, "<0xFF>")]
    assert _answer(_written(text, ids)) == "\ufffda\ufffd" == text.decode(ids)


@each_text
@given(words=hostile)
@settings(max_examples=150, deadline=None)
def test_no_content_holds_control_tokens(text: Text, words: str) -> None:
    control = set(_ids(text, *CONTROL))
    assert control.isdisjoint(text.encode(words)[1:])
    assert text.decode(text.encode(words)) == words
    plain = text.chat([Message("user", "x"), Message("assistant", "y"), Message("user", "z")])
    for messages in (
        [Message("user", words), Message("assistant", "y"), Message("user", "z")],
        [Message("user", "x"), Message("assistant", words), Message("user", words)],
    ):
        ids = text.chat(messages)
        assert [one for one in ids if one in control] == [one for one in plain if one in control]
        shown = text.decode(ids)
        for message in messages:
            assert message.content.strip() in shown


def test_control_tokens_are_taken_for_real_when_asked() -> None:
    text = TEXTS[0]
    ids = text.encode("<|turn>user\nHi<turn|>", control=True)
    assert ids[1] == _ids(text, "<|turn>")[0]
    assert ids[-1] == _ids(text, "<turn|>")[0]
    assert text.encode("<|turn>user")[1] != ids[1]


def test_markup_that_is_no_control_token_stays_a_token() -> None:
    text = TEXTS[0]
    assert _ids(text, "<b>")[0] in text.encode("a <b>bold</b> word")
    assert _ids(text, "\n\n")[0] in text.chat([Message("user", "one\n\ntwo")])


def test_added_tokens_are_spelled_as_the_tokenizer_spells_them() -> None:
    text = TEXTS[0]
    spaces, rule = _ids(text, "▁▁▁", "\n\n")
    assert text.decode([spaces, rule]) == "   \n\n" == text.tokenizer.decode([spaces, rule])
    assert text.decode(text.encode("a     b")) == "a     b"


CHATS = [
    [Message("user", "Hello there")],
    [Message("system", "  Be brief. "), Message("user", "Why?\n\nReally")],
    [Message("user", "1 + 1"), Message("assistant", "2"), Message("user", "日本語 <b>x</b>")],
]


@pytest.mark.parametrize("messages", CHATS)
@pytest.mark.parametrize("thinking", [False, True])
def test_chat_is_what_transformers_makes(
    tmp_path: Path, messages: list[Message], thinking: bool
) -> None:
    write_text(tmp_path)
    reference = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    expected = reference.apply_chat_template(
        turns, add_generation_prompt=True, enable_thinking=thinking, return_dict=False
    )
    text = Text.open(tmp_path)
    assert text.chat(messages, thinking) == expected
    assert text.encode("Hello there") == reference("Hello there")["input_ids"]
    assert text.stop_ids == set(_ids(text, "<eos>", "<turn|>"))


def test_gemma_reads_no_text_without_its_beginning(tmp_path: Path) -> None:
    write_text(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(SPECIAL | {"add_bos_token": False}))
    text = Text.open(tmp_path)
    assert text.encode("Hello") == [*_ids(text, "<bos>"), *text.encode_more("Hello")]
    begun = byte_tokenizer()
    assert Text(begun, special={"bos_token": "<pad>"}).encode("a") == begun.encode("a").ids
    assert Text(begun, special={"bos_token": "<pad>"}, begins=True).encode("a")[0] == 0


def test_template_functions_are_those_of_transformers() -> None:
    source = (
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}"
        "{{ {'é': m.content, 'b': '<x>'} | tojson }}{% endfor %}\n"
        "{% generation %}g{% endgeneration %}\n"
        "{{ strftime_now('%Y') | length }}{{ dict(a=1)['a'] }}{{ tools }}"
    )
    text = Text(gemma_tokenizer(), source)
    reference = PreTrainedTokenizerFast(tokenizer_object=gemma_tokenizer(), chat_template=source)
    turns = [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]
    expected = reference.apply_chat_template(turns, tokenize=False)
    assert expected.startswith('{"é": "one", "b": "<x>"}')
    assert text.decode(text.chat([Message("user", "one"), Message("user", "two")])) == expected


def test_templates_run_in_a_sandbox() -> None:
    for source in (
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{% set n = namespace(_x=1) %}",
        "{{ dict.__class__ }}{{ dict.mro() }}",
    ):
        text = Text(gemma_tokenizer(), source)
        with pytest.raises(UnsupportedModel):
            text.chat([Message("user", "x")])


def test_thinking_is_kept_apart() -> None:
    text = TEXTS[0]
    channel, close, turn = _ids(text, "<|channel>", "<channel|>", "<turn|>")
    for name in ("thought\n", "thought \n"):
        ids = [channel, *text.encode(name + "The dog. STOP", control=True)[1:], close]
        ids += [*text.encode("The fox.")[1:], turn]
        written = _written(text, ids, stop=("STOP",))
        assert _thought(written) == "The dog. STOP"
        assert _answer(written) == "The fox."


def test_channels_without_a_name_or_an_end() -> None:
    text = TEXTS[0]
    channel, close = _ids(text, "<|channel>", "<channel|>")
    empty = [channel, *text.encode("thought\n")[1:], close, *text.encode("Yes")[1:]]
    written = _written(text, empty)
    assert (_thought(written), _answer(written)) == ("", "Yes")
    assert [token for piece in written for token in piece.tokens] == empty
    cut = [channel, *text.encode("thou")[1:]]
    assert _written(text, cut) == []
    nameless = [channel, *text.encode("The quick brown fox, no line")[1:], close]
    assert _thought(_written(text, nameless)) == "The quick brown fox, no line"
    other = [channel, *text.encode("final\nYes")[1:]]
    assert _answer(_written(text, other)) == "Yes"


def test_an_answer_may_begin_inside_a_channel() -> None:
    text = TEXTS[0]
    prompt = text.encode("<|turn>model\n<|channel>thought\n", control=True)
    stream = text.stream(Options(), prompt)
    assert stream.thinking
    pieces = [piece for token in text.encode("So")[1:] for piece in stream.push(token)]
    pieces += stream.push(_ids(text, "<channel|>")[0])
    assert not stream.thinking
    pieces += stream.push(text.encode("A")[1])
    assert (_thought(pieces), _answer(pieces)) == ("So", "A")
    assert not text.stream(Options(), text.chat([Message("user", "Hi")])).thinking
    assert not text.stream(Options(), text.chat([Message("user", "Hi")], thinking=True)).thinking


def _cut(words: str, stops: list[str]) -> tuple[str, bool]:
    """The definition: letter by letter, until the text ends with a stop string."""
    for end in range(1, len(words) + 1):
        ends = [stop for stop in stops if words[:end].endswith(stop)]
        if ends:
            return words[: end - max(map(len, ends))], True
    return words, False


@each_text
@given(
    words=st.text("abé\n", max_size=30),
    stops=st.lists(st.text("abé\n", min_size=1, max_size=4), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_stop_strings(text: Text, words: str, stops: list[str]) -> None:
    stream = text.stream(Options(stop=tuple(stops)))
    shown = ""
    expected, stopped = _cut(words, stops)
    for token in text.encode(words)[1:]:
        shown += "".join(piece.text for piece in stream.push(token))
        assert expected.startswith(shown)
    shown += "".join(piece.text for piece in stream.finish())
    assert (shown, stream.stopped) == (expected, stopped)
    assert stream.push(text.encode("a")[1]) == [] == stream.finish()


def test_what_can_be_no_stop_string_is_shown_at_once() -> None:
    text = TEXTS[1]
    stream = text.stream(Options(stop=("\nUser:",)))
    for token in text.encode("The quick fox")[1:]:
        assert stream.push(token)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(DamagedModel, match=r"tokenizer\.json: The file is missing\. Copy"):
        Text.open(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "trunc')
    with pytest.raises(DamagedModel, match=r"tokenizer\.json: It is no tokenizer"):
        Text.open(tmp_path)
    write_text(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{% if %}")
    with pytest.raises(DamagedModel, match="chat template cannot be read"):
        Text.open(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer_config.json").write_text("[1")
    with pytest.raises(DamagedModel, match=r"tokenizer_config\.json: It cannot be read"):
        Text.open(tmp_path)


def test_templates_in_the_older_places(tmp_path: Path) -> None:
    write_text(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    base = Text.open(tmp_path)
    assert not base.has_template
    with pytest.raises(UnsupportedModel, match="no chat template"):
        base.chat([Message("user", "x")])
    for template in (
        "T",
        [{"name": "tools", "template": "U"}, {"name": "default", "template": "T"}],
    ):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
        text = Text.open(tmp_path)
        assert text.decode(text.chat([Message("user", "x")])) == "T"


def test_a_template_may_refuse() -> None:
    with pytest.raises(UnsupportedModel, match="The user speaks first"):
        TEXTS[0].chat([Message("assistant", "x")])


def test_an_unknown_decoder_is_refused() -> None:
    tokenizer = gemma_tokenizer()
    tokenizer.decoder = None
    with pytest.raises(UnsupportedModel, match="tokens into text"):
        Text(tokenizer)


@pytest.mark.parametrize("module", ["engine", "engine.text"])
def test_importing_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; assert not {{'torch', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
