"""Writes a model of ``transformers`` as the GGUF file that llama.cpp's converter would write.

Names come from the ``gguf`` package's own table, not from the engine's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from transformers import PreTrainedModel

_NOT_STORED = ("embed_scale", "inv_freq", "lm_head")


def write_gguf(
    path: Path,
    model: PreTrainedModel,
    kind: Kind = Kind.F32,
    split_experts: bool = False,
    leave_out: str = "",
    settings: dict[str, int] | None = None,
) -> None:
    """Matrices in the number format ``kind``, all else in fp32.

    ``split_experts`` writes gates and ups of experts apart, ``leave_out`` names a tensor to drop.
    """
    config = model.config
    family = "gemma3" if "gemma3" in config.model_type else "gemma4"
    writer = gguf.GGUFWriter(path, family)
    _common(writer, config)
    if family == "gemma3":
        _gemma3(writer, config)
    else:
        _gemma4(writer, config, model)
    for key, value in (settings or {}).items():
        writer.add_uint32(key, value)
    _tokenizer(writer, config.vocab_size)
    for name, tensor in _tensors(model, family, split_experts):
        if name == leave_out:
            continue
        data = tensor.detach().float().numpy()
        if kind != Kind.F32 and tensor.ndim >= 2 and "ffn_gate_inp" not in name:
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def round_to(model: PreTrainedModel, kind: Kind) -> None:
    """Rounds a model's matrices to what the file holds, so that both are the same weights."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.ndim >= 2 and "router" not in name and kind != Kind.F32:
            raw = gguf.quants.quantize(value.detach().numpy(), kind)
            value.data = torch.from_numpy(gguf.quants.dequantize(raw, kind).copy())


def _common(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_sliding_window(config.sliding_window)
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    writer.add_rope_freq_base(1e6)


def _gemma3(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)


def _gemma4(writer: gguf.GGUFWriter, config: Any, model: PreTrainedModel) -> None:
    """Sizes that differ between layers are taken from the weights."""
    layers = list(model.model.layers)
    slides = [kind == "sliding_attention" for kind in config.layer_types]
    head_sizes = [layer.self_attn.q_norm.weight.numel() for layer in layers]
    local, full = head_sizes[slides.index(True)], head_sizes[slides.index(False)]
    shared = config.num_kv_shared_layers
    own = layers[: len(layers) - shared]
    heads = [
        layer.self_attn.k_proj.out_features // s for layer, s in zip(own, head_sizes, strict=False)
    ]
    heads += [heads[slides.index(s)] for s in slides[len(own) :]]
    writer.add_feed_forward_length([layer.mlp.gate_proj.out_features for layer in layers])
    writer.add_head_count_kv(heads)
    writer.add_key_length(full)
    writer.add_value_length(full)
    for key, value in {
        "attention.key_length_swa": local,
        "attention.value_length_swa": local,
        "attention.shared_kv_layers": shared,
        "embedding_length_per_layer_input": config.hidden_size_per_layer_input,
        "rope.dimension_count": full,
        "rope.dimension_count_swa": local,
    }.items():
        writer.add_uint32(f"gemma4.{key}", value)
    writer.add_array("gemma4.attention.sliding_window_pattern", slides)
    writer.add_float32("gemma4.rope.freq_base_swa", 1e4)
    if config.enable_moe_block:
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.top_k_experts)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    half = full // 2
    live = int(config.rope_parameters["full_attention"]["partial_rotary_factor"] * half)
    factors = np.array([1.0] * live + [1e30] * (half - live), dtype=np.float32)
    writer.add_tensor("rope_freqs.weight", factors)


def _tokenizer(writer: gguf.GGUFWriter, count: int) -> None:
    """Specials, bytes, then letters and words, as many as the model has embeddings."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<end_of_turn>"]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    words = ["th", "the", "▁the", "an", "and", "▁and", "▁a", "  ", "\n"]
    tokens += [*"▁abcdefghijklmnopqrstuvwxyz", *words]
    tokens += [f"filler{i}" for i in range(count - len(tokens))]
    normal, control, byte, unknown = 1, 3, 6, 2
    kinds = [control] * 3 + [unknown, control] + [byte] * 256 + [normal] * (count - 261)
    kinds[tokens.index("\n")] = 4
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(count)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template("{{ bos_token }}{{ messages[0]['content'] }}")


def _tensors(
    model: PreTrainedModel, family: str, split_experts: bool
) -> list[tuple[str, torch.Tensor]]:
    arch = gguf.MODEL_ARCH.GEMMA3 if family == "gemma3" else gguf.MODEL_ARCH.GEMMA4
    table = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    # The converter names these two itself.
    renamed = {"router.scale": "ffn_gate_inp.scale", "per_expert_scale": "ffn_down_exps.scale"}
    found = []
    for full, value in model.state_dict().items():
        if any(part in full for part in _NOT_STORED):
            continue
        own = next((to for end, to in renamed.items() if full.endswith(end)), None)
        if own is None:
            stored = table.get_name(full.removesuffix(".weight"))
            assert stored is not None, full
            name = f"{stored}.weight"
        else:
            name = f"blk.{full.split('.')[2]}.{own}"
        if family == "gemma3" and "norm" in full:
            value = value + 1
        if split_experts and "ffn_gate_up_exps" in name:
            gates, ups = value.chunk(2, dim=1)
            found.append((name.replace("gate_up", "gate"), gates.contiguous()))
            found.append((name.replace("gate_up", "up"), ups.contiguous()))
        else:
            found.append((name, value))
    return found
