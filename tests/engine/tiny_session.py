"""Tiny models in this process, and random texts for them: what tests of sessions share."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny import VOCABULARY, write_tiny

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import ModelConfig, read_config
from engine.decoder import Decoder
from engine.tensors import Widths, gather
from engine.widths import KVBits


class TinyModel:
    """A tiny model of a variant, written to a folder and opened in some widths."""

    def __init__(self, folder: Path, variant: str, widths: Widths) -> None:
        write_tiny(folder, variant)
        self.config: ModelConfig = read_config(folder)
        self.decoder = Decoder(self.config, gather(self.config, Checkpoint(folder), widths))

    def cache(self, context: int, chunk: int, bits: KVBits | None = None) -> KVCache:
        """A fresh one, in bf16 or coded."""
        norms = self.decoder.key_norms
        return KVCache(self.config, context, chunk, torch.bfloat16, None, bits, norms)


def random_ids(length: int, seed: int = 3) -> list[int]:
    """The same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()
