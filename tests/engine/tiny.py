"""Tiny random checkpoints of every variant, in the files a published model has.

Shrunken, with every feature of their variant on; written by ``transformers``, which is also the
reference. ``write_tiny`` gives the reference model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    PreTrainedModel,
)

VARIANTS = ("e2b", "e4b", "12b", "26b", "31b", "gemma3")
VOCABULARY, WINDOW = 500, 8
_SHARD = "100KB"


def _kinds(count: int, period: int) -> list[str]:
    return ["sliding_attention" if (i + 1) % period else "full_attention" for i in range(count)]


# Changes to e2b: global layers 4 and 9 have keys of their own, and 14 reads those of 9.
TWO_GLOBAL: dict[str, Any] = {"num_hidden_layers": 15, "layer_types": _kinds(15, 5)}


def tiny_config(variant: str, **changes: Any) -> Gemma4TextConfig | Gemma3TextConfig:
    """The shrunken configuration of a variant; ``changes`` to a Gemma 4's settings."""
    if variant == "gemma3":
        return Gemma3TextConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=96,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=16,
            sliding_window=WINDOW,
            num_hidden_layers=6,
            query_pre_attn_scalar=16,
            max_position_embeddings=4096,
        )
    base: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "head_dim": 16,
        "global_head_dim": 32,
        "sliding_window": WINDOW,
        "vocab_size_per_layer_input": VOCABULARY,
        "max_position_embeddings": 4096,
        "final_logit_softcapping": 30.0,
        "hidden_size_per_layer_input": 0,
        "num_key_value_heads": 2,
        "num_hidden_layers": 6,
    }
    larger = {"num_global_key_value_heads": 1, "attention_k_eq_v": True}
    own: dict[str, dict[str, Any]] = {
        "e2b": {
            "num_hidden_layers": 10,
            "layer_types": _kinds(10, 5),
            "num_key_value_heads": 1,
            "num_kv_shared_layers": 5,
            "use_double_wide_mlp": True,
            "hidden_size_per_layer_input": 32,
        },
        "e4b": {
            "num_hidden_layers": 12,
            "layer_types": _kinds(12, 6),
            "num_kv_shared_layers": 6,
            "hidden_size_per_layer_input": 32,
        },
        "12b": larger,
        "26b": larger
        | {
            "enable_moe_block": True,
            "num_experts": 8,
            "top_k_experts": 3,
            "moe_intermediate_size": 32,
        },
        "31b": larger
        | {
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "num_global_key_value_heads": 2,
        },
    }
    return Gemma4TextConfig(**base | own[variant] | changes)


def tiny_model(variant: str, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A random model whose every weight matters, fp32."""
    torch.manual_seed(seed)
    config = tiny_config(variant, **changes)
    kind: Any = Gemma3ForCausalLM if variant == "gemma3" else Gemma4ForCausalLM
    model: PreTrainedModel = kind(config).eval()
    low = -0.25 if variant == "gemma3" else 0.75
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if "embed_scale" in name or "inv_freq" in name:
            continue
        if "norm" in name or "scal" in name:
            value.data = torch.rand_like(value) * 0.5 + low
        elif value.ndim >= 2:
            value.data.normal_(0, 0.15)
    return model


def write_tiny(folder: Path, variant: str, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """Writes ``config.json`` and sharded safetensors with their index; gives the model."""
    model = tiny_model(variant, seed, **changes)
    model.save_pretrained(folder, max_shard_size=_SHARD)
    return model
