"""Times the engine on a published shape with synthetic packed weights, beside llama.cpp if asked.

``python -m tests.bench.engine --shape e2b --prompt 2048 --decode 64 --json`` times ours; with
``--peer MODEL.gguf`` each run is paired with one of llama.cpp (llama-cpp-python), ``--peer-kv``
names its cache and ``--peer-state`` spares it reading again. ``--kv 3,3`` codes our keys and values
of global layers, ``--beside-exact`` pairs that with our own bf16 cache. Each side runs in a process
of its own, in turn, with the same number of threads. The last line is one JSON object with medians,
and medians of the pairs' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from tests.bench.common import kv_bits, own_memory, prompt_ids
from tests.bench.engine_peer import CACHE_TYPES, peer


def main() -> None:
    """Parses the command line, runs the sides in turn and prints what they gave."""
    options = _parser().parse_args()
    if options.beside_exact and not options.kv:
        raise SystemExit("--beside-exact compares a coded cache: say which with --kv")
    if options.side:
        print(json.dumps(peer(options) if options.side == "peer" else _ours(options)))
        return
    sides = ["peer"] * bool(options.peer) + ["exact"] * options.beside_exact + ["ours"]
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(options.runs):
        for side in sides:
            runs[side].append(_child(side))
        if not options.json:
            print(json.dumps({side: runs[side][-1] for side in sides}), flush=True)
    result = {**runs["ours"][-1], **_medians(runs["ours"])}
    for side in sides[:-1]:
        result[side] = {**runs[side][-1], **_medians(runs[side])}
        name = {"peer": "", "exact": "kv_"}[side]
        for step in ("prefill", "decode"):
            result[f"{name}{step}_ratio"] = _ratio(runs["ours"], runs[side], step)
    print(json.dumps(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--shape", default="e2b")
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help="a GGUF file for llama.cpp")
    parser.add_argument(
        "--peer-kv", choices=CACHE_TYPES, default="f16", help="llama.cpp's keys and values"
    )
    parser.add_argument(
        "--peer-state",
        metavar="FILE",
        help="llama.cpp reads once and keeps what it read there; its reading speed stays that one",
    )
    parser.add_argument("--drafts", action="store_true", help="verify drafts that are all accepted")
    parser.add_argument(
        "--kv", type=kv_bits, metavar="K,V", help="bits of keys and values on global layers: 3,3"
    )
    parser.add_argument("--beside-exact", action="store_true", help="our own bf16 cache in turn")
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--side", choices=("ours", "exact", "peer"), help=argparse.SUPPRESS)
    return parser


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    names = [name for name in runs[0] if name.endswith("_per_s")]
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in names}


def _ratio(ours: list[dict[str, Any]], others: list[dict[str, Any]], step: str) -> float:
    """The median of the pairs' ratios of tokens a second."""
    name = f"{step}_tokens_per_s"
    return round(statistics.median(a[name] / b[name] for a, b in zip(ours, others, strict=True)), 3)


def _child(side: str) -> dict[str, Any]:
    """One run of one side, in a process of its own: spinning threads of two slow both."""
    command = [sys.executable, "-m", "tests.bench.engine", *sys.argv[1:], "--side", side]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _ours(options: argparse.Namespace) -> dict[str, Any]:
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    from engine.cache import KVCache
    from engine.decoder import Decoder
    from engine.native import claim_threads, kernels
    from engine.tensors import matrices
    from tests.bench.shapes import shape_config, synthetic

    torch.set_num_threads(options.threads)
    claim_threads()
    torch.manual_seed(0)
    config = shape_config(options.shape)
    weights = synthetic(config)
    decoder = Decoder(config, weights)
    bits = options.kv if options.side == "ours" else None
    context = options.prompt + options.decode * 4 + 64
    cache = KVCache(config, context, options.chunk, bits=bits, key_norms=decoder.key_norms)
    prompt = torch.tensor(prompt_ids(options.prompt, config.vocabulary))
    with torch.inference_mode():
        decoder.forward(prompt[:64], cache)
        cache.clear()
        start = time.perf_counter()
        for first in range(0, options.prompt, options.chunk):
            part = prompt[first : first + options.chunk]
            last = first + len(part) == options.prompt
            logits = decoder.forward(part, cache, keep=1 if last else 0)
        read = time.perf_counter()
        written = 0
        while written < options.decode:
            rows = min(8, options.decode - written) if options.drafts else 1
            ids = torch.full((rows,), int(logits[-1].argmax()))
            logits = decoder.forward(ids, cache, keep=rows)
            written += rows
        end = time.perf_counter()
    moved = sum(m.nbytes for m in matrices(weights))
    if config.experts:
        for layer in weights.layers:
            assert layer.experts is not None
            idle = config.experts - config.active_experts
            moved -= idle * (layer.experts.gate_up[0].nbytes + layer.experts.down[0].nbytes)
    native = kernels()
    return {
        "shape": options.shape,
        "prompt": options.prompt,
        "kernels": native.name if native else "none",
        "prefill_tokens_per_s": round(options.prompt / (read - start), 2),
        "decode_tokens_per_s": round(written / (end - read), 2),
        "weights_gb": round(moved / 1e9, 3),
        "weights_gb_per_s": round(moved / 1e9 * options.decode / (end - read), 2),
        "kv": bits.name if bits else "bf16",
        "cache_mb": round(cache.nbytes / (1 << 20), 1),
        **own_memory(),
    }


if __name__ == "__main__":
    main()
