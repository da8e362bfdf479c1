"""What a model is made of, read from its ``config.json``. Knows no tensors and loads no torch.

One :class:`ModelConfig` describes every Gemma 4 (E2B, E4B, 12B unified, 26B-A4B, 31B) and the Gemma
3 text models; the differences are data. Field names follow ``transformers`` 5.24.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import DamagedModel, UnsupportedModel
from engine.widths import LEARN, RECENT

SLIDING, FULL = "sliding_attention", "full_attention"

# What the C kernel of attention calls a segment: a cache's room is a multiple of it.
SEGMENT = 256
# A row of codes is read with up to sixteen bytes, the last one too.
CODE_PADDING = 64

_GEMMA4 = {"gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text"}
_GEMMA3 = {"gemma3", "gemma3_text"}
# A damaged number must not take all memory.
_MOST_LAYERS = 1_000
# What settings of another kind than expected end in.
WRONG_SETTINGS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
SUPPORTED = "Gemma 4 (E2B, E4B, 12B, 26B-A4B, 31B) and the Gemma 3 text models"


@dataclass(frozen=True)
class LayerConfig:
    """One decoder layer.

    ``kv_source`` is the layer whose keys and values it reads: itself, or an earlier one of its
    type. ``window`` counts the positions a query sees, its own included; None sees all.
    """

    index: int
    kind: str
    head_size: int
    kv_heads: int
    kv_source: int
    window: int | None
    k_is_v: bool
    feed_forward: int

    @property
    def owns_kv(self) -> bool:
        """Whether the layer projects keys and values of its own."""
        return self.kv_source == self.index


def exact_tail(context: int, chunk: int) -> int:
    """Positions a coded layer keeps exactly, a multiple of a segment."""
    tail = max(LEARN, RECENT + 2 * SEGMENT) + chunk
    return -(-min(tail, context) // SEGMENT) * SEGMENT


def layer_capacity(layer: LayerConfig, context: int, chunk: int) -> int:
    """Positions a layer's cache sets aside room for, where ``chunk`` rows are appended at once."""
    if layer.window is None:
        return context
    return min(context, layer.window - 1 + chunk + SEGMENT - 1)


@dataclass(frozen=True)
class Rope:
    """Rotary positions of one kind of layer: ``live`` of ``head_size / 2`` pairs turn."""

    theta: float
    live_fraction: float = 1.0
    factor: float = 1.0


