"""Packed matrices and the kernels beside plain arithmetic, for every instruction set of the
machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import native
from engine.cache import ExactLayer, TorchLayer
from engine.config import FULL, SLIDING, LayerConfig
from engine.layers import gelu_multiply, norm_rope, rms_norm, softcap
from engine.matrix import Joined, Matrix, Table, Width, join
from engine.packing import pack, pack_table
from engine.vision import attend

SETS = ("avx512", "avx2", "generic", "none")


@pytest.fixture(params=SETS)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One instruction set in use, or none; skipped where the processor lacks it."""
    monkeypatch.setenv("MUNIMENT_KERNELS", request.param)
    native.kernels.cache_clear()
    found = native.kernels()
    if (found.name if found else "none") != request.param:
        native.kernels.cache_clear()
        pytest.skip(f"{request.param} is not to be had here")
    yield request.param
    monkeypatch.undo()
    native.kernels.cache_clear()
    # The library is one a process: the best set goes back into use.
    native.kernels()


def rounded(x: torch.Tensor) -> torch.Tensor:
    """x as the integer kernels see it: int8 in groups of 32."""
    groups = x.view(x.shape[0], -1, 32)
    scale = groups.abs().amax(-1, keepdim=True) / 127
    q = torch.where(scale == 0, 0.0, groups / scale).round()
    return (q * scale).view_as(x)


@pytest.mark.parametrize("width", [4, 8, 16, 32])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 8, 9, 24, 130])
@pytest.mark.parametrize("outputs", [200, 224])
def test_products_are_those_of_the_unpacked_weights(
    kernels: str, width: Width, rows: int, outputs: int
) -> None:
    torch.manual_seed(0)
    matrix = pack(torch.randn(outputs, 1088), width)
    x = torch.randn(rows, 1088)
    seen = rounded(x) if width < 16 and kernels != "none" else x
    expected = seen.double() @ matrix.dense().double().T
    assert torch.allclose(matrix(x).double(), expected, atol=2e-4, rtol=1e-4)


def test_four_bits_with_minima(kernels: str) -> None:
    torch.manual_seed(0)
    plain = pack(torch.randn(48, 256), 4)
    assert plain.scales is not None
    minima = torch.randn_like(plain.scales.float()).half()
    matrix = Matrix(4, 48, 256, plain.data, plain.scales, minima)
    for rows in (1, 3, 6):
        x = torch.randn(rows, 256)
        seen = rounded(x) if kernels != "none" else x
        expected = seen.double() @ matrix.dense().double().T
        assert torch.allclose(matrix(x).double(), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_a_row_does_not_depend_on_its_neighbours(kernels: str, width: Width) -> None:
    if kernels == "none":
        pytest.skip("torch's own products do not promise it")
    torch.manual_seed(0)
    matrix, x = pack(torch.randn(96, 352), width), torch.randn(141, 352)
    whole = matrix(x)
    for size in (1, 2, 3, 5, 8, 31, 129):
        parts = torch.cat([matrix(part.contiguous()) for part in x.split(size)])
        assert torch.equal(parts, whole)


@pytest.mark.usefixtures("kernels")
def test_extreme_inputs() -> None:
    matrix = pack(torch.full((16, 64), -1.0), 4)
    for x in (torch.zeros(2, 64), torch.full((2, 64), 1e30), torch.full((2, 64), 1e-30)):
        assert torch.allclose(matrix(x), x @ matrix.dense().T, rtol=1e-2)


@settings(max_examples=40, deadline=None)
@given(
    outputs=st.integers(1, 70),
    groups=st.integers(1, 5),
    width=st.sampled_from([4, 8, 16, 32]),
    seed=st.integers(0, 1000),
)
def test_packing_comes_back_within_its_step(
    outputs: int, groups: int, width: Width, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, groups * 32, generator=generator)
    matrix = pack(weight, width)
    largest = weight.view(outputs, groups, 32).abs().amax(-1, keepdim=True)
    step = {4: 1 / 8 * 1.3, 8: 0.51 / 127, 16: 2**-8, 32: 0}[width] * largest
    error = (matrix.dense() - weight).view(outputs, groups, 32).abs()
    assert (error <= step + 1e-3 * step + 1e-7).all()
    where = torch.arange(outputs - 1, -1, -1)
    assert torch.equal(matrix.rows(where), matrix.dense()[where])
    if outputs > 32:
        assert torch.equal(matrix.part(16, 32).dense(), matrix.dense()[16:32])


def test_a_better_scale_than_the_largest_is_found() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 256)
    groups = weight.view(-1, 32)
    largest = groups.gather(1, groups.abs().argmax(1, keepdim=True)) / -8
    plain = ((groups / largest).round().clamp(-8, 7) * largest - groups).square().mean()
    ours = (pack(weight, 4).dense() - weight).square().mean()
    assert ours < 0.95 * plain


