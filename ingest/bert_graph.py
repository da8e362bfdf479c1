"""A BERT encoder as an ONNX graph with 8-bit weights, made in memory from safetensors.

Most sentence-transformers models are BERT encoders. Run by ONNX Runtime with 8-bit matrix
products they need a third of the processor time of fp32 in PyTorch, and no PyTorch. Weights are
quantized per output channel, symmetric, to 7 bits so that the 16-bit sums of AVX2's instruction
cannot overflow; activations are quantized per tensor while running (ONNX Runtime's
``DynamicQuantizeMatMul``). The graph takes one text at a time: without padding there is no mask, so
attention runs fused, and a text's vector does not depend on what else is embedded. It ends in the
pooled, normalised sentence vector.

Architecture: Devlin et al. 2018, "BERT"; the layout of tensors is that of ``transformers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
_CONTRIB = "com.microsoft"
_LARGEST = 63  # 7 bits and a sign


@dataclass(frozen=True, slots=True)
class BertShape:
    """What ``config.json`` says of a BERT encoder, and how its tokens become one vector."""

    layers: int
    heads: int
    epsilon: float
    activation: str
    pooling: str  # "mean" or "cls"
    normalize: bool


class BertGraph:
    """Builds the graph: ``input_ids`` (1, tokens) int64 to ``embedding`` (1, hidden) float32."""

    def __init__(self, tensors: Mapping[str, Array], shape: BertShape) -> None:
        self._tensors = tensors
        self._shape = shape
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._names = 0

    def build(self) -> bytes:
        """The serialised model."""
        hidden = self._embeddings()
        for layer in range(self._shape.layers):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden)
        self._pool(hidden)
        width = int(self._tensor("embeddings.word_embeddings.weight").shape[1])
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, width])],
            self._initializers,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        return bytes(model.SerializeToString())

    def _embeddings(self) -> str:
        words = self._constant("words", self._tensor("embeddings.word_embeddings.weight"))
        gathered = self._add("Gather", [words, "input_ids"])
        # Sentence vectors come from one segment, so its embedding is part of the position's.
        table = (
            self._tensor("embeddings.position_embeddings.weight")
            + self._tensor("embeddings.token_type_embeddings.weight")[0]
        )
        positions = self._constant("positions", table.astype(np.float32))
        shape = self._add("Shape", ["input_ids"], start=1, end=2)
        zero = self._constant("zero", np.array([0], np.int64))
        used = self._add("Slice", [positions, zero, shape, zero])
        return self._layer_norm(self._add("Add", [gathered, used]), "embeddings.LayerNorm")

    def _layer(self, prefix: str, hidden: str) -> str:
        query, key, value = (
            self._linear(hidden, f"{prefix}attention.self.{name}")
            for name in ("query", "key", "value")
        )
        attended = self._add(
            "MultiHeadAttention",
            [query, key, value],
            domain=_CONTRIB,
            num_heads=self._shape.heads,
        )
        hidden = self._skip_norm(
            self._linear(attended, f"{prefix}attention.output.dense"),
            hidden,
            f"{prefix}attention.output.LayerNorm",
        )
        wide = self._linear(hidden, f"{prefix}intermediate.dense")
        active = self._add("Gelu", [wide], domain=_CONTRIB)
        return self._skip_norm(
            self._linear(active, f"{prefix}output.dense"), hidden, f"{prefix}output.LayerNorm"
        )

    def _pool(self, hidden: str) -> None:
        if self._shape.pooling == "cls":
            index = self._constant("first", np.array(0, np.int64))
            pooled = self._add("Gather", [hidden, index], axis=1)
        else:
            pooled = self._add("ReduceMean", [hidden], axes=[1], keepdims=0)
        if self._shape.normalize:
            pooled = self._add("LpNormalization", [pooled], axis=-1, p=2)
        self._nodes.append(helper.make_node("Identity", [pooled], ["embedding"]))

    def _linear(self, source: str, name: str) -> str:
        weight = self._tensor(f"{name}.weight").T  # (inputs, outputs)
        scale = np.abs(weight).max(axis=0) / _LARGEST
        scale[scale == 0] = 1.0
        packed = np.clip(np.rint(weight / scale), -_LARGEST, _LARGEST).astype(np.int8)
        inputs = [
            source,
            self._constant(f"{name}.packed", packed),
            self._constant(f"{name}.scale", scale.astype(np.float32)),
            self._constant(f"{name}.zero", np.zeros(len(scale), np.int8)),
            self._constant(f"{name}.bias", self._tensor(f"{name}.bias")),
        ]
        return self._add("DynamicQuantizeMatMul", inputs, domain=_CONTRIB)

    def _layer_norm(self, source: str, name: str) -> str:
        inputs = [source, *self._norm_constants(name)]
        return self._add("LayerNormalization", inputs, axis=-1, epsilon=self._shape.epsilon)

    def _skip_norm(self, source: str, skip: str, name: str) -> str:
        inputs = [source, skip, *self._norm_constants(name)]
        return self._add(
            "SkipLayerNormalization", inputs, domain=_CONTRIB, epsilon=self._shape.epsilon
        )

    def _norm_constants(self, name: str) -> list[str]:
        return [
            self._constant(f"{name}.{part}", self._tensor(f"{name}.{part}"))
            for part in ("weight", "bias")
        ]

    def _tensor(self, name: str) -> Array:
        return self._tensors[name].astype(np.float32)

    def _constant(self, name: str, value: Array) -> str:
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _add(self, operator: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        self._names += 1
        output = f"t{self._names}"
        self._nodes.append(
            helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        )
        return output
