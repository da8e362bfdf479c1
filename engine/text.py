"""Text to tokens and back: the tokenizer, the chat template and the tokens that end an answer.

Reads ``tokenizer.json`` with the ``tokenizers`` library; loads neither torch nor ``transformers``.
What people and documents say is data: control tokens spelled in it are encoded as plain text.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from engine.errors import DamagedModel, UnsupportedModel
from engine.options import Message, Options
from engine.stream import Marks, Stream
from engine.template import ChatTemplate, Piece, split_control

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# Reserved and bracketed names that some tokenizers do not declare special.
_CONTROL = re.compile(r"<\|.+>|<.+\|>|<unused[0-9]+>|<(start|end)_of_\w+>")
_USUAL = {f"{name}_token": f"<{name}>" for name in ("bos", "eos", "pad", "unk")}
_TURN_ENDS = ("<turn|>", "<end_of_turn>")
_TURN_OPENS = ("<|turn>", "<start_of_turn>")
_COPY = "Copy the model again, with all its files."


class Text:
    """A model's tokenizer, from a folder (:meth:`open`) or ready-made, as for a GGUF file.

    ``special`` names special tokens as templates do (``bos_token``); Gemma's usual names are found
    by themselves. ``stop`` are further ids that end an answer. ``begins`` says whether
    :meth:`encode` begins with ``bos_token``; by default as the tokenizer itself does, and always
    with Gemma's. ``subject`` is named in errors.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: str | None = None,
        special: Mapping[str, str] | None = None,
        stop: Iterable[int] = (),
        begins: bool | None = None,
        subject: str = "The tokenizer",
    ) -> None:
        self.tokenizer = tokenizer
        self._subject = subject
        self._template = None if template is None else ChatTemplate(template, subject)
        added = tokenizer.get_added_tokens_decoder()
        names = {token.content for token in added.values()}
        usual = {name: token for name, token in _USUAL.items() if token in names}
        self._special = usual | dict(special or {})
        self._control = {
            token.content: number
            for number, token in added.items()
            if token.special or self._is_control(token.content)
        }
        self._control_ids = frozenset(self._control.values())
        self._pieces = _pieces_of(tokenizer, subject)
        self._known: dict[int, bytes | None] = {}
        ends = [self._special.get("eos_token", ""), self._special.get("eot_token", ""), *_TURN_ENDS]
        known_ends = (tokenizer.token_to_id(end) for end in ends if end)
        self.stop_ids = frozenset([*(end for end in known_ends if end is not None), *stop])
        self.marks = Marks(
            self._id(self._special.get("soc_token", "<|channel>")),
            self._id(self._special.get("eoc_token", "<channel|>")),
            self._first_id([self._special.get("sot_token", ""), *_TURN_OPENS]),
        )
        self._prefix = self._bos(begins)

    @classmethod
    def open(cls, folder: Path, stop: Iterable[int] = ()) -> "Text":
        """The tokenizer in a model's ``folder``; ``stop`` adds ids that end an answer.

        Raises DamagedModel if ``tokenizer.json`` is missing or a file cannot be read.
        """
        path = folder / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DamagedModel(str(path), "The file is missing.", _COPY) from None
        except Exception as error:
            raise DamagedModel(str(path), f"It is no tokenizer ({error}).", _COPY) from error
        config = _read_json(folder / "tokenizer_config.json")
        generation = _read_json(folder / "generation_config.json")
        ends = generation.get("eos_token_id") or []
        return cls(
            tokenizer,
            _template_in(folder, config),
            _special_in(folder, config),
            [*stop, *(ends if isinstance(ends, list) else [ends])],
            True if config.get("add_bos_token") is True else None,
            str(path),
        )

    @property
    def has_template(self) -> bool:
        """Whether the model was made for conversations; base models have no template."""
        return self._template is not None

    def encode(self, text: str, control: bool = False) -> list[int]:
        """Ids of a text, beginning with ``bos_token`` where the model wants it.

        Control tokens spelled in it are plain text, unless ``control`` says to take them for real.
        """
        return self._prefix + self.encode_more(text, control)

    def encode_more(self, text: str, control: bool = False) -> list[int]:
        """Ids of a text that is not at the beginning; otherwise as :meth:`encode`."""
        return self._encode([(text, False)] if control else split_control(text, self._control))

    def chat(self, messages: Sequence[Message], thinking: bool = False) -> list[int]:
        """Ids of a conversation up to where the assistant begins to write.

        Raises UnsupportedModel if there is no template, or if it refuses the conversation.
        """
        if self._template is None:
            raise UnsupportedModel(
                self._subject,
                "The model has no chat template: it was not made for conversations.",
                "Choose the instruction-tuned model, whose name ends with -it.",
            )
        return self._encode(self._template.render(messages, thinking, self._control, self._special))

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ``ids``, control tokens left out; bytes that are no UTF-8 give U+FFFD."""
        pieces = (self.piece(token) for token in ids)
        return b"".join(piece for piece in pieces if piece).decode("utf-8", "replace")

    def piece(self, token: int) -> bytes | None:
        """The bytes a token stands for, perhaps a part of a character; None for control tokens."""
        if token not in self._known:
            if token in self._control_ids or (name := self.tokenizer.id_to_token(token)) is None:
                self._known[token] = None
            else:
                self._known[token] = self._pieces(name)
        return self._known[token]

    def stream(self, options: Options, prompt: Sequence[int] = ()) -> Stream:
        """An incremental detokenizer for one answer to ``prompt``, which stops as ``options`` say.

        ``prompt`` tells whether the answer begins inside a thinking channel.
        """
        return Stream(self.piece, self.marks, options.stop, prompt)

    def _encode(self, pieces: Iterable[Piece]) -> list[int]:
        ids: list[int] = []
        for text, plain in pieces:
            text = text.encode("utf-8", "replace").decode()  # lone surrogates have no UTF-8
            ids += self._encode_plain(text) if plain else self._encode_marked(text)
        return ids

    def _encode_marked(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def _encode_plain(self, text: str) -> list[int]:
        """Runs the tokenizer's steps without the first, which looks for added tokens."""
        tokenizer = self.tokenizer
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        words = [text]
        if tokenizer.pre_tokenizer is not None:
            words = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        ids = [token.id for word in words for token in tokenizer.model.tokenize(word)]
        if self._control_ids.isdisjoint(ids):
            return ids
        # The model itself knows the whole name as a word: cut it in two.
        half = len(text) // 2
        return self._encode_marked(text[:half]) + self._encode_marked(text[half:])

    def _is_control(self, name: str) -> bool:
        if not name.strip():
            return False
        if _CONTROL.fullmatch(name) or name in self._special.values():
            return True
        return self._template is not None and self._template.writes(name)

    def _id(self, name: str) -> int | None:
        return self._control.get(name)

    def _first_id(self, names: Iterable[str]) -> int | None:
        return next((self._control[name] for name in names if name in self._control), None)

    def _bos(self, begins: bool | None) -> list[int]:
        name = self._special.get("bos_token", "")
        bos = self._id(name)
        if bos is None:
            return []
        if begins is None:
            # Gemma reads no text without it, though Gemma 4's tokenizer_config.json says false.
            begins = name == "<bos>" or self.tokenizer.encode("").ids[:1] == [bos]
        return [bos] if begins else []