def test_inputs_that_are_no_multiple_of_a_group_stay_in_bf16() -> None:
    assert pack(torch.randn(16, 40), 4).width == 16


@pytest.mark.usefixtures("kernels")
def test_joined_matrices() -> None:
    torch.manual_seed(0)
    a, b, c = (pack(torch.randn(n, 64), w) for n, w in ((32, 4), (16, 4), (7, 8)))
    x = torch.randn(3, 64)
    one, several = join([a, b]), join([a, b, c])
    assert isinstance(one, Matrix) and isinstance(several, Joined)
    assert torch.allclose(one(x), torch.cat([a(x), b(x)], -1), atol=1e-5)
    assert torch.equal(several(x), torch.cat([a(x), b(x), c(x)], -1))


def test_tables_look_up_columns() -> None:
    weight = torch.randn(50, 96)
    where = torch.tensor([7, 0, 49])
    exact, packed = Table(weight), pack_table(weight)
    assert torch.equal(exact.rows(where, 32, 96), weight[where, 32:])
    assert torch.allclose(packed.rows(where, 32, 96), weight[where, 32:], atol=0.03)


@pytest.mark.usefixtures("kernels")
def test_small_parts() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(37, 100) * 3, torch.rand(100)
    expected = torch.nn.functional.rms_norm(x, (100,), weight, 1e-6)
    assert torch.allclose(rms_norm(x, weight, 1e-6), expected, atol=1e-5)
    both = rms_norm(x, weight, 1e-6, residual=x, factor=0.5)
    assert torch.allclose(both, (expected + x) / 2, atol=1e-5)
    gate, up = torch.randn(5, 38).chunk(2, -1)
    expected = torch.nn.functional.gelu(gate, approximate="tanh") * up
    assert torch.allclose(gelu_multiply(gate, up), expected, atol=1e-6)
    assert torch.allclose(softcap(x.clone(), 30.0), torch.tanh(x / 30) * 30, atol=1e-5)
    huge = torch.tensor([[-1e30, 1e30, 0.0]])
    assert torch.equal(softcap(huge, 30.0), torch.tensor([[-30.0, 30.0, 0.0]]))
    heads = torch.randn(3, 2 * 32)
    angles = torch.randn(3, 16)
    normed = torch.nn.functional.rms_norm(heads.view(3, 2, 32), (32,), None, 1e-6)
    a, b = normed.chunk(2, -1)
    c, s = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
    expected = torch.cat([a * c - b * s, b * c + a * s], -1).view(3, -1)
    turn = angles.cos(), angles.sin()
    turned = norm_rope(heads.clone(), 2, None, 1e-6, turn)
    assert torch.allclose(turned, expected, atol=1e-5)
    # Each half of a head by itself is two heads of half the size with half of the angles.
    in_parts = norm_rope(heads.clone(), 2, None, 1e-6, turn, parts=2).view(3, 2, 2, 16)
    for part, columns in enumerate((slice(0, 8), slice(8, 16))):
        c, s = (angle[:, None, columns] for angle in turn)
        a, b = normed[..., part * 16 : part * 16 + 16].chunk(2, -1)
        expected = torch.cat([a * c - b * s, b * c + a * s], -1)
        assert torch.allclose(in_parts[:, :, part], expected, atol=1e-5)


