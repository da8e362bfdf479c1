"""What a coded cache costs in quality, on real weights: KL divergence and agreement of the next
token.

``python -m tests.bench.kv_quality [--text FILE …] [--tokens 3072] [--model GGUF] [--json]``. The
exact cache is fp32; each codec is the cache that ships. Tokens before the 1,025th are attended
exactly by all. ``q8_0`` and ``q4_0`` round as llama.cpp does, ``turboquant`` is the same coding
without centring and weighting. ``bits`` counts the bytes set aside for each number stored. Weights
are fp32.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from torch.nn import functional

from engine import coded_cache
from engine.cache import ExactLayer, KVCache
from engine.codec import KeyStatistics
from engine.config import LayerConfig
from engine.decoder import Decoder
from engine.gguf_file import gguf_tokenizer
from engine.widths import LEARN, KVBits
from tests.bench.common import parser_for
from tests.bench.perplexity import gemma3_270m, licence_text, open_decoder

CHUNK = 256


class Rounded(ExactLayer):
    """A layer whose keys and values are rounded in blocks of 32 on their way in, as llama.cpp
    does."""

    def __init__(self, layer: LayerConfig, capacity: int, bits: int) -> None:
        super().__init__(layer, capacity, torch.float32)
        self._bits = bits

    def append(self, keys: torch.Tensor, values: torch.Tensor, first: int) -> None:
        if first >= LEARN:
            keys, values = self._rounded(keys), self._rounded(values)
        super().append(keys, values, first)

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        blocks = x.reshape(-1, 32)
        if self._bits == 8:
            scale = blocks.abs().amax(-1, keepdim=True) / 127
            return (torch.round(blocks / scale) * scale).view(x.shape)
        top = blocks.gather(1, blocks.abs().argmax(-1, keepdim=True)) / -8
        return (torch.round(blocks / top).clamp(-8, 7) * top).view(x.shape)


class Plain(coded_cache.CodedLayer):
    """Coded without statistics."""

    def _settle(self) -> None:
        super()._settle()
        zero = torch.zeros(self.kv_heads, self.size)
        self._statistics = KeyStatistics(zero, torch.ones_like(zero))


def caches(decoder: Decoder, tokens: int) -> dict[str, tuple[KVCache, float]]:
    """Every codec's cache and its bits for each number stored."""
    config = decoder.config
    found: dict[str, tuple[KVCache, float]] = {}

    def fresh() -> KVCache:
        return KVCache(config, tokens, CHUNK, torch.float32)

    def with_layers(make: object) -> KVCache:
        cache = fresh()
        for layer in config.layers:
            if layer.owns_kv and layer.window is None:
                cache.layers[layer.index] = make(layer)  # type: ignore[operator]
        return cache

    found["q8_0"] = with_layers(lambda layer: Rounded(layer, tokens, 8)), 8.5
    found["q4_0"] = with_layers(lambda layer: Rounded(layer, tokens, 4)), 4.5
    for name, kind, bits in [
        ("turboquant_k4v4", Plain, KVBits(4, 4)),
        ("turboquant_k3v3", Plain, KVBits(3, 3)),
        ("k8v8", coded_cache.CodedLayer, KVBits(8, 8)),
        ("k4v4", coded_cache.CodedLayer, KVBits(4, 4)),
        ("k4v3", coded_cache.CodedLayer, KVBits(4, 3)),
        ("k3v3", coded_cache.CodedLayer, KVBits(3, 3)),
        ("k2v2", coded_cache.CodedLayer, KVBits(2, 2)),
    ]:
        cache = with_layers(lambda layer, k=kind, b=bits: k(layer, tokens, CHUNK, b))
        coded = [c for c in cache.layers.values() if isinstance(c, coded_cache.CodedLayer)]
        numbers = sum(2 * c.kv_heads * c.size * (-(-tokens // 256) * 256) for c in coded)
        found[name] = cache, 8 * sum(c.coded_nbytes for c in coded) / numbers
    return found


@torch.inference_mode()
def measure(decoder: Decoder, ids: list[int], only: list[str]) -> dict[str, dict[str, float]]:
    """KLD and top-1 agreement of each codec with the exact cache, over the tokens after the
    1,024th."""
    exact = KVCache(decoder.config, len(ids), CHUNK, torch.float32)
    others = {n: c for n, c in caches(decoder, len(ids)).items() if not only or n in only}
    divergence = dict.fromkeys(others, 0.0)
    agreement = dict.fromkeys(others, 0)
    counted = 0
    for first in range(0, len(ids), CHUNK):
        part = torch.tensor(ids[first : first + CHUNK])
        wanted = first >= LEARN
        keep = len(part) if wanted else 0
        expected = decoder.forward(part, exact, keep).log_softmax(-1)
        counted += len(expected)
        for name, (cache, _) in others.items():
            got = decoder.forward(part, cache, keep).log_softmax(-1)
            if wanted:
                kld = functional.kl_div(got, expected, log_target=True, reduction="none").sum(-1)
                divergence[name] += float(kld.sum())
                agreement[name] += int((got.argmax(-1) == expected.argmax(-1)).sum())
    return {
        name: {
            "kld": round(divergence[name] / counted, 5),
            "top1": round(100 * agreement[name] / counted, 2),
            "bits": round(bits, 3),
        }
        for name, (_, bits) in others.items()
    }


def main() -> None:
    """Prints a table, and a JSON object last."""
    parser = parser_for(__name__, __doc__)
    parser.add_argument("--text", type=Path, nargs="+", help="default: GPL-3 and MPL-2.0")
    parser.add_argument("--tokens", type=int, default=3072)
    parser.add_argument("--model", type=Path, help="a GGUF file; default Gemma 3 270M")
    parser.add_argument("--only", nargs="+", default=[], help="some codecs")
    options = parser.parse_args()
    texts = [path.read_text(encoding="utf-8") for path in options.text or []]
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or gemma3_270m(Path(folder))
        decoder = open_decoder(path, 32)
        ids = gguf_tokenizer(path).encode("".join(texts) or licence_text()).ids[: options.tokens]
        found = measure(decoder, ids, options.only)
    if not options.json:
        print(f"{'codec':18} {'KLD':>9} {'top-1':>7} {'bits':>6}")
        for name, row in found.items():
            print(f"{name:18} {row['kld']:9.5f} {row['top1']:6.2f}% {row['bits']:6.3f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
