"""Keeps an answer to a JSON schema: which tokens may come next. Knows no model and no logits.

The ``llguidance`` library turns the schema into a grammar over bytes and tells, for each token,
whether its bytes can go on. Answers are written as ``json.dumps`` writes them: one line, a space
after a colon or a comma, and no other space between things, which a model could go on writing
for ever.
"""

import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from torch import Tensor

from engine.errors import BadSchema
from engine.text import Text

_LAYOUT: Any = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
_REMEDY = "Correct the schema."

_vocabularies: "WeakKeyDictionary[Text, LLTokenizer]" = WeakKeyDictionary()


class Grammar:
    """One answer's way through ``schema``, in the tokens of ``text``.

    With ``thinking`` the answer may begin with one channel, in which anything may be written; the
    schema holds for what comes after it. Raises BadSchema, saying what is wrong with the schema.
    """

    def __init__(self, schema: Mapping[str, Any], text: Text, thinking: bool = False) -> None:
        vocabulary = _vocabulary(text)
        self._matcher = LLMatcher(vocabulary, _grammar(schema, vocabulary), log_level=0)
        self._check()
        self._marks = text.marks
        self._stop_ids = text.stop_ids
        can_think = thinking and None not in (text.marks.channel_open, text.marks.channel_close)
        self._may_think, self._in_channel = can_think, False

    def allowed(self) -> Tensor | None:
        """Bool [tokens of the tokenizer]: what may come next; None while anything may.

        A token that ends the answer is allowed when the answer is whole.
        """
        if self._in_channel:
            return None
        mask = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.bool)
        self._check()
        if self._may_think:
            mask[self._marks.channel_open] = True
        return mask

    def accept(self, token: int) -> None:
        """``token`` has been written. Raises ValueError if it was not allowed."""
        if self._in_channel:
            self._in_channel = token != self._marks.channel_close
        elif self._may_think and token == self._marks.channel_open:
            self._may_think, self._in_channel = False, True
        elif not self._matcher.consume_token(token):
            raise ValueError(f"The schema does not allow token {token} here.")
        else:
            self._may_think = False

    @property
    def finished(self) -> bool:
        """Whether the answer is whole and nothing can be added to it."""
        return not self._in_channel and self._matcher.is_stopped()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise BadSchema(
                "The JSON schema",
                f"No grammar can be made of it ({_first_line(self._matcher.get_error())}).",
                _REMEDY,
            )


def _grammar(schema: Mapping[str, Any], vocabulary: LLTokenizer) -> str:
    try:
        written = json.dumps(schema, allow_nan=False)
        grammar = LLMatcher.grammar_from_json_schema(written, overrides=_LAYOUT)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSchema("The JSON schema", f"It is not JSON ({error}).", _REMEDY) from error
    wrong, messages = LLMatcher.validate_grammar_with_warnings(grammar, vocabulary)
    if wrong:
        raise BadSchema(
            "The JSON schema",
            f"It cannot be followed ({_first_line(' '.join(messages))}).",
            _REMEDY,
        )
    return grammar


def _first_line(message: str) -> str:
    return " ".join(message.split())[:300]


class _Tokens:
    """The vocabulary as ``llguidance`` wants it: bytes of each token, and a way to encode."""

    def __init__(self, text: Text) -> None:
        size = text.tokenizer.get_vocab_size(with_added_tokens=True)
        pieces = [text.piece(token) for token in range(size)]
        self._text = text
        # What is not shown gets a name that no UTF-8 text can spell.
        self.tokens = [
            b"\xff<[%d]>" % token if piece is None else piece for token, piece in enumerate(pieces)
        ]
        self.special_token_ids = [token for token, piece in enumerate(pieces) if piece is None]
        self.eos_token_id = min(text.stop_ids)
        self.bos_token_id = None

    def __call__(self, text: str | bytes) -> list[int]:
        spelled = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return self._text.encode_more(spelled)


def _vocabulary(text: Text) -> LLTokenizer:
    """Made once for a tokenizer: it takes a second or so for 262,144 tokens."""
    if text not in _vocabularies:
        if not text.stop_ids:
            raise BadSchema(
                "The tokenizer",
                "It has no token that ends an answer, so no schema can be followed.",
                "Use a model that was made for conversations.",
            )
        _vocabularies[text] = LLTokenizer(
            TokenizerWrapper(_Tokens(text)),
            eos_token=sorted(text.stop_ids),
            slices=LLTokenizer.json_slices(),
        )
    return _vocabularies[text]
