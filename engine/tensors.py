"""Which of a checkpoint's tensors make up which weights. Names as ``transformers`` 5.24 writes
them.

:func:`gather` builds the decoder's weights from anything that hands out tensors by name: a
safetensors checkpoint, a GGUF file, or the packed form. It checks every shape.
"""

from collections.abc import Iterator
from typing import Protocol

import torch

from engine.config import LayerConfig, ModelConfig
from engine.decoder_weights import DecoderWeights, ExpertWeights, LayerWeights, PerLayerWeights
from engine.errors import DamagedModel
from engine.matrix import Joined, Lookup, Matrix, Width
from engine.packing import pack
from engine.widths import Widths as Widths


class Source(Protocol):
    """Hands out a model's tensors by name, without the checkpoint's prefix."""

    subject: str

    def __contains__(self, name: str) -> bool:
        """Whether the tensor is there."""

    def vector(self, name: str, size: int) -> torch.Tensor:
        """fp32 [size]."""

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """Matrices (name, outputs) of the same inputs, side by side, called ``name`` when
        packed."""

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """A stack [count, outputs, inputs], one matrix each."""

    def table(self, name: str, rows: int, columns: int) -> Lookup:
        """A lookup table, left on disk where it can be."""


def gather(config: ModelConfig, source: Source, widths: Widths) -> DecoderWeights:
    """All weights of a model.

    Raises DamagedModel naming the tensor that is missing or has another shape.
    """
    embedding = source.matrix(
        "embed_tokens",
        [("embed_tokens.weight", config.vocabulary)],
        config.hidden,
        widths.embedding,
    )
    head = embedding
    if not config.tied:
        head = source.matrix(
            "lm_head", [("lm_head.weight", config.vocabulary)], config.hidden, widths.embedding
        )
    if not isinstance(embedding, Matrix) or not isinstance(head, Matrix):
        raise DamagedModel(source.subject, "The embedding is in parts.", "Copy the model again.")
    layers = [_layer(config, layer, source, widths.layers) for layer in config.layers]
    size, count = config.per_layer_size, len(config.layers)
    if not size:
        return DecoderWeights(embedding, head, _norm(config, source, "norm.weight"), layers)
    projection = source.matrix(
        "per_layer_model_projection",
        [("per_layer_model_projection.weight", count * size)],
        config.hidden,
        widths.layers,
    )
    assert isinstance(projection, Matrix)
    return DecoderWeights(
        embedding,
        head,
        _norm(config, source, "norm.weight"),
        layers,
        source.table("embed_tokens_per_layer", config.per_layer_vocabulary, count * size),
        projection,
        source.vector("per_layer_projection_norm.weight", size),
    )


def _norm(config: ModelConfig, source: Source, name: str, size: int | None = None) -> torch.Tensor:
    return source.vector(name, size or config.hidden) + config.norm_offset


def _layer(config: ModelConfig, layer: LayerConfig, source: Source, width: Width) -> LayerWeights:
    at, hidden = f"layers.{layer.index}", config.hidden
    q_width, kv_width = config.heads * layer.head_size, layer.kv_heads * layer.head_size
    qkv = [(f"{at}.self_attn.q_proj.weight", q_width)]
    if layer.owns_kv:
        qkv.append((f"{at}.self_attn.k_proj.weight", kv_width))
        if not layer.k_is_v:
            qkv.append((f"{at}.self_attn.v_proj.weight", kv_width))
    wide = layer.feed_forward
    gate_up = [(f"{at}.mlp.gate_proj.weight", wide), (f"{at}.mlp.up_proj.weight", wide)]
    scalar = 1.0
    if f"{at}.layer_scalar" in source:
        scalar = float(source.vector(f"{at}.layer_scalar", 1))
    return LayerWeights(
        input_norm=_norm(config, source, f"{at}.input_layernorm.weight"),
        post_attention_norm=_norm(config, source, f"{at}.post_attention_layernorm.weight"),
        pre_feed_forward_norm=_norm(config, source, f"{at}.pre_feedforward_layernorm.weight"),
        post_feed_forward_norm=_norm(config, source, f"{at}.post_feedforward_layernorm.weight"),
        qkv=source.matrix(f"{at}.qkv", qkv, hidden, width),
        query_norm=_norm(config, source, f"{at}.self_attn.q_norm.weight", layer.head_size),
        key_norm=_norm(config, source, f"{at}.self_attn.k_norm.weight", layer.head_size)
        if layer.owns_kv
        else None,
        output=source.matrix(
            f"{at}.output", [(f"{at}.self_attn.o_proj.weight", hidden)], q_width, width
        ),
        gate_up=source.matrix(f"{at}.gate_up", gate_up, hidden, width),
        down=source.matrix(f"{at}.down", [(f"{at}.mlp.down_proj.weight", hidden)], wide, width),
        scalar=scalar,
        per_layer=_per_layer(config, at, source, width) if config.per_layer_size else None,
        experts=_experts(config, at, source, width) if config.experts else None,
    )


def _per_layer(config: ModelConfig, at: str, source: Source, width: Width) -> PerLayerWeights:
    hidden, size = config.hidden, config.per_layer_size
    gate, projection = f"{at}.per_layer_input_gate", f"{at}.per_layer_projection"
    return PerLayerWeights(
        gate=source.matrix(gate, [(f"{gate}.weight", size)], hidden, width),
        projection=source.matrix(projection, [(f"{projection}.weight", hidden)], size, width),
        norm=_norm(config, source, f"{at}.post_per_layer_input_norm.weight"),
    )


def _experts(config: ModelConfig, at: str, source: Source, width: Width) -> ExpertWeights:
    hidden, wide, count = config.hidden, config.expert_feed_forward, config.experts
    router = source.matrix(f"{at}.router", [(f"{at}.router.proj.weight", count)], hidden, 32)
    assert isinstance(router, Matrix)
    scale = source.vector(f"{at}.router.scale", hidden) * hidden**-0.5
    return ExpertWeights(
        router=pack(router.dense() * scale, 32),
        expert_scale=source.vector(f"{at}.router.per_expert_scale", count),
        gate_up=source.experts(f"{at}.experts.gate_up_proj", count, 2 * wide, hidden, width),
        down=source.experts(f"{at}.experts.down_proj", count, hidden, wide, width),
        norm_dense=_norm(config, source, f"{at}.post_feedforward_layernorm_1.weight"),
        norm_in=_norm(config, source, f"{at}.pre_feedforward_layernorm_2.weight"),
        norm_out=_norm(config, source, f"{at}.post_feedforward_layernorm_2.weight"),
    )


def matrices(weights: DecoderWeights) -> Iterator[Matrix | Joined]:
    """Every matrix of the decoder once."""
    yield weights.embedding
    if weights.head is not weights.embedding:
        yield weights.head
    if weights.per_layer_projection is not None:
        yield weights.per_layer_projection
    for layer in weights.layers:
        yield from (layer.qkv, layer.output, layer.gate_up, layer.down)
        if layer.per_layer is not None:
            yield from (layer.per_layer.gate, layer.per_layer.projection)
        if layer.experts is not None:
            yield from layer.experts.gate_up
            yield from layer.experts.down
