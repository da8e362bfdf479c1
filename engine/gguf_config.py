"""What a model is made of, read from a GGUF file's settings. Knows no weights.

Keys as llama.cpp's converter (``conversion/gemma.py``) writes them and its ``gemma3.cpp`` and
``gemma4.cpp`` read them. Norm weights lie in these files as they are multiplied with, so
``norm_offset`` is zero for Gemma 3 too.
"""

from pathlib import Path
from typing import Any

from engine.config import (
    FULL,
    SLIDING,
    SUPPORTED,
    WRONG_SETTINGS,
    LayerConfig,
    ModelConfig,
    Rope,
    layer_count,
)
from engine.errors import DamagedModel, UnsupportedModel
from engine.gguf_reader import GgufReader

# Tokens that end an answer besides the one the file names; the file has room for one only.
_ENDS = ("<end_of_turn>", "<turn|>", "<|tool_response>")
# A pair's frequency is divided by its factor; this much stands for "does not turn".
_STANDS_STILL = 1e20


def gguf_config(path: Path, reader: GgufReader | None = None) -> ModelConfig:
    """The configuration of a GGUF file; ``reader`` is the file if it is open already.

    Raises DamagedModel for a file that is no model or cut short, UnsupportedModel for another
    architecture.
    """
    reader = reader or GgufReader(path)
    parsers = {"gemma3": _gemma3, "gemma4": _gemma4}
    if reader.architecture not in parsers:
        raise UnsupportedModel(
            str(path),
            f"The architecture is {reader.architecture or 'not named'}.",
            f"Choose one of {SUPPORTED}.",
        )
    try:
        return parsers[reader.architecture](reader)
    except WRONG_SETTINGS as error:
        raise DamagedModel(
            str(path), f"A setting is missing or wrong ({error!r}).", "Copy the model again."
        ) from error


def _gemma3(reader: GgufReader) -> ModelConfig:
    count = layer_count(reader.needed("block_count"))
    hidden, heads = int(reader.needed("embedding_length")), _same(reader, "attention.head_count")
    head_size = int(reader.needed("attention.key_length"))
    window = int(reader.own("attention.sliding_window", 0))
    kinds = _kinds(reader, count, 6) if window else [FULL] * count
    _whole_rope(reader, "rope.dimension_count", head_size)
    # Only the 27B model (62 layers) does not scale by its head size; no setting says so.
    scaled_by = hidden // heads if count == 62 else head_size
    layers = tuple(
        LayerConfig(
            index=i,
            kind=kind,
            head_size=head_size,
            kv_heads=_each(reader, "attention.head_count_kv", i),
            kv_source=i,
            window=window if kind == SLIDING else None,
            k_is_v=False,
            feed_forward=_each(reader, "feed_forward_length", i),
        )
        for i, kind in enumerate(kinds)
    )
    return _config(
        reader,
        hidden=hidden,
        heads=heads,
        layers=layers,
        rope=_ropes(reader, 1.0),
        attention_scale=float(reader.own("attention.scale", scaled_by**-0.5)),
        value_norm=False,
        per_layer_size=0,
        per_layer_vocabulary=0,
        experts=0,
        active_experts=0,
        expert_feed_forward=0,
    )


def _gemma4(reader: GgufReader) -> ModelConfig:
    count = layer_count(reader.needed("block_count"))
    kinds = _kinds(reader, count, None)
    sizes = {
        FULL: int(reader.needed("attention.key_length")),
        SLIDING: int(reader.needed("attention.key_length_swa")),
    }
    _whole_rope(reader, "rope.dimension_count", sizes[FULL])
    _whole_rope(reader, "rope.dimension_count_swa", sizes[SLIDING])
    first_shared = count - int(reader.own("attention.shared_kv_layers", 0))
    own = range(first_shared)
    # Without value projections on any global layer, the keys are the values there.
    k_is_v = not any(f"blk.{i}.attn_v.weight" in reader.tensors for i in own if kinds[i] == FULL)
    layers = tuple(
        LayerConfig(
            index=i,
            kind=kind,
            head_size=sizes[kind],
            kv_heads=_each(reader, "attention.head_count_kv", i),
            kv_source=i if i in own else max(j for j in own if kinds[j] == kind),
            window=int(reader.needed("attention.sliding_window")) if kind == SLIDING else None,
            k_is_v=k_is_v and kind == FULL,
            feed_forward=_each(reader, "feed_forward_length", i),
        )
        for i, kind in enumerate(kinds)
    )
    per_layer = int(reader.own("embedding_length_per_layer_input", 0))
    experts = int(reader.own("expert_count", 0))
    return _config(
        reader,
        hidden=int(reader.needed("embedding_length")),
        heads=_same(reader, "attention.head_count"),
        layers=layers,
        rope=_ropes(reader, _live_fraction(reader, sizes[FULL]) if FULL in kinds else 1.0),
        attention_scale=1.0,
        value_norm=True,
        per_layer_size=per_layer,
        per_layer_vocabulary=_rows(reader, "per_layer_token_embd.weight") if per_layer else 0,
        experts=experts,
        active_experts=int(reader.needed("expert_used_count")) if experts else 0,
        expert_feed_forward=_same(reader, "expert_feed_forward_length") if experts else 0,
    )


