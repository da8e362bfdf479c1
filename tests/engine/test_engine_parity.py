"""The decoder beside ``transformers`` on tiny random checkpoints: fp32 logits within 1e-4.

And against itself: whatever the chunks, the drafts and the threads, the bits are the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import VARIANTS, VOCABULARY, WINDOW, tiny_config, tiny_model, write_tiny
from transformers import (
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
)

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import read_config
from engine.decoder import Decoder
from engine.tensors import Widths, gather

TOLERANCE = 1e-4


class Opened:
    """A tiny model, opened by us and by the reference."""

    def __init__(self, folder: Path, reference: torch.nn.Module) -> None:
        self.reference = reference
        self.config = read_config(folder)
        self.decoder = Decoder(self.config, gather(self.config, Checkpoint(folder), Widths(32, 32)))

    def expected(self, ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.reference(input_ids=ids[None], use_cache=False).logits[0]

    def read(self, ids: torch.Tensor, *chunks: int) -> torch.Tensor:
        """Logits of all rows, read in chunks of these sizes (the rest in one)."""
        cache = KVCache(self.config, 128, 64, torch.float32)
        sizes = [*chunks, len(ids) - sum(chunks)]
        parts = ids.split([size for size in sizes if size])
        with torch.inference_mode():
            return torch.cat([self.decoder.forward(p, cache, keep=len(p)) for p in parts])


@pytest.fixture(scope="module", params=VARIANTS)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = tmp_path_factory.mktemp(request.param)
    return Opened(folder, write_tiny(folder, request.param))


def tokens(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("length", [1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 5 * WINDOW])
def test_logits_are_those_of_transformers(opened: Opened, length: int) -> None:
    ids = tokens(length)
    assert (opened.read(ids) - opened.expected(ids)).abs().max() < TOLERANCE


def test_one_by_one_and_in_chunks_gives_the_same_bits(opened: Opened) -> None:
    ids = tokens(45)
    whole = opened.read(ids)
    assert torch.equal(opened.read(ids, *[1] * 44), whole)
    assert torch.equal(opened.read(ids, 7, 1, WINDOW, WINDOW + 1, 2), whole)


def test_only_the_last_rows_are_asked_for(opened: Opened) -> None:
    ids = tokens(20)
    cache = KVCache(opened.config, 128, 64, torch.float32)
    with torch.inference_mode():
        assert opened.decoder.forward(ids[:9], cache, keep=0).shape == (0, VOCABULARY)
        last = opened.decoder.forward(ids[9:], cache, keep=2)
    assert torch.equal(last, opened.read(ids)[-2:])


def test_after_going_back_the_bits_are_the_same(opened: Opened) -> None:
    ids, wrong = tokens(30), tokens(6, seed=2)
    cache = KVCache(opened.config, 128, 64, torch.float32)
    with torch.inference_mode():
        opened.decoder.forward(ids[:24], cache, keep=0)
        opened.decoder.forward(wrong, cache, keep=0)
        cache.truncate(24)
        assert torch.equal(opened.decoder.forward(ids[24:], cache), opened.read(ids)[-1:])


def test_the_threads_do_not_matter(opened: Opened) -> None:
    from engine.native import kernels

    native = kernels()
    if native is None:
        pytest.skip("the kernels are not built")
    ids, before = tokens(33), native.threads
    try:
        native.threads = 1
        alone = opened.read(ids)
        native.threads = 3
        assert torch.equal(opened.read(ids), alone)
    finally:
        native.threads = before


def test_a_published_folder_with_towers(tmp_path: Path) -> None:
    """The decoder sits under ``model.language_model`` there, beside vision and audio towers."""
    text = tiny_config("e2b")
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}  # fmt: skip
    config = Gemma4Config(text_config=text, vision_config=vision, audio_config=None)
    torch.manual_seed(0)
    model = Gemma4ForConditionalGeneration(config).eval()
    model.model.language_model.load_state_dict(tiny_model("e2b").model.state_dict())
    model.save_pretrained(tmp_path)
    opened, ids = Opened(tmp_path, model), tokens(20)
    assert (opened.read(ids) - opened.expected(ids)).abs().max() < TOLERANCE


def test_a_unified_folder(tmp_path: Path) -> None:
    """The 12B has no towers; its model type is another."""
    text = tiny_config("12b").to_dict()
    text.pop("model_type")
    config = Gemma4UnifiedConfig(text_config=text)
    torch.manual_seed(0)
    model = Gemma4UnifiedForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path)
    opened, ids = Opened(tmp_path, model), tokens(20)
    assert (opened.read(ids) - opened.expected(ids)).abs().max() < TOLERANCE


def test_fused_layers_are_their_steps_to_the_bit(opened: Opened) -> None:
    if not any(opened.decoder._fused):
        pytest.skip("this model's layers are not fused")
    ids, fused = tokens(30), opened.decoder._fused
    expected = opened.read(ids, 11, 1)
    try:
        opened.decoder._fused = [None] * len(fused)
        assert torch.equal(opened.read(ids, 11, 1), expected)
    finally:
        opened.decoder._fused = fused