def _pieces_of(tokenizer: Tokenizer, subject: str) -> "_Pieces":
    decoder = tokenizer.decoder
    steps = [] if decoder is None else _flatten(json.loads(decoder.__getstate__()))
    known = {"ByteLevel", "Replace", "ByteFallback", "Fuse"}
    unknown = sorted({str(step.get("type")) for step in steps} - known)
    if not steps or unknown:
        what = ", ".join(unknown) or "none"
        raise UnsupportedModel(
            subject,
            f"Its way of turning tokens into text ({what}) is not known.",
            "Use a Gemma model.",
        )
    return _Pieces(steps)


class _Pieces:
    """Bytes of a token's name, by the steps of the tokenizer's decoder."""

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        kinds = {step["type"] for step in steps}
        self._bytes = _byte_alphabet() if "ByteLevel" in kinds else None
        self._fallback = "ByteFallback" in kinds
        replaced = [step for step in steps if step["type"] == "Replace"]
        self._replace = [(step["pattern"]["String"], step["content"]) for step in replaced]

    def __call__(self, name: str) -> bytes:
        if self._bytes is not None:
            if all(letter in self._bytes for letter in name):
                return b"".join(self._bytes[letter] for letter in name)
            return name.encode()  # an added token, spelled as it is
        if self._fallback and (match := _BYTE_TOKEN.fullmatch(name)):
            return bytes([int(match[1], 16)])
        for old, new in self._replace:
            name = name.replace(old, new)
        return name.encode()


def _byte_alphabet() -> dict[str, bytes]:
    """The letters GPT-2's byte-level BPE writes bytes with: themselves, or from U+0100 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {chr(byte): bytes([byte]) for byte in shown}
    return letters | {chr(256 + place): bytes([byte]) for place, byte in enumerate(hidden)}


def _flatten(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if step.get("type") != "Sequence":
        return [step]
    return [inner for one in step["decoders"] for inner in _flatten(one)]


def _template_in(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The file of its own comes first, then the two older places."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DamagedModel(str(path), f"It cannot be read ({error}).", _COPY) from error
    template = config.get("chat_template")
    if template is None:
        template = _read_json(folder / "chat_template.json").get("chat_template")
    if isinstance(template, list):
        named = {str(one.get("name")): one.get("template") for one in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _special_in(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Special tokens by name: ``bos_token`` and the like, each a string or a table with one."""
    extra = config.get("extra_special_tokens")
    tables = [_read_json(folder / "special_tokens_map.json"), config]
    if isinstance(extra, dict):
        tables.append(extra)
    found: dict[str, str] = {}
    for table in tables:
        for name, value in table.items():
            token = value.get("content") if isinstance(value, dict) else value
            if name.endswith("_token") and isinstance(token, str):
                found[name] = token
    return found


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file that a model may lack; empty then."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DamagedModel(str(path), f"It cannot be read ({error}).", _COPY) from error
    if not isinstance(data, dict):
        raise DamagedModel(str(path), "It does not hold settings.", _COPY)
    return data
