"""The coded cache: what it stores, what it costs, and that chunks never matter."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kv_rows import ALL_BITS, HEADS, KV_HEADS, LAYER, SIZE, numbers, read
from tiny import TWO_GLOBAL, tiny_config

from engine.cache import ExactLayer, KVCache
from engine.codec import POSITIVE_LEVELS, levels, signs
from engine.coded_cache import CodedLayer
from engine.config import FULL, LayerConfig, parse_config
from engine.native import Encoding, Form, kernels
from engine.sizes import cache_bytes
from engine.widths import LEARN, KVBits
from tests.bench.shapes import shape_config, unit_norms

pytestmark = pytest.mark.skipif(kernels() is None, reason="the kernels are not built")


def test_the_levels_are_those_of_lloyd_and_max() -> None:
    """Each level is the mean of the Gaussian between the middles to its neighbours."""
    normal = torch.distributions.Normal(0, 1)
    for bits, positive in POSITIVE_LEVELS.items():
        assert len(positive) == 2 ** (bits - 1)
        edges = [0.0, *(sum(pair) / 2 for pair in pairwise(positive)), 9.0]
        for level, low, high in zip(positive, edges, edges[1:], strict=False):
            a, b = torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)
            density = (normal.log_prob(a).exp() - normal.log_prob(b).exp()).item()
            assert level == pytest.approx(
                density / (normal.cdf(b) - normal.cdf(a)).item(), abs=3e-4
            )
        assert set(levels(bits).tolist()) == {s * v for v in levels(bits).tolist() for s in (1, -1)}


def test_rotation_comes_back() -> None:
    native = kernels()
    assert native is not None
    x = torch.randn(5, 256)
    turned = x.clone()
    native.rotate(turned, signs(256))
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-5)
    assert not torch.allclose(turned, x, atol=0.1)
    native.rotate(turned, signs(256), back=True)
    assert torch.allclose(turned, x, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    bits=st.sampled_from([2, 3, 4, 8]),
    size=st.sampled_from([16, 32, 64, 256, 512]),
    tiles=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_codes_are_packed_where_they_are_read(bits: int, size: int, tiles: int, seed: int) -> None:
    """Coded by the kernel, unpacked here: the nearest level of each number, at the true length."""
    native = kernels()
    assert native is not None
    generator = torch.Generator().manual_seed(seed)
    count = tiles * 16
    keys, values = torch.randn(2, count, size, generator=generator).bfloat16().float()
    layer = ExactLayer(LayerConfig(0, FULL, size, 1, 0, None, False, 0), count, torch.float32)
    layer.append(keys, values, 0)
    rows = [torch.zeros(count * size * bits // 8 + 64, dtype=torch.uint8) for _ in range(2)]
    scales = [torch.zeros(count, dtype=torch.float16) for _ in range(2)]
    ones, zeros, table = torch.ones(size), torch.zeros(size), levels(bits)
    native.encode(
        Encoding(
            exact_kind=32, head_size=size, tiles=tiles,
            exact_keys=layer.keys.data_ptr(), exact_values=layer.values.data_ptr(),
            key_form=Form(
                size=size, mean=zeros.data_ptr(), weight=ones.data_ptr(), signs=ones.data_ptr()
            ),
            value_form=Form(size=size, signs=ones.data_ptr()),
            key_kind=bits, value_kind=bits,
            key_levels=table.data_ptr(), value_levels=table.data_ptr(),
            keys=rows[0].data_ptr(), values=rows[1].data_ptr(),
            key_scales=scales[0].data_ptr(), value_scales=scales[1].data_ptr(),
        )
    )  # fmt: skip
    turned, turned_values = keys.clone(), values.clone()
    native.rotate(turned, ones)
    native.rotate(turned_values, ones)
    for expected, row, scale, transposed in (
        (turned, rows[0], scales[0], True),
        (turned_values, rows[1], scales[1], False),
    ):
        code = unpack(row, bits, count * size // 16)
        if transposed:
            code = code.view(tiles, size, 16).transpose(1, 2).reshape(count, size)
        else:
            code = code.view(tiles, size // 16, 16, 16).transpose(1, 2).reshape(count, size)
        if bits == 8:
            found = code.to(torch.int8).float() * scale.float().unsqueeze(-1)
            step = expected.abs().amax(-1, keepdim=True) / 127
            assert ((found - expected).abs() <= 0.51 * step + 1e-6).all()
            continue
        level = table[code.long()]
        unit = expected / expected.norm(dim=-1, keepdim=True) * size**0.5
        nearest = (unit.unsqueeze(-1) - table.unique()).abs().amin(-1)
        assert torch.allclose((unit - level).abs(), nearest, atol=1e-4)
        length = (level * scale.float().unsqueeze(-1)).norm(dim=-1)
        assert torch.allclose(length, expected.norm(dim=-1), rtol=2e-3)


def unpack(rows: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Codes uint8 [count rows, 16] from packed rows."""
    if bits == 8:
        return rows[: count * 16].view(count, 16)
    halves = rows[: count * 2 * bits].view(count * 2, bits).long()
    word = sum(halves[:, i] << (8 * i) for i in range(bits))
    assert isinstance(word, torch.Tensor)
    codes = [(word >> (bits * i)) & ((1 << bits) - 1) for i in range(8)]
    return torch.stack(codes, -1).view(count, 16).to(torch.uint8)


