"""Tiny random checkpoints that see and hear, in the files a published model has.

Every variant: E2B and E4B with vision and audio tower, 26B-A4B and 31B with vision tower, the
encoder-free 12B. Written by ``transformers``, which is also the reference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tiny import tiny_config
from tiny_text import SPECIAL, gemma_tokenizer
from transformers import (
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
    PreTrainedModel,
)

SEEING = ("e2b", "e4b", "12b", "26b", "31b")
HEARING = ("e2b", "e4b", "12b")
# After the text model's own 500; in the order in which the tokenizer gets them.
MARKS = ("<|image>", "<|image|>", "<image|>", "<|audio>", "<|audio|>", "<audio|>")
TEXT, PADDED = 500, 512
_CONTROL = {name: TEXT + i for i, name in enumerate(MARKS)}
IDS = {
    "boi_token_id": _CONTROL["<|image>"],
    "image_token_id": _CONTROL["<|image|>"],
    "eoi_token_id": _CONTROL["<image|>"],
    "boa_token_id": _CONTROL["<|audio>"],
    "audio_token_id": _CONTROL["<|audio|>"],
    "eoa_token_index": _CONTROL["<audio|>"],
    "video_token_id": PADDED - 1,
}
_VISION = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "position_embedding_size": 3400,
}
_AUDIO = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "output_proj_dims": 96,
}
# Shaped like the template of Gemma 4, in fewer words.
TEMPLATE = """\
{{ bos_token }}
{%- for turn in messages -%}
    {{- '<|turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\\n' -}}
    {%- if turn['content'] is string -%}
        {{- turn['content'] | trim -}}
    {%- else -%}
        {%- for part in turn['content'] -%}
            {%- if part['type'] == 'text' -%}
                {{- part['text'] | trim -}}
            {%- elif part['type'] == 'image' -%}
                {{- '<|image|>' -}}
            {%- elif part['type'] == 'audio' -%}
                {{- '<|audio|>' -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}
"""


def seeing_config(variant: str) -> Any:
    """The shrunken configuration of a variant with all that it sees and hears with."""
    text = tiny_config(variant).to_dict()
    text.update(vocab_size=PADDED, vocab_size_per_layer_input=PADDED)
    if variant in ("12b", "26b", "31b"):
        text["use_bidirectional_attention"] = "vision"
    if variant == "12b":
        text.pop("model_type")
        vision = {"mm_embed_dim": 96, "output_proj_dims": 96}
        return Gemma4UnifiedConfig(text_config=text, vision_config=vision, audio_config={}, **IDS)
    large = {"use_clipped_linears": False, "standardize": True}
    small = {"use_clipped_linears": True, "standardize": False}
    vision = _VISION | (large if variant in ("26b", "31b") else small)
    audio = _AUDIO if variant in HEARING else None
    return Gemma4Config(text_config=text, vision_config=vision, audio_config=audio, **IDS)


def seeing_model(variant: str, seed: int = 0) -> PreTrainedModel:
    """A random model whose every weight matters, fp32."""
    torch.manual_seed(seed)
    unified = variant == "12b"
    kind: Any = Gemma4UnifiedForConditionalGeneration if unified else Gemma4ForConditionalGeneration
    model: PreTrainedModel = kind(seeing_config(variant)).eval()
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        last = name.rpartition(".")[2]
        if last in ("input_min", "output_min"):
            value.data.fill_(-2.0)
        elif last in ("input_max", "output_max"):
            value.data.fill_(2.0)
        elif any(part in name for part in ("embed_scale", "inv_", "softcap", "timescales")):
            continue
        elif "norm" in name or "scal" in name or "_ln" in name:
            value.data = torch.rand_like(value) * 0.5 + (0.0 if last == "bias" else 0.75)
        elif value.ndim >= 2:
            value.data.normal_(0, 0.15)
        else:
            value.data.normal_(0, 0.1)
    return model


def write_seeing(folder: Path, variant: str, seed: int = 0) -> PreTrainedModel:
    """Writes configuration, weights, tokenizer, template and processor; gives the model."""
    model = seeing_model(variant, seed)
    model.save_pretrained(folder, max_shard_size="200KB")
    tokenizer = gemma_tokenizer(TEXT - 10)
    tokenizer.add_tokens([f"<unused{i}>" for i in range(TEXT - tokenizer.get_vocab_size())])
    assert tokenizer.get_vocab_size() == TEXT
    tokenizer.add_special_tokens(list(MARKS))
    assert {name: tokenizer.token_to_id(name) for name in MARKS} == _CONTROL
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(SPECIAL), encoding="utf-8")
    features = {"feature_extractor_type": "Gemma4AudioFeatureExtractor", "sampling_rate": 16_000}
    processor = {
        "image_processor": {"max_soft_tokens": 70, "patch_size": 16, "pooling_kernel_size": 3},
        "feature_extractor": features,
        "audio_seq_length": 750,
        "audio_ms_per_token": 40,
    }
    (folder / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return model