def _config(reader: GgufReader, **own: Any) -> ModelConfig:
    """What both families say in the same way."""
    bos = reader.get("tokenizer.ggml.bos_token_id")
    return ModelConfig(
        family=reader.architecture,
        vocabulary=_rows(reader, "token_embd.weight"),
        epsilon=float(reader.needed("attention.layer_norm_rms_epsilon")),
        context=int(reader.needed("context_length")),
        softcap=float(reader.own("final_logit_softcapping", 0.0)) or None,
        norm_offset=0.0,
        tied="output.weight" not in reader.tensors,
        eos=_ends(reader),
        bos=None if bos is None else int(bos),
        pad=int(reader.get("tokenizer.ggml.padding_token_id", 0)),
        image_attention=False,
        **own,
    )


def _ends(reader: GgufReader) -> tuple[int, ...]:
    """The named end of text, then the ends of a turn that the vocabulary knows."""
    named = [reader.get(f"tokenizer.ggml.{key}_token_id") for key in ("eos", "eot", "eom")]
    found = [int(token) for token in named if token is not None]
    tokens = reader.get("tokenizer.ggml.tokens", [])
    for text in _ENDS:
        if text in tokens:
            found.append(tokens.index(text))
    return tuple(dict.fromkeys(found))


def _kinds(reader: GgufReader, count: int, period: int | None) -> list[str]:
    """Each layer's kind: from a list of truth values or a period, by default ``period``."""
    pattern = reader.own("attention.sliding_window_pattern", period)
    if isinstance(pattern, list):
        if len(pattern) != count:
            raise ValueError(f"sliding_window_pattern lists {len(pattern)} layers, not {count}")
        return [SLIDING if slides else FULL for slides in pattern]
    return [SLIDING if (i + 1) % int(pattern) else FULL for i in range(count)]


def _each(reader: GgufReader, key: str, layer: int) -> int:
    """A setting of one layer: from a list, or one number for all."""
    value = reader.needed(key)
    return int(value[layer] if isinstance(value, list) else value)


def _same(reader: GgufReader, key: str) -> int:
    """A setting that must be the same for all layers."""
    value = reader.needed(key)
    values = set(value) if isinstance(value, list) else {value}
    if len(values) != 1:
        raise ValueError(f"{key} differs between layers")
    return int(values.pop())


def _rows(reader: GgufReader, name: str) -> int:
    if name not in reader.tensors:
        raise DamagedModel(
            str(reader.path), f"The tensor {name} is missing.", "Copy the whole model again."
        )
    return reader.tensors[name].shape[0]


def _ropes(reader: GgufReader, live_fraction: float) -> dict[str, Rope]:
    """A stretched range stretches the global layers only."""
    kind, factor = reader.own("rope.scaling.type", "linear"), 1.0
    if kind == "linear":
        factor = float(reader.own("rope.scaling.factor", reader.own("rope.scale_linear", 1.0)))
    elif kind != "none":
        raise UnsupportedModel(
            str(reader.path),
            f"Its positions are stretched by the method {kind}, which the engine does not know.",
            f"Choose one of {SUPPORTED} as published.",
        )
    return {
        SLIDING: Rope(float(reader.own("rope.freq_base_swa", 1e4))),
        FULL: Rope(float(reader.needed("rope.freq_base")), live_fraction, factor or 1.0),
    }


def _live_fraction(reader: GgufReader, head_size: int) -> float:
    """How many of a global head's pairs turn: those have 1 in rope_freqs, others a huge number."""
    _rows(reader, "rope_freqs.weight")
    stored = reader.tensors["rope_freqs.weight"]
    factors = stored.read(0, 1).view("<f4")[0] if stored.kind.name == "F32" else []
    live = sum(1 for factor in factors if factor < _STANDS_STILL)
    if len(factors) != head_size // 2 or any(f != 1 for f in factors[:live]):
        raise UnsupportedModel(
            str(reader.path),
            "Its rotary frequencies (rope_freqs) are not those of a Gemma 4.",
            f"Choose one of {SUPPORTED} as published.",
        )
    return 2 * live / head_size


def _whole_rope(reader: GgufReader, key: str, head_size: int) -> None:
    size = reader.own(key, head_size)
    if size != head_size:
        raise UnsupportedModel(
            str(reader.path),
            f"Only {size} of a head's {head_size} channels turn with the position.",
            f"Choose one of {SUPPORTED} as published.",
        )
