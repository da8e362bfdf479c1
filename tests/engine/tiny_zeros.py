"""A large checkpoint of zeros that takes no room on the disk, for what depends on sizes only."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny import tiny_config
from transformers import Gemma3ForCausalLM

from tests.zeros import write_zero_tensors


def write_zeros(folder: Path) -> None:
    """A model of 0.9 GB, of zeros that take no room on the disk."""
    config = tiny_config("gemma3")
    config.update({"vocab_size": 131_072, "hidden_size": 1024, "intermediate_size": 16_384})
    with torch.device("meta"):
        shapes = {n: list(t.shape) for n, t in Gemma3ForCausalLM(config).state_dict().items()}
    del shapes["lm_head.weight"]
    folder.mkdir()
    config.save_pretrained(folder)
    write_zero_tensors(folder / "model.safetensors", shapes)
