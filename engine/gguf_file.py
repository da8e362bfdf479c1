"""Reads a published GGUF model: its blocks become packed weights as they stream. No decoder here.

Tensor names as llama.cpp's converter writes them for Gemma 3 and 4; asked for by the names that
``transformers`` gives the same weights.
"""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.config import ModelConfig
from engine.errors import DamagedModel
from engine.gguf_blocks import check, numbers, packed
from engine.gguf_config import gguf_config
from engine.gguf_reader import GgufReader, StoredTensor
from engine.gguf_tokenizer import gguf_chat_template, gguf_tokenizer
from engine.matrix import Joined, Matrix, Width, join

__all__ = [
    "BlockTable",
    "GgufCheckpoint",
    "gguf_chat_template",
    "gguf_config",
    "gguf_name",
    "gguf_tokenizer",
]

_COPY_AGAIN = "Choose a whole file, as its converter wrote it."
_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_TOP = {
    "embed_tokens.weight": "token_embd.weight",
    "embed_tokens_per_layer.weight": "per_layer_token_embd.weight",
    "lm_head.weight": "output.weight",
    "norm.weight": "output_norm.weight",
    "per_layer_model_projection.weight": "per_layer_model_proj.weight",
    "per_layer_projection_norm.weight": "per_layer_proj_norm.weight",
}
_IN_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "layer_scalar": "layer_output_scale.weight",
    "per_layer_input_gate.weight": "inp_gate.weight",
    "per_layer_projection.weight": "proj.weight",
    "post_per_layer_input_norm.weight": "post_norm.weight",
    "router.proj.weight": "ffn_gate_inp.weight",
    "router.scale": "ffn_gate_inp.scale",
    "router.per_expert_scale": "ffn_down_exps.scale",
    "experts.gate_up_proj": "ffn_gate_up_exps.weight",
    "experts.down_proj": "ffn_down_exps.weight",
    "post_feedforward_layernorm_1.weight": "post_ffw_norm_1.weight",
    "pre_feedforward_layernorm_2.weight": "pre_ffw_norm_2.weight",
    "post_feedforward_layernorm_2.weight": "post_ffw_norm_2.weight",
}


class BlockTable:
    """A :class:`engine.matrix.Lookup` in a GGUF file's blocks, mapped; decoded when asked."""

    def __init__(self, tensor: StoredTensor) -> None:
        self._tensor = tensor
        self._rows: NDArray[np.uint8] = tensor.mapped()

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._tensor.nbytes

    def rows(self, indices: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """fp32 [n, last - first]: columns first to last of some rows."""
        size, nbytes = self._tensor.block
        start, end = first // size, -(-last // size)
        raw = self._rows[:, start * nbytes : end * nbytes][indices.cpu().numpy()]
        found = numbers(self._tensor.kind, raw)[:, first - start * size : last - start * size]
        return found.to(indices.device)


class GgufCheckpoint:
    """A GGUF model as a :class:`engine.tensors.Source`.

    Asked for 4 or 8 bits, weights stay as the file has them rounded; asked for 16 or 32, all are
    brought to that width.
    """

    def __init__(self, path: Path) -> None:
        self.subject = str(path)
        self.reader = GgufReader(path)

    def __contains__(self, name: str) -> bool:
        return gguf_name(name) in self.reader.tensors

    def config(self) -> ModelConfig:
        """What the model is made of; see :func:`engine.gguf_config.gguf_config`."""
        return gguf_config(self.reader.path, self.reader)

    def vector(self, name: str, size: int) -> torch.Tensor:
        """fp32 [size]."""
        tensor = self._checked(name, (size,))
        return numbers(tensor.kind, tensor.read(0, 1)).view(size).clone()

    def matrix(
        self, name: str, parts: list[tuple[str, int]], inputs: int, width: Width
    ) -> Matrix | Joined:
        """As stored or brought to ``width``; parts in different formats stay apart."""
        del name
        return join([packed(self._checked(n, (rows, inputs)), 0, rows, width) for n, rows in parts])

    def experts(
        self, name: str, count: int, outputs: int, inputs: int, width: Width
    ) -> list[Matrix | Joined]:
        """One matrix an expert; gates and ups may lie in one stack or in two."""
        stored = gguf_name(name)
        names = [stored]
        if stored not in self.reader.tensors and "ffn_gate_up_exps" in stored:
            names = [stored.replace("gate_up", half) for half in ("gate", "up")]
        rows = outputs // len(names)
        stacks = [self._stored(n, (count, rows, inputs)) for n in names]
        return [join([packed(s, i * rows, rows, width) for s in stacks]) for i in range(count)]

    def table(self, name: str, rows: int, columns: int) -> BlockTable:
        """Left on disk as it is."""
        return BlockTable(self._checked(f"{name}.weight", (rows, columns)))

    def _checked(self, name: str, shape: tuple[int, ...]) -> StoredTensor:
        return self._stored(gguf_name(name), shape)

    def _stored(self, name: str, shape: tuple[int, ...]) -> StoredTensor:
        tensor = self.reader.tensors.get(name)
        if tensor is None:
            raise DamagedModel(self.subject, f"The tensor {name} is missing.", _COPY_AGAIN)
        if tensor.shape != shape:
            raise DamagedModel(
                str(tensor.path),
                f"The tensor {name} has the shape {list(tensor.shape)}, not {list(shape)}.",
                _COPY_AGAIN,
            )
        check(tensor)
        return tensor


def gguf_name(name: str) -> str:
    """What a GGUF file calls a tensor that ``transformers`` calls ``name``, prefix left off."""
    if found := _LAYER.fullmatch(name):
        return f"blk.{found[1]}.{_IN_LAYER.get(found[2], found[2])}"
    return _TOP.get(name, name)
