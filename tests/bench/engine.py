"""Times the engine on a published shape with synthetic packed weights, beside llama.cpp if asked.

``python -m tests.bench.engine --shape e2b --prompt 2048 --decode 64 --json`` times ours; with
``--peer MODEL.gguf`` each run is paired with one of llama.cpp (llama-cpp-python) in a process of
its own, alternating, both with the same number of threads. The last line is one JSON object with
medians.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from typing import Any


def main() -> None:
    """Parses the command line, runs the pairs and prints what they gave."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--shape", default="e2b")
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help="a GGUF file for llama.cpp")
    parser.add_argument("--drafts", action="store_true", help="verify drafts that are all accepted")
    parser.add_argument("--kv", metavar="K,V", help="bits of keys and values on global layers: 3,3")
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(_ours(options) if options.side == "ours" else _peer(options)))
        return
    ours, peer = [], []
    for _ in range(options.runs):
        if options.peer:
            peer.append(_child("peer"))
        ours.append(_child("ours"))
        if not options.json:
            print(
                json.dumps({"ours": ours[-1], **({"peer": peer[-1]} if peer else {})}), flush=True
            )
    result = {**ours[-1], **_medians(ours)}
    if peer:
        result["peer"] = _medians(peer)
        for name in ("prefill", "decode"):
            pairs = zip(ours, peer, strict=True)
            ratios = [a[f"{name}_tokens_per_s"] / b[f"{name}_tokens_per_s"] for a, b in pairs]
            result[f"{name}_ratio"] = round(statistics.median(ratios), 2)
    print(json.dumps(result))


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    names = [name for name in runs[0] if name.endswith("_per_s")]
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in names}


def _child(side: str) -> dict[str, Any]:
    """One run of one side, in a process of its own: spinning threads of two slow both."""
    command = [sys.executable, "-m", "tests.bench.engine", *sys.argv[1:], "--side", side]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _prompt(length: int, vocabulary: int) -> list[int]:
    return random.Random(0).choices(range(1000, min(200_000, vocabulary)), k=length)


def _ours(options: argparse.Namespace) -> dict[str, Any]:
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    from engine.cache import KVCache
    from engine.decoder import Decoder
    from engine.native import claim_threads, kernels
    from engine.tensors import matrices
    from engine.widths import KVBits
    from tests.bench.shapes import shape_config, synthetic

    torch.set_num_threads(options.threads)
    claim_threads()
    torch.manual_seed(0)
    config = shape_config(options.shape)
    weights = synthetic(config)
    decoder = Decoder(config, weights)
    bits = KVBits(*map(int, options.kv.split(","))) if options.kv else None  # type: ignore[arg-type]
    context = options.prompt + options.decode * 4 + 64
    cache = KVCache(config, context, options.chunk, bits=bits)
    prompt = torch.tensor(_prompt(options.prompt, config.vocabulary))
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
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _peer(options: argparse.Namespace) -> dict[str, Any]:
    from llama_cpp import Llama

    model = Llama(
        options.peer,
        n_ctx=options.prompt + options.decode + 64,
        n_batch=512,
        n_ubatch=512,
        n_threads=options.threads,
        n_threads_batch=options.threads,
        flash_attn=True,
        swa_full=False,
        verbose=False,
    )
    prompt = _prompt(options.prompt, model.n_vocab())
    model.eval(prompt[:64])
    model.reset()
    start = time.perf_counter()
    model.eval(prompt)
    read = time.perf_counter()
    for _ in range(options.decode):
        model.eval([prompt[-1]])
    end = time.perf_counter()
    return {
        "prefill_tokens_per_s": round(options.prompt / (read - start), 2),
        "decode_tokens_per_s": round(options.decode / (end - read), 2),
    }


if __name__ == "__main__":
    main()