def layer(window: int | None, kv_heads: int = 2, size: int = 32) -> LayerConfig:
    return LayerConfig(0, SLIDING if window else FULL, size, kv_heads, 0, window, False, 0)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 700),
    rows=st.integers(1, 40),
    group=st.integers(1, 5),
    window=st.sampled_from([None, 8, 300]),
    seed=st.integers(0, 1000),
)
def test_attention_is_softmax_of_products(
    length: int, rows: int, group: int, window: int | None, seed: int
) -> None:
    if native.kernels() is None:
        pytest.skip("the kernels are not built")
    rows = min(rows, length)
    generator = torch.Generator().manual_seed(seed)
    shape = layer(window)
    keys, values = (torch.randn(length, 64, generator=generator) for _ in range(2))
    q = torch.randn(rows, 64 * group, generator=generator)
    ours = ExactLayer(shape, length, torch.float32)
    plain = TorchLayer(shape, length, torch.float32, torch.device("cpu"))
    for cache in (ours, plain):
        cache.append(keys, values, 0)
    high = torch.arange(length - rows, length) + 1
    low = torch.zeros_like(high) if window is None else (high - window).clamp(min=0)
    found, expected = (c.attend(q, 2 * group, low, high, 0.3) for c in (ours, plain))
    assert torch.allclose(found, expected, atol=1e-5)
    for i in (0, rows - 1):
        alone = ours.attend(q[i : i + 1], 2 * group, low[i : i + 1], high[i : i + 1], 0.3)
        assert torch.equal(alone, found[i : i + 1])


@pytest.mark.parametrize(
    ("rows", "count", "heads", "kv_heads", "size"),
    [(1, 1, 1, 1, 8), (45, 203, 4, 2, 72), (130, 64, 2, 2, 64), (7, 500, 3, 3, 128)],
)
def test_attention_of_all_to_all(
    kernels: str, rows: int, count: int, heads: int, kv_heads: int, size: int
) -> None:
    torch.manual_seed(0)
    capacity = -(-count // 8) * 8
    # What lies behind the last position counts for nothing.
    keys, values = torch.full((2, kv_heads, capacity, size), float("nan"))
    keys[:, :count], values[:, :count] = torch.randn(2, kv_heads, count, size)
    keys[:, 0] *= 20
    q = torch.randn(rows, heads * size)
    found = attend(q, keys, values, count, 0.7)
    k, v = (
        part[:, :count].repeat_interleave(heads // kv_heads, 0).double() for part in (keys, values)
    )
    scores = q.view(rows, heads, size).transpose(0, 1).double() @ k.transpose(1, 2) * 0.7
    expected = (scores.softmax(-1) @ v).transpose(0, 1).reshape(rows, -1)
    assert torch.allclose(found.double(), expected, atol=1e-4)
    if kernels != "none":
        alone = attend(q[rows // 2 : rows // 2 + 1], keys, values, count, 0.7)
        assert torch.equal(alone, found[rows // 2 : rows // 2 + 1])


def test_a_sliding_layer_forgets_and_still_agrees() -> None:
    torch.manual_seed(0)
    shape = layer(300)
    keys, values, q = torch.randn(1500, 64), torch.randn(1500, 64), torch.randn(1500, 64)
    whole = TorchLayer(layer(None), 1500, torch.float32, torch.device("cpu"))
    whole.append(keys, values, 0)
    for kind in (ExactLayer, TorchLayer):
        extra = (torch.device("cpu"),) if kind is TorchLayer else ()
        if kind is ExactLayer and native.kernels() is None:
            continue
        cache = kind(shape, 300 + 100 + 256, torch.float32, *extra)
        for first in range(0, 1500, 100):
            part = slice(first, first + 100)
            cache.append(keys[part], values[part], first)
            high = torch.arange(first, first + 100) + 1
            low = (high - 300).clamp(min=0)
            expected = whole.attend(q[part], 2, low, high, 1.0)
            assert torch.allclose(cache.attend(q[part], 2, low, high, 1.0), expected, atol=1e-5)
        assert cache.remembers(1500) and not cache.remembers(900)