@pytest.mark.parametrize("bits", ALL_BITS, ids=lambda bits: bits.name)
def test_chunks_do_not_matter(bits: KVBits) -> None:
    whole = read(CodedLayer(LAYER, 2300, 512, bits), 2300, [512] * 5)
    parts = [100, 1, 255, 512, 300, 7, *[1] * 20, *[64] * 40]
    assert torch.equal(read(CodedLayer(LAYER, 2300, 512, bits), 2300, parts), whole)


def test_more_bits_are_nearer() -> None:
    exact = read(ExactLayer(LAYER, 2000, torch.float32), 2000, [512] * 4)
    errors = []
    for bits in ALL_BITS:
        found = read(CodedLayer(LAYER, 2000, 512, bits), 2000, [512] * 4)
        assert torch.allclose(found[:LEARN], exact[:LEARN], atol=0.05), "exact until known"
        errors.append(float((found - exact)[LEARN:].norm() / exact[LEARN:].norm()))
    assert errors == sorted(errors)
    assert errors[0] < 0.02 and errors[-1] < 0.5


def test_going_back_and_on_gives_the_same() -> None:
    """As after every draft that did not stand, also across the end of what gives the statistics."""
    count = 2000
    q, keys, values = numbers(count)
    straight = read(CodedLayer(LAYER, count, 256, KVBits(3, 3)), count, [256] * 8)
    layer = CodedLayer(LAYER, count, 256, KVBits(3, 3))
    wrong = torch.randn(8, KV_HEADS * SIZE)
    found = []
    for first in range(0, count, 51):
        last = min(first + 51, count)
        rows = min(8, layer.places - last)
        layer.append(
            torch.cat([keys[first:last], wrong[:rows]]),
            torch.cat([values[first:last], wrong[:rows]]),
            first,
        )
        high = torch.arange(first, last + rows) + 1
        asked = torch.cat([q[first:last], torch.ones(rows, HEADS * SIZE)])
        found.append(
            layer.attend(asked, HEADS, torch.zeros_like(high), high, 0.125)[: last - first]
        )
        assert layer.remembers(last)
    assert torch.equal(torch.cat(found), straight)


def test_what_is_gone_is_not_remembered() -> None:
    layer = CodedLayer(LAYER, 4000, 256, KVBits(3, 3))
    read(layer, 3000, [256] * 12)
    assert layer.remembers(3000) and layer.remembers(2990)
    assert not layer.remembers(1500) and not layer.remembers(3001)


@pytest.mark.parametrize("bits", [KVBits(3, 3), KVBits(4, 3), KVBits(8, 8)], ids=lambda b: b.name)
@pytest.mark.parametrize("context", [512, 1500, 5000])
def test_the_planned_bytes_are_those_set_aside(bits: KVBits, context: int) -> None:
    config = parse_config({**tiny_config("31b").to_dict(), "global_head_dim": 32})
    chunk, norms = min(512, context), unit_norms(config)
    cache = KVCache(config, context, chunk, torch.bfloat16, None, bits, norms)
    assert cache.nbytes == cache_bytes(config, context, 2, bits)


@pytest.mark.parametrize("name", ["k3v3+k4v3@9", "k8v8+k2v2@4", "k3v2+k4v4@4+k2v3@9"])
@pytest.mark.parametrize("context", [512, 1500, 5000])
def test_layers_have_their_own_widths(name: str, context: int) -> None:
    config, bits = parse_config(tiny_config("e2b", **TWO_GLOBAL).to_dict()), KVBits.parse(name)
    chunk, norms = min(512, context), unit_norms(config)
    cache = KVCache(config, context, chunk, torch.bfloat16, None, bits, norms)
    assert cache.nbytes == cache_bytes(config, context, 2, bits)
    for index in (4, 9):
        layer = cache.layers[index]
        assert isinstance(layer, CodedLayer)
        alone = CodedLayer(config.layers[index], context, min(512, context), bits.at(index))
        assert (layer.bits, layer.nbytes) == (bits.at(index), alone.nbytes)
    for wrong in (3, 14, 99):  # sliding, sharing, none
        strange = KVBits(3, 3, ((wrong, KVBits(4, 4)),))
        with pytest.raises(ValueError, match=str(wrong)):
            KVCache(config, context, 256, bits=strange)
        with pytest.raises(ValueError, match=str(wrong)):
            cache_bytes(config, context, 2, strange)


def test_three_bits_take_little_more_than_three() -> None:
    config = shape_config("e2b")
    whole = next(layer for layer in config.layers if layer.window is None)
    layer = CodedLayer(whole, 131_072, 512, KVBits(3, 3))
    stored = 2 * whole.kv_heads * whole.head_size * 131_072
    assert 8 * layer.coded_nbytes / stored <= 3.25


def test_a_cache_that_ends_where_coding_begins_stays_exact() -> None:
    layer = CodedLayer(LAYER, LEARN, 512, KVBits(3, 3))
    exact = read(ExactLayer(LAYER, LEARN, torch.float32), LEARN, [512] * 2)
    assert torch.allclose(read(layer, LEARN, [512] * 2), exact, atol=0.05)
    assert layer.coded_nbytes == 0
