"""A decoder's weights as plain data: neither where they come from nor what is done with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.matrix import Joined, Lookup, Matrix


@dataclass(frozen=True)
class LayerWeights:
    """One layer. Vectors are fp32; what a model does not have is None."""

    input_norm: torch.Tensor
    post_attention_norm: torch.Tensor
    pre_feed_forward_norm: torch.Tensor
    post_feed_forward_norm: torch.Tensor
    qkv: Matrix | Joined  # queries, then keys and values where the layer owns them
    query_norm: torch.Tensor
    key_norm: torch.Tensor | None
    output: Matrix | Joined
    gate_up: Matrix | Joined
    down: Matrix | Joined
    scalar: float
    per_layer: "PerLayerWeights | None"
    experts: "ExpertWeights | None"


@dataclass(frozen=True)
class PerLayerWeights:
    """A layer's share of the per-layer embeddings (E2B, E4B)."""

    gate: Matrix | Joined
    projection: Matrix | Joined
    norm: torch.Tensor


@dataclass(frozen=True)
class ExpertWeights:
    """A layer's mixture of experts (26B-A4B), beside its dense feed-forward."""

    router: Matrix  # its input scale and hidden ** -0.5 folded in
    expert_scale: torch.Tensor
    gate_up: Sequence[Matrix | Joined]
    down: Sequence[Matrix | Joined]
    norm_dense: torch.Tensor
    norm_in: torch.Tensor
    norm_out: torch.Tensor


@dataclass(frozen=True)
class DecoderWeights:
    """All of a model's weights."""

    embedding: Matrix
    head: Matrix
    norm: torch.Tensor
    layers: Sequence[LayerWeights]
    table: Lookup | None = None
    per_layer_projection: Matrix | None = None
    per_layer_norm: torch.Tensor | None = None
