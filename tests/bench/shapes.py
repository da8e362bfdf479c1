"""The published shapes of Gemma 4, with synthetic packed weights: speed does not depend on
values."""

import tempfile
from pathlib import Path
from typing import Any

import torch

from engine.config import ModelConfig, parse_config
from engine.decoder_weights import DecoderWeights, ExpertWeights, LayerWeights, PerLayerWeights
from engine.matrix import Matrix, Table
from engine.packing import pack, packed_shapes

COMMON: dict[str, Any] = {
    "model_type": "gemma4_text",
    "vocab_size": 262_144,
    "head_dim": 256,
    "global_head_dim": 512,
    "final_logit_softcapping": 30.0,
    "max_position_embeddings": 131_072,
}


def _layers(count: int, every: int) -> list[str]:
    return ["full_attention" if (i + 1) % every == 0 else "sliding_attention" for i in range(count)]


SHAPES: dict[str, dict[str, Any]] = {
    "e2b": {
        "hidden_size": 1536,
        "intermediate_size": 6144,
        "num_hidden_layers": 35,
        "layer_types": _layers(35, 5),
        "num_attention_heads": 8,
        "num_key_value_heads": 1,
        "num_kv_shared_layers": 20,
        "use_double_wide_mlp": True,
        "hidden_size_per_layer_input": 256,
        "sliding_window": 512,
    },
    "e4b": {
        "hidden_size": 2560,
        "intermediate_size": 10_240,
        "num_hidden_layers": 42,
        "layer_types": _layers(42, 6),
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "num_kv_shared_layers": 18,
        "hidden_size_per_layer_input": 256,
        "sliding_window": 512,
    },
    "12b": {
        "hidden_size": 3840,
        "intermediate_size": 15_360,
        "num_hidden_layers": 48,
        "layer_types": _layers(48, 6),
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "num_global_key_value_heads": 1,
        "attention_k_eq_v": True,
        "sliding_window": 1024,
    },
    "26b-a4b": {
        "hidden_size": 2816,
        "intermediate_size": 2112,
        "num_hidden_layers": 30,
        "layer_types": _layers(30, 6),
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "num_global_key_value_heads": 2,
        "attention_k_eq_v": True,
        "sliding_window": 1024,
        "enable_moe_block": True,
        "num_experts": 128,
        "top_k_experts": 8,
        "moe_intermediate_size": 704,
    },
    "31b": {
        "hidden_size": 5376,
        "intermediate_size": 21_504,
        "num_hidden_layers": 60,
        "layer_types": _layers(60, 6),
        "num_attention_heads": 32,
        "num_key_value_heads": 16,
        "num_global_key_value_heads": 4,
        "attention_k_eq_v": True,
        "sliding_window": 1024,
    },
}


def shape_config(shape: str) -> ModelConfig:
    """The configuration of a published shape."""
    return parse_config({**COMMON, **SHAPES[shape]})


def unit_norms(config: ModelConfig) -> dict[int, torch.Tensor]:
    """Norms' weights of one for a cache without a model."""
    return {layer.index: torch.ones(layer.head_size) for layer in config.layers}


def synthetic(config: ModelConfig) -> DecoderWeights:
    """Random 4-bit weights of a configuration; the per-layer table is an empty file, mapped."""
    pool = torch.randint(0, 256, (1 << 24,), dtype=torch.uint8)

    def matrix(outputs: int, inputs: int) -> Matrix:
        (data_shape, _), (scale_shape, _) = packed_shapes(outputs, inputs, 4).values()
        count = torch.Size(data_shape).numel()
        data = torch.empty(count, dtype=torch.uint8)
        for first in range(0, count, len(pool)):
            data[first : first + len(pool)] = pool[: count - first]
        # About one over the root of the inputs, so that activations stay of ordinary size.
        scales = torch.full(scale_shape, 0.2 * inputs**-0.5, dtype=torch.float16)
        return Matrix(4, outputs, inputs, data.view(data_shape), scales)

    hidden, size = config.hidden, config.per_layer_size
    layers = []
    for layer in config.layers:
        q_width, kv_width = config.heads * layer.head_size, layer.kv_heads * layer.head_size
        kv = (1 if layer.k_is_v else 2) * kv_width if layer.owns_kv else 0
        wide, experts = config.expert_feed_forward, range(config.experts)
        layers.append(
            LayerWeights(
                input_norm=torch.ones(hidden),
                post_attention_norm=torch.ones(hidden),
                pre_feed_forward_norm=torch.ones(hidden),
                post_feed_forward_norm=torch.ones(hidden),
                qkv=matrix(q_width + kv, hidden),
                query_norm=torch.ones(layer.head_size),
                key_norm=torch.ones(layer.head_size) if layer.owns_kv else None,
                output=matrix(hidden, q_width),
                gate_up=matrix(2 * layer.feed_forward, hidden),
                down=matrix(hidden, layer.feed_forward),
                scalar=1.0,
                per_layer=PerLayerWeights(
                    matrix(size, hidden), matrix(hidden, size), torch.ones(hidden)
                )
                if size
                else None,
                experts=ExpertWeights(
                    router=pack(torch.randn(config.experts, hidden) * hidden**-0.5, 32),
                    expert_scale=torch.ones(config.experts),
                    gate_up=[matrix(2 * wide, hidden) for _ in experts],
                    down=[matrix(hidden, wide) for _ in experts],
                    norm_dense=torch.ones(hidden),
                    norm_in=torch.ones(hidden),
                    norm_out=torch.ones(hidden),
                )
                if config.experts
                else None,
            )
        )
    embedding = matrix(config.vocabulary, hidden)
    if not size:
        return DecoderWeights(embedding, embedding, torch.ones(hidden), layers)
    columns = len(layers) * size
    return DecoderWeights(
        embedding,
        embedding,
        torch.ones(hidden),
        layers,
        _empty_table(config.per_layer_vocabulary, columns),
        matrix(columns, hidden),
        torch.ones(size),
    )


def _empty_table(rows: int, columns: int) -> Table:
    """A mapped file of zeros that takes no room on the disk."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.truncate(rows * columns + rows * columns // 32 * 2)
    data = torch.from_file(file.name, shared=True, size=rows * columns, dtype=torch.int8)
    scales = torch.zeros(1, columns // 32, dtype=torch.float16).expand(rows, -1)
    Path(file.name).unlink()
    return Table(data.view(rows, columns), scales)
