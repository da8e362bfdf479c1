"""Running the vision tower: the modules of ``transformers``, layer by layer, in blocks of rows.

Does what ``Gemma4VisionModel.forward`` does for one image without padding. Of all patches there are
only hidden states, keys and values at a time; everything else is made for a block of rows and goes
with it. Norms, rotary positions and the gated activation are the decoder's, and attention is a
kernel of ours where there is one.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional

from engine.layers import gelu_multiply, norm_rope, rms_norm
from engine.media_config import PATCHES_AT_ONCE
from engine.native import LARGEST_FULL_HEAD, kernels, lend_threads

_GRAIN = 8  # positions and channels, as the kernel takes them

Turn = tuple[torch.Tensor, torch.Tensor]


def encode(tower: Any, patches: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Soft tokens fp32 [n / pool**2, hidden] of patches fp32 [n, patch * patch * 3], row by row.

    ``places`` int64 [n, 2] are columns and rows; the image is of whole soft tokens. ``tower`` is a
    ``Gemma4VisionModel`` with our products and norms in it (:mod:`engine.towers`).
    """
    config = tower.config
    padded = torch.zeros(1, PATCHES_AT_ONCE, dtype=torch.bool, device=patches.device)
    x = torch.empty(len(patches), config.hidden_size, device=patches.device)
    for rows in _blocks(len(patches)):
        some = patches[None, rows]
        x[rows] = tower.patch_embedder(some, places[None, rows], padded[:, : some.shape[1]])[0]
    turn = _turn(tower.encoder.rotary_emb, x, places)
    kept = _room(config, x)
    for layer in tower.encoder.layers[: config.num_hidden_layers]:
        _run(layer, x, turn, kept)
    return _pooled(tower, x, places)


def _room(config: Any, x: torch.Tensor) -> torch.Tensor:
    """For the keys and values of one layer: fp32 [2, kv heads, n rounded up, size]."""
    capacity = -(-len(x) // _GRAIN) * _GRAIN
    return x.new_empty(2, config.num_key_value_heads, capacity, config.head_dim)


def _run(layer: Any, x: torch.Tensor, turn: Turn, kept: torch.Tensor) -> None:
    """One layer, in place on x fp32 [n, hidden]; its keys and values go into ``kept``."""
    attention, before = layer.self_attn, layer.input_layernorm
    config = attention.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    size, count = attention.head_dim, len(x)
    keys, values = kept
    for rows in _blocks(count):
        given = before(x[rows])
        k = _normed(attention.k_proj(given), kv_heads, attention.k_norm, _some(turn, rows))
        v = _normed(attention.v_proj(given), kv_heads, attention.v_norm, None)
        for stored, new in ((keys, k), (values, v)):
            stored[:, rows] = new.view(-1, kv_heads, size).transpose(0, 1)
    for rows in _blocks(count):
        q = attention.q_proj(before(x[rows]))
        q = _normed(q, heads, attention.q_norm, _some(turn, rows))
        out = attention.o_proj(attend(q, keys, values, count, attention.scaling))
        x[rows] = _added(out, layer.post_attention_layernorm, x[rows])
        out = _fed_forward(layer.mlp, layer.pre_feedforward_layernorm(x[rows]))
        x[rows] = _added(out, layer.post_feedforward_layernorm, x[rows])


def attend(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, count: int, scale: float
) -> torch.Tensor:
    """softmax(scale * q K) V: fp32 [rows, heads * size] of q alike, all rows over all positions.

    keys and values fp32 [kv heads, capacity, size], of which the first ``count`` are seen; the
    capacity is a multiple of 8.
    """
    size = keys.shape[-1]
    native = kernels() if q.device.type == "cpu" else None
    if native and size % _GRAIN == 0 and size <= LARGEST_FULL_HEAD:
        return native.attend_all(q, keys, values, count, scale)
    with lend_threads():
        attended = functional.scaled_dot_product_attention(
            q.view(1, len(q), -1, size).transpose(1, 2),
            keys[None, :, :count],
            values[None, :, :count],
            scale=scale,
            enable_gqa=q.shape[1] > keys.shape[0] * size,
        )
    return attended.transpose(1, 2).reshape(q.shape)


def _some(turn: Turn, rows: slice) -> Turn:
    return turn[0][rows], turn[1][rows]


def _normed(x: torch.Tensor, heads: int, norm: Any, turn: Turn | None) -> torch.Tensor:
    """x [rows, heads * size]: each head normed, and turned in two parts. May work in place."""
    return norm_rope(x, heads, norm.weight, norm.epsilon, turn, parts=2)


def _added(x: torch.Tensor, norm: Any, residual: torch.Tensor) -> torch.Tensor:
    return rms_norm(x, norm.weight, norm.epsilon, residual)


def _fed_forward(mlp: Any, x: torch.Tensor) -> torch.Tensor:
    if mlp.config.hidden_activation != "gelu_pytorch_tanh":
        return mlp(x)  # type: ignore[no-any-return]
    return mlp.down_proj(gelu_multiply(mlp.gate_proj(x), mlp.up_proj(x)))  # type: ignore[no-any-return]


def _turn(rotary: Any, x: torch.Tensor, places: torch.Tensor) -> Turn:
    """(cosine, sine), each fp32 [n, size / 2]: half of a head turns by column, half by row."""
    # The module gives each half's angles twice, as two blocks.
    angles = (part.view(len(places), 2, 2, -1) for part in rotary(x[None], places[None]))
    cosine, sine = (part[:, :, 0].reshape(len(places), -1) for part in angles)
    return cosine, sine


def _pooled(tower: Any, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Means of ``pool`` x ``pool`` patches, scaled as the tower's pooler and its settings say."""
    pool = tower.config.pooling_kernel_size
    across, down = (int(n) // pool for n in places.amax(0) + 1)
    grid = x.view(down, pool, across, pool, -1)
    soft = grid.mean((1, 3)).view(down * across, -1) * tower.pooler.root_hidden_size
    if tower.config.standardize:
        soft = (soft - tower.std_bias) * tower.std_scale
    return soft  # type: ignore[no-any-return]


def _blocks(count: int) -> Iterator[slice]:
    step = PATCHES_AT_ONCE
    return (slice(first, min(first + step, count)) for first in range(0, count, step))
