"""The tokenizer and the chat template inside a GGUF file. Loads no torch.

Gemma's tokenizer is byte-fallback BPE over text whose spaces are written as U+2581; the same parts
as in the published ``tokenizer.json``.
"""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from engine.errors import DamagedModel, UnsupportedModel
from engine.gguf_reader import GgufReader

_SPACE = "\u2581"
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4
_COPY_AGAIN = "Choose a whole file, as its converter wrote it."


def gguf_chat_template(path: Path) -> str | None:
    """The file's jinja template; None for a model that has none, as base models."""
    template = GgufReader(path).get("tokenizer.chat_template")
    return str(template) if template else None


def gguf_tokenizer(path: Path) -> Tokenizer:
    """The file's tokenizer.

    Raises DamagedModel if it is missing or does not fit together, UnsupportedModel for one that no
    Gemma has.
    """
    reader = GgufReader(path)
    model = reader.get("tokenizer.ggml.model")
    if model is None:
        raise DamagedModel(str(path), "There is no tokenizer in it.", _COPY_AGAIN)
    if model not in ("llama", "gemma4"):
        raise UnsupportedModel(
            str(path),
            f"Its tokenizer is of the kind {model}, which no Gemma has.",
            "Choose a file that a current llama.cpp converter has written.",
        )
    try:
        return _build(reader, str(model))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedModel(
            str(path), f"Its tokenizer cannot be read ({error!r}).", _COPY_AGAIN
        ) from error


def _build(reader: GgufReader, model: str) -> Tokenizer:
    # Runs of spaces are stored as such, but looked up after the normalizer has been there.
    tokens = [
        _SPACE * len(token) if token and not token.strip(" ") else token
        for token in reader.get("tokenizer.ggml.tokens", [])
    ]
    kinds = reader.get("tokenizer.ggml.token_type", [])
    if not tokens or len(kinds) != len(tokens):
        raise ValueError(f"{len(kinds)} kinds for {len(tokens)} tokens")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ValueError("a token is there twice")
    stored = reader.get("tokenizer.ggml.merges")
    merges = _merges(vocabulary) if stored is None else [_pair(merge) for merge in stored]
    tokenizer = Tokenizer(
        BPE(
            vocabulary,
            merges,
            unk_token=tokens[_token(reader, "unknown", kinds)],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", _SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    # Control tokens first: they alone are left out where text is decoded without special tokens.
    controls = [t for t, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    others = [t for t, kind in zip(tokens, kinds, strict=True) if kind == _USER_DEFINED]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in controls])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in others])
    # The chat template of Gemma 4 writes the beginning itself, and so do its published tokenizers.
    if model == "llama" and reader.get("tokenizer.ggml.add_bos_token", True):
        number = int(reader.get("tokenizer.ggml.bos_token_id", 2))
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{tokens[number]} $A",
            pair=f"{tokens[number]} $A {tokens[number]} $B",
            special_tokens=[(tokens[number], number)],
        )
    return tokenizer


def _token(reader: GgufReader, name: str, kinds: list[Any]) -> int:
    """The number of the unknown token: named, or the one of that kind."""
    named = reader.get(f"tokenizer.ggml.{name}_token_id")
    return kinds.index(_UNKNOWN) if named is None else int(named)


def _pair(merge: str) -> tuple[str, str]:
    left, right = merge.split(" ")
    return left, right


def _merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """All ways to put a token together from two others, in the order of the tokens.

    A file with scores does not list its merges. Gemma's vocabulary lies in the order in which they
    were learned; the scores of user-defined tokens say nothing.
    """
    merges = []
    for token in vocabulary:
        ways = [
            (token[:cut], token[cut:])
            for cut in range(1, len(token))
            if token[:cut] in vocabulary and token[cut:] in vocabulary
        ]
        merges.extend(sorted(ways, key=lambda way: (len(way[0]), len(way[1])), reverse=True))
    return merges
