"""What the coded cache is compared with rounds as it says, and the page shows what is measured."""

from __future__ import annotations

import json
import re
import runpy
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize

from engine.widths import KVBits
from tests.bench.common import kv_bits
from tests.bench.kv_codecs import (
    block_rounded,
    codec,
    hadamard,
    make_cache,
    rotated_rounded,
    turboquant,
)
from tests.bench.kv_quality import Tally, figures, means
from tests.bench.shapes import shape_config

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.parametrize(("bits", "kind"), [(4, Kind.Q4_0), (8, Kind.Q8_0)])
def test_blocks_are_rounded_as_ggml_does(bits: int, kind: Kind) -> None:
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(bits))
    x[0] = 0
    expected = torch.from_numpy(dequantize(quantize(x.numpy(), kind), kind))
    assert torch.allclose(block_rounded(x, bits), expected, atol=1e-6)


def test_rotations_undo_themselves() -> None:
    x = torch.randn(8, 256, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(x @ hadamard(256) @ hadamard(256), x, atol=1e-5)
    error = (rotated_rounded(x, 8, 64) - x).norm() / x.norm()
    assert error < 0.01


def test_turboquant_keeps_lengths_and_errs_as_its_levels_do() -> None:
    x = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    for bits, distortion in ((3, 0.0345), (4, 0.0095)):
        got = turboquant(x, bits)
        assert torch.allclose(got.norm(dim=-1), x.norm(dim=-1), rtol=2e-3)
        assert ((got - x).square().sum() / x.square().sum()).item() == pytest.approx(
            distortion, rel=0.05
        )


def test_a_tally_is_the_divergence() -> None:
    exact = torch.randn(5, 100).log_softmax(-1)
    given = torch.randn(5, 100)
    tally = Tally()
    tally.add(exact, given)
    wanted = (exact.exp() * (exact - given.log_softmax(-1))).sum(-1).mean()
    assert figures(tally, 3.0)["kld"] == pytest.approx(float(wanted), abs=1e-4)
    same = Tally()
    same.add(exact, exact.clone())
    assert figures(same, 3.0) == {"kld": pytest.approx(0, abs=1e-5), "top1": 100.0, "bits": 3.0}


def test_codecs_may_name_layers() -> None:
    config = shape_config("e2b")
    for name, bits in (("k3v3+k4v3@14", 3 + 1 / 6), ("k4v3@9", 3.5)):
        cache, found = make_cache(config, codec(name), 2048, 256)
        assert found == pytest.approx(bits, abs=0.05)
        assert len(cache.coded) == (1 if name == "k4v3@9" else 3)
        assert set(cache.layers) == {layer.index for layer in config.layers if layer.owns_kv}
    for wrong in ("k5v3", "k3v3@", "k3v3+k4v3@4@9", "q5_0"):
        with pytest.raises(ArgumentTypeError):
            codec(wrong)
    with pytest.raises(SystemExit, match="4, 9, 14"):
        make_cache(config, "k3v3@5", 2048, 256)


def test_widths_on_a_command_line() -> None:
    assert kv_bits("4,3") == KVBits(4, 3)
    assert kv_bits("k3v3+k4v4@14") == KVBits(3, 3, ((14, KVBits(4, 4)),))
    for wrong in ("5,3", "3", "3,3,3", "k3v3+k4v4"):
        with pytest.raises(ArgumentTypeError, match=re.escape(repr(wrong))):
            kv_bits(wrong)


def test_means_are_over_texts() -> None:
    texts = {"a": {"k3v3": {"kld": 0.01}}, "b": {"k3v3": {"kld": 0.03}}}
    assert means(texts) == {"k3v3": {"kld": 0.02}}


def test_the_page_and_its_plot_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    made = runpy.run_path(str(DOCS / "make_kv.py"), run_name="docs")
    kept = json.loads(made["FIGURES"].read_text(encoding="utf-8"))
    page = made["PAGE"].read_text(encoding="utf-8")
    assert made["page"](page, kept) == page, "run `python docs/make_kv.py`"
    assert made["plot"](kept["quality"]) == made["PICTURE"].read_text(encoding="utf-8")
    sys.modules.pop("plot_kv", None)
