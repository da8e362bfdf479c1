"""The memory of long contexts, on a published shape with synthetic weights.

``python -m tests.bench.kv_memory --shape e2b --tokens 131072 [--kv 3,3] [--json]`` reads so many
random tokens. ``peak_mib`` is the most anonymous memory of the process while it reads; ``rest_mib``
is what is left of it without weights and cache: Python, torch and the workspace of reading. Weights
are anonymous here, where a packed model maps them from its file; the per-layer table is mapped here
too and not counted.

``--begun N`` begins as if N tokens had been read: the cache is filled with random codes, and the
rest of the tokens is read after them. What reading takes of memory at the end of a long context is
seen so without reading all of it. ``write_ms`` are the milliseconds of a step of writing there.

``--allocate`` reads nothing: it makes the cache of a shape for so many tokens, writes to all of it
and counts what that took, as its tensors say and as the kernel does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from engine.cache import KVCache
from engine.config import ModelConfig
from engine.decoder import Decoder
from engine.native import claim_threads
from engine.tensors import matrices
from engine.widths import KVBits
from tests.bench.common import Watch, kv_bits, parser_for, prompt_ids, report, status_bytes
from tests.bench.shapes import SHAPES, shape_config, synthetic, unit_norms

MIB = 1 << 20


class AnonymousWatch(Watch):
    """Notes the most anonymous memory that this process holds; ``peak`` in bytes."""

    def __init__(self, seconds: float = 0.02) -> None:
        super().__init__(self._note, seconds)
        self.peak = anonymous()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._note()

    def _note(self) -> None:
        self.peak = max(self.peak, anonymous())


def anonymous() -> int:
    """Bytes of this process that no file lies behind."""
    return status_bytes("RssAnon")["RssAnon"]


def read(config: ModelConfig, options: argparse.Namespace, bits: KVBits | None) -> dict[str, Any]:
    """Reads the tokens and says what that took."""
    started_with = anonymous()
    weights = synthetic(config)
    weight_bytes = sum(matrix.nbytes for matrix in matrices(weights))
    decoder = Decoder(config, weights)
    norms = decoder.key_norms
    cache = KVCache(config, options.tokens, options.chunk, bits=bits, key_norms=norms)
    if options.begun:
        as_if_read(cache, options.begun)
    left = options.tokens - options.begun - options.write
    given = torch.tensor(prompt_ids(left, config.vocabulary))
    start = time.perf_counter()
    with AnonymousWatch() as watch, torch.inference_mode():
        for part in given.split(options.chunk):
            last = cache.length + len(part) == options.begun + left
            decoder.forward(part, cache, keep=1 if last else 0)
            if cache.length % (16 * options.chunk) == 0:
                seconds = time.perf_counter() - start
                print(f"{cache.length:,} tokens in {seconds:,.0f} s", flush=True)
    seconds = time.perf_counter() - start
    steps = [time.perf_counter()]
    with torch.inference_mode():
        for _ in range(options.write):
            decoder.forward(given[:1], cache)
            steps.append(time.perf_counter())
    return {
        "begun": options.begun,
        "write_ms": round(1000 * statistics.median(b - a for a, b in pairwise(steps)), 1)
        if options.write
        else None,
        "seconds": round(seconds, 1),
        "tokens_per_s": round(left / seconds, 1),
        "peak_mib": watch.peak // MIB,
        "weights_mib": weight_bytes // MIB,
        "cache_mib": round(cache.nbytes / MIB, 1),
        "rest_mib": (watch.peak - weight_bytes - cache.nbytes) // MIB,
        "of_it_before_loading_mib": started_with // MIB,
    }


def as_if_read(cache: KVCache, position: int) -> None:
    """Fills a cache as if so many tokens had been read."""
    cache.stand(position)
    views = [*cache.history(0, position).items(), *cache.tail(position).items()]
    for name, view in views:
        if view.dtype == torch.uint8:
            view.random_(0, 256)
        else:
            # Scales and statistics of one; exact keys and values as random as the codes.
            own = name.endswith("scales") or view.dtype == torch.float32
            view.copy_(torch.ones(()) if own else torch.randn(view.shape))


def allocate(
    config: ModelConfig, options: argparse.Namespace, bits: KVBits | None
) -> dict[str, Any]:
    """Makes the cache and writes to all of it."""
    before = anonymous()
    norms = unit_norms(config)
    cache = KVCache(config, options.tokens, options.chunk, bits=bits, key_norms=norms)
    for part in tensors_of(cache):
        part.view(torch.uint8).fill_(1)
    taken = anonymous() - before
    wide = [layer for layer in config.layers if layer.owns_kv and layer.window is None]
    # Keys and values, as many as an exact cache holds.
    numbers = 2 * options.tokens * sum(layer.kv_heads * layer.head_size for layer in wide)
    held = sum(sum(map(_nbytes, tensors_of(cache.layers[layer.index]))) for layer in wide)
    return {
        "taken_mib": round(taken / MIB, 1),
        "cache_says_mib": round(cache.nbytes / MIB, 1),
        "sliding_layers_mib": round((sum(map(_nbytes, tensors_of(cache))) - held) / MIB, 1),
        "global_layers_gib": round(held / (1 << 30), 4),
        "global_layers_bits_per_number": round(8 * held / numbers, 3),
        "times_smaller_than_bf16": round(2 * numbers / held, 2),
    }


def tensors_of(thing: object) -> Iterator[torch.Tensor]:
    """Every tensor that an object holds, in attributes, lists and dictionaries."""
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from tensors_of(part)
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from tensors_of(part)
    elif hasattr(thing, "__dict__") and type(thing).__module__.startswith("engine."):
        yield from tensors_of(vars(thing))


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.nbytes


def main() -> None:
    """Reads or allocates, and prints what that took."""
    parser = parser_for("kv_memory", __doc__ or "")
    parser.add_argument("--shape", default="e2b", choices=SHAPES)
    parser.add_argument("--tokens", type=int, default=131_072)
    parser.add_argument(
        "--kv", type=kv_bits, metavar="K,V", help="bits of keys and values on global layers: 3,3"
    )
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--begun", type=int, default=0, metavar="N", help="as if N were read")
    parser.add_argument("--write", type=int, default=0, help="steps of writing at the end")
    parser.add_argument("--allocate", action="store_true", help="make the cache, read nothing")
    options = parser.parse_args()
    claim_threads()
    config = shape_config(options.shape)
    result = {
        "shape": options.shape,
        "tokens": options.tokens,
        "kv": options.kv.name if options.kv else "bf16",
        **(allocate if options.allocate else read)(config, options, options.kv),
    }
    report("kv_memory", result, options.json)


if __name__ == "__main__":
    main()
