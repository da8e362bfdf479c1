"""A large checkpoint of zeros that takes no room on the disk, for what depends on sizes only."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tiny import tiny_config
from transformers import Gemma3ForCausalLM


def write_zeros(folder: Path) -> None:
    """A model of 0.9 GB, of zeros that take no room on the disk."""
    config = tiny_config("gemma3")
    config.update({"vocab_size": 131_072, "hidden_size": 1024, "intermediate_size": 16_384})
    with torch.device("meta"):
        shapes = {n: list(t.shape) for n, t in Gemma3ForCausalLM(config).state_dict().items()}
    del shapes["lm_head.weight"]
    folder.mkdir()
    config.save_pretrained(folder)
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
