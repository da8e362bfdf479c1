"""Layers run by the kernels in two calls each, for writing fast on the CPU. Knows no files.

Does what ``decoder.py`` does step by step, to the bit; mixtures of experts and other devices go
through the steps.
"""

import torch

from engine.config import LayerConfig, ModelConfig
from engine.decoder_weights import LayerWeights
from engine.matrix import KINDS, Joined, Matrix
from engine.native import Kernels, Layer, LayerRows, PackedMatrices, PackedMatrix


class FusedLayer:
    """One layer's weights as the kernels take them."""

    def __init__(self, config: ModelConfig, layer: LayerConfig, weights: LayerWeights) -> None:
        self._weights = weights  # the addresses below are theirs
        per_layer = weights.per_layer
        self.qkv_width = config.heads * layer.head_size
        if layer.owns_kv:
            self.qkv_width += 2 * layer.kv_heads * layer.head_size
        wide = max(3 * layer.feed_forward, 3 * config.per_layer_size)
        self.workspace = 2 * config.hidden + wide
        self.layer = Layer(
            hidden=config.hidden,
            heads=config.heads,
            kv_heads=layer.kv_heads,
            head_size=layer.head_size,
            feed_forward=layer.feed_forward,
            per_layer_size=config.per_layer_size,
            owns_kv=layer.owns_kv,
            k_is_v=layer.k_is_v,
            value_norm=config.value_norm,
            epsilon=config.epsilon,
            scalar=weights.scalar,
            input_norm=weights.input_norm.data_ptr(),
            post_attention_norm=weights.post_attention_norm.data_ptr(),
            pre_feed_forward_norm=weights.pre_feed_forward_norm.data_ptr(),
            post_feed_forward_norm=weights.post_feed_forward_norm.data_ptr(),
            query_norm=weights.query_norm.data_ptr(),
            key_norm=None if weights.key_norm is None else weights.key_norm.data_ptr(),
            per_layer_norm=None if per_layer is None else per_layer.norm.data_ptr(),
            qkv=_packed(weights.qkv),
            output=_packed(weights.output),
            gate_up=_packed(weights.gate_up),
            down=_packed(weights.down),
            per_layer_gate=_packed(per_layer.gate if per_layer else None),
            per_layer_projection=_packed(per_layer.projection if per_layer else None),
        )

    def rows(
        self,
        x: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        per_layer: torch.Tensor | None,
        workspace: torch.Tensor,
    ) -> LayerRows:
        """What the kernels need to know of the rows x [rows, hidden]."""
        return LayerRows(
            rows=x.shape[0],
            x=x.data_ptr(),
            cosine=turn[0].data_ptr(),
            sine=turn[1].data_ptr(),
            per_layer=None if per_layer is None else per_layer.data_ptr(),
            per_layer_stride=0 if per_layer is None else per_layer.stride(0),
            workspace=workspace.data_ptr(),
        )

    def before(self, native: Kernels, rows: LayerRows) -> torch.Tensor:
        """Queries, keys and values side by side: [rows, qkv_width]."""
        qkv = torch.empty(rows.rows, self.qkv_width)
        native.before_attention(self.layer, rows, qkv)
        return qkv

    def after(self, native: Kernels, rows: LayerRows, attended: torch.Tensor) -> torch.Tensor:
        """The layer's result [rows, hidden]."""
        out = torch.empty(rows.rows, self.layer.hidden)
        native.after_attention(self.layer, rows, attended, out)
        return out


def can_fuse(weights: LayerWeights) -> bool:
    """Whether the kernels know this kind of layer."""
    tensors = [weights.input_norm, weights.query_norm]
    return weights.experts is None and all(
        t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in tensors
    )


def _packed(matrix: Matrix | Joined | None) -> PackedMatrices:
    parts = matrix.parts if isinstance(matrix, Joined) else (matrix,) if matrix else ()
    packed = [
        PackedMatrix(
            kind=KINDS[part.width],
            outputs=part.outputs,
            inputs=part.inputs,
            data=part.data.data_ptr(),
            scales=None if part.scales is None else part.scales.data_ptr(),
            minima=None if part.minima is None else part.minima.data_ptr(),
        )
        for part in parts
    ]
    return PackedMatrices(count=len(packed), parts=(PackedMatrix * 3)(*packed))
