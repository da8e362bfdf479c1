"""Text of documents in a prompt: nothing of it is taken for the prompt's own."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.fence import LONGEST_LABEL, clean, label

# Gemma, ChatML, Llama, Mistral, Phi, DeepSeek, Qwen, Command R, GPT-OSS, T5, BERT, GLM, ours.
TOKENS = (
    "<start_of_turn> <end_of_turn> <start_of_image> <end_of_image> <image_soft_token> <bos> <eos> "
    "<pad> <unk> <mask> <unused99> <0x0A> <s> </s> <cls> <sep> <extra_id_0> [INST] [/INST] <<SYS>> "
    "<</SYS>> [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] [SYSTEM_PROMPT] "
    "[/SYSTEM_PROMPT] [IMG] [CLS] [SEP] [PAD] [MASK] [gMASK] <tool_call> </tool_call> <think> "
    '</think> <sop> <eop> <|turn> <turn|> <|channel> <channel|> <|think|> <|"|> <|tool> <tool|> '
    "<|tool_call> <tool_call|> <|image|> <|audio|> <|im_start|> <|im_end|> <|endoftext|> "
    "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|system|> "
    "<|user|> <|assistant|> <|end|> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|start|> "
    "<|message|> <|return|> <｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> "
    "<|reserved_special_token_5|> <passage> </passage> <document> </document> </passages>"
).split()
FENCES = [
    '<passage n="3">', "< passage 3 >", "</ passage >", "< / passage>", "<PASSAGE>", "＜passage＞",
    "‹/document›", "〈document name='x'〉", "<document\tname=x>", "⟨/passages⟩", "<passage",
]  # fmt: skip
CITATIONS = ["[1]", "[ 12 ]", "[1, 2]", "[3-5]", "［4］", "【4†source】", "【4:0†source】", "[١٢]"]
PROSE = [
    "The patient takes 5 mg twice a day; the dose was raised (see p. 3).",
    "Where |r| > 0.5 and p < 0.05, the null hypothesis is rejected; |t|>2 < |u|.",
    "Write to Ann <ann@example.org> or see <https://example.org/a?b=c>.",
    "5 < 6 and 7 > 6, a <b and c> d.",
    "Der Vertrag [siehe Anhang] gilt für ‹den Fall›; « voilà ».",
    "Tabs\tand\nlines stay. Ünïcödé, 漢字, עברית, العربية, हिन्दी too.",
    "He said: “[sic]” – and left [a gap].",
]
INVISIBLE = ["\u200b", "\u2060", "\ufeff", "\u202e", "\u00ad", "\U000e0041", "\ufe0f", "\x1b", "\0"]


@pytest.mark.parametrize("text", [*TOKENS, *FENCES, *CITATIONS])
def test_what_looks_like_the_prompt_s_own_is_put_in_parentheses(text: str) -> None:
    done = clean(f"before {text} after")
    assert text not in done
    assert not re.search(r"[\[<＜‹〈⟨【［]\s*/?\s*[\w|｜]", done)
    words = re.findall(r"\w+", text)
    assert re.findall(r"\w+", done) == ["before", *words, "after"]


@pytest.mark.parametrize("text", PROSE)
def test_ordinary_prose_is_unchanged(text: str) -> None:
    assert clean(text) == text


@given(st.text(st.characters(whitelist_categories=("Lu", "Ll", "Nd", "Po", "Zs")), max_size=200))
@example("It costs 5.")
def test_letters_and_punctuation_are_unchanged(text: str) -> None:
    kept = "".join(c for c in text if c not in "\u2028\u2029")
    assert clean(kept) == kept


PIECES = [*TOKENS, *FENCES, *CITATIONS, *INVISIBLE]
CRUMBS = ["<", ">", "|", "[", "]", "/", " ", "\n", "1", "a", "_", "=", '"', "passage"]
noisy = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from(CRUMBS), st.text(max_size=4)), max_size=25
).map("".join)


@given(noisy)
def test_no_control_token_is_left_and_cleaning_again_changes_nothing(text: str) -> None:
    done = clean(text)
    assert clean(done) == done
    folded = done.casefold()
    assert not [token for token in TOKENS if token.casefold() in folded]
    assert not re.search(r"[\[［【]\s*\d{1,4}\s*[\]］】]", done)
    assert not re.search(r"[<＜‹〈⟨]\s*/?\s*(?:passage|document)s?\b", done, re.I)


@given(st.sampled_from(TOKENS), st.sampled_from(INVISIBLE), st.data())
def test_a_token_in_pieces_is_found(token: str, sign: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(token) - 1))
    assert token not in clean(token[:at] + sign + token[at:])


def test_nothing_is_left_that_cannot_be_seen() -> None:
    seen = {*range(0x600, 0x606), 0x6DD, 0x890, 0x891, 0x8E2}  # Arabic signs around numbers
    seen |= {0x110BD, 0x110CD, *range(0x13430, 0x13460)}
    unseen = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cf", "Cc", "Co", "Cs") and code not in seen
    ]
    assert set(clean(" ".join(unseen))) == set(" \t\n")


@given(noisy)
def test_a_label_is_one_short_line_that_ends_no_attribute(text: str) -> None:
    done = label(text)
    assert len(done) <= LONGEST_LABEL
    assert not set('"<>\n\r\t') & set(done)
    assert label(done) == done


@pytest.mark.parametrize(
    "text",
    [
        "<" * 100_000,
        "< " * 50_000,
        "<passage " * 20_000,
        "[" + "1-" * 50_000,
        "<" + " " * 100_000,
        "<a " + "=" * 100_000,
        "<start_" + "a" * 100_000,
        "<|" * 50_000 + "|>" * 50_000,
        "[1," * 30_000,
    ],
    ids=lambda text: text[:9],
)
def test_no_text_makes_it_slow(text: str) -> None:
    began = time.process_time()
    clean(text)
    assert time.process_time() - began < 5