@dataclass(frozen=True)
class ModelConfig:
    """A whole decoder. Sizes count numbers, not bytes."""

    family: str
    hidden: int
    vocabulary: int
    heads: int
    layers: tuple[LayerConfig, ...]
    rope: dict[str, Rope]
    epsilon: float
    context: int
    attention_scale: float
    softcap: float | None
    norm_offset: float
    value_norm: bool
    tied: bool
    per_layer_size: int
    per_layer_vocabulary: int
    experts: int
    active_experts: int
    expert_feed_forward: int
    eos: tuple[int, ...]
    bos: int | None
    pad: int
    image_attention: bool

    @property
    def own_layers(self) -> int:
        """How many layers, from the first, have keys and values of their own."""
        return sum(1 for layer in self.layers if layer.owns_kv)

    def key_channels(self, layer: LayerConfig) -> int:
        """Channels of a key that its coded form has: where the key is the value, scaled and then
        turned in some channels, only those; the others are told from the value."""
        if not (layer.k_is_v and self.value_norm and layer.window is None):
            return layer.head_size
        turning = 2 * int(self.rope[layer.kind].live_fraction * layer.head_size // 2)
        fits = turning >= 8 and turning & (turning - 1) == 0
        return turning if fits and turning < layer.head_size else layer.head_size

    @property
    def growing_layers(self) -> tuple[int, ...]:
        """Those whose keys and values, their own, grow with the context: the global ones."""
        return tuple(x.index for x in self.layers if x.owns_kv and x.window is None)

    @property
    def shared_layers(self) -> frozenset[int]:
        """Those whose keys and values other layers read too."""
        return frozenset(layer.kv_source for layer in self.layers if not layer.owns_kv)


def read_config(folder: Path) -> ModelConfig:
    """The configuration in ``folder/config.json``.

    Raises DamagedModel if it is missing or unreadable, UnsupportedModel for another architecture.
    """
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DamagedModel(
            str(path), "The file is missing.", "Choose the folder that holds the whole model."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedModel(
            str(path), f"It cannot be read ({error}).", "Copy the model again."
        ) from error
    if not isinstance(data, dict):
        raise DamagedModel(str(path), "It is not a model's configuration.", "Copy the model again.")
    try:
        return parse_config(data, str(path))
    except WRONG_SETTINGS as error:
        raise DamagedModel(
            str(path), f"A setting is missing or wrong ({error!r}).", "Copy the model again."
        ) from error


def layer_count(value: Any) -> int:
    """The number of layers that a setting states. Raises ValueError for what no model has."""
    count = int(value)
    if not 0 < count <= _MOST_LAYERS:
        raise ValueError(f"{count:,} layers")
    return count


def open_config(path: Path) -> ModelConfig:
    """The model's configuration, whichever form it has. Raises as :func:`read_config` does."""
    if path.is_file():
        # Only those who have a GGUF file wait for its library.
        from engine.gguf_config import gguf_config

        return gguf_config(path)
    return read_config(path)


def parse_config(data: dict[str, Any], subject: str = "config.json") -> ModelConfig:
    """The configuration from the contents of a ``config.json``; see :func:`read_config`."""
    outer = str(data.get("model_type", ""))
    text = data.get("text_config") or data
    kind = str(text.get("model_type") or outer)
    if kind in _GEMMA4 or outer in _GEMMA4:
        return _gemma4(text, data)
    if kind in _GEMMA3 or outer in _GEMMA3:
        return _gemma3(text, data)
    raise UnsupportedModel(
        subject,
        f"The architecture is {outer or 'not named'}.",
        f"Choose one of {SUPPORTED}.",
    )


def _ids(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(int(v) for v in value) if isinstance(value, list) else (int(value),)


def _layer_kinds(text: dict[str, Any], pattern: int) -> list[str]:
    count = layer_count(text["num_hidden_layers"])
    kinds = text.get("layer_types")
    if kinds is None:
        kinds = [SLIDING if (i + 1) % pattern else FULL for i in range(count)]
    if len(kinds) != count or set(kinds) - {SLIDING, FULL}:
        raise ValueError(f"layer_types lists {len(kinds)} layers, expected {count}")
    return list(kinds)


def _gemma4(text: dict[str, Any], outer: dict[str, Any]) -> ModelConfig:
    kinds = _layer_kinds(text, 6)
    kinds[-1] = FULL
    count, hidden, heads = len(kinds), int(text["hidden_size"]), int(text["num_attention_heads"])
    shared = int(text.get("num_kv_shared_layers") or 0)
    first_shared = count - shared
    k_is_v = bool(text.get("attention_k_eq_v"))
    global_kv = text.get("num_global_key_value_heads") if k_is_v else None
    doubled = bool(text.get("use_double_wide_mlp"))
    # Keys are layer numbers, written with leading zeros where there are more than ten layers.
    overrides = {int(k): v for k, v in (text.get("per_layer_config") or {}).items()}
    layers = []
    for i, kind in enumerate(kinds):
        reuses = i >= first_shared
        source = i
        if reuses:
            source = max(j for j in range(first_shared) if kinds[j] == kind)
        full = kind == FULL
        own = overrides.get(i, {})
        head_size = text.get("global_head_dim", 512) if full else text["head_dim"]
        kv_heads = (global_kv if full else None) or text["num_key_value_heads"]
        layers.append(
            LayerConfig(
                index=i,
                kind=kind,
                head_size=int(own.get("head_dim", head_size)),
                kv_heads=int(own.get("num_key_value_heads", kv_heads)),
                kv_source=source,
                window=None if full else int(text.get("sliding_window") or 512),
                k_is_v=k_is_v and full,
                feed_forward=int(text["intermediate_size"]) * (2 if doubled and reuses else 1),
            )
        )
    ropes = text.get("rope_parameters") or {}
    sliding, full_rope = ropes.get(SLIDING) or {}, ropes.get(FULL) or {}
    moe = bool(text.get("enable_moe_block"))
    return ModelConfig(
        family="gemma4",
        hidden=hidden,
        vocabulary=int(text["vocab_size"]),
        heads=heads,
        layers=tuple(layers),
        rope={
            SLIDING: Rope(float(sliding.get("rope_theta", 1e4))),
            FULL: Rope(
                float(full_rope.get("rope_theta", 1e6)),
                float(full_rope.get("partial_rotary_factor", 0.25 if not full_rope else 1.0)),
                float(full_rope.get("factor", 1.0)),
            ),
        },
        epsilon=float(text.get("rms_norm_eps", 1e-6)),
        context=int(text.get("max_position_embeddings", 131_072)),
        attention_scale=1.0,
        softcap=text.get("final_logit_softcapping"),
        norm_offset=0.0,
        value_norm=True,
        tied=bool(text.get("tie_word_embeddings", outer.get("tie_word_embeddings", True))),
        per_layer_size=int(text.get("hidden_size_per_layer_input") or 0),
        per_layer_vocabulary=int(text.get("vocab_size_per_layer_input") or text["vocab_size"]),
        experts=int(text.get("num_experts") or 0) if moe else 0,
        active_experts=int(text.get("top_k_experts") or 0) if moe else 0,
        expert_feed_forward=int(text.get("moe_intermediate_size") or 0) if moe else 0,
        eos=_ids(outer.get("eos_token_id", text.get("eos_token_id", 1))),
        bos=text.get("bos_token_id", 2),
        pad=int(text.get("pad_token_id") or 0),
        image_attention=text.get("use_bidirectional_attention") == "vision",
    )


def _gemma3(text: dict[str, Any], outer: dict[str, Any]) -> ModelConfig:
    kinds = _layer_kinds(text, int(text.get("sliding_window_pattern") or 6))
    head_size = int(text.get("head_dim", 256))
    layers = tuple(
        LayerConfig(
            index=i,
            kind=kind,
            head_size=head_size,
            kv_heads=int(text["num_key_value_heads"]),
            kv_source=i,
            window=int(text.get("sliding_window") or 4096) if kind == SLIDING else None,
            k_is_v=False,
            feed_forward=int(text["intermediate_size"]),
        )
        for i, kind in enumerate(kinds)
    )
    ropes = text.get("rope_parameters") or {}
    scaling = ropes.get(FULL) or text.get("rope_scaling") or {}
    full_theta = scaling.get("rope_theta", text.get("rope_theta", 1e6))
    local_theta = (ropes.get(SLIDING) or {}).get(
        "rope_theta", text.get("rope_local_base_freq", 1e4)
    )
    return ModelConfig(
        family="gemma3",
        hidden=int(text["hidden_size"]),
        vocabulary=int(text.get("vocab_size", 262_208)),
        heads=int(text["num_attention_heads"]),
        layers=layers,
        rope={
            SLIDING: Rope(float(local_theta)),
            FULL: Rope(float(full_theta), factor=float(scaling.get("factor", 1.0))),
        },
        epsilon=float(text.get("rms_norm_eps", 1e-6)),
        context=int(text.get("max_position_embeddings", 131_072)),
        attention_scale=float(text.get("query_pre_attn_scalar", 256)) ** -0.5,
        softcap=text.get("final_logit_softcapping"),
        norm_offset=1.0,
        value_norm=False,
        tied=bool(text.get("tie_word_embeddings", outer.get("tie_word_embeddings", True))),
        per_layer_size=0,
        per_layer_vocabulary=0,
        experts=0,
        active_experts=0,
        expert_feed_forward=0,
        eos=_ids(outer.get("eos_token_id", text.get("eos_token_id", 1))),
        bos=text.get("bos_token_id", 2),
        pad=int(text.get("pad_token_id") or 0),
        image_attention=False,
    )
