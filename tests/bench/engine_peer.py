"""llama.cpp's side of the engine benchmark: reads a prompt and writes after it. Run as a child.

``--peer-state FILE`` keeps what it has read: the first run reads, is timed and saves; later ones
load and only write. A file is for one model, prompt, cache and number of threads, which its name
gets.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import time
from pathlib import Path
from typing import Any

from tests.bench.common import own_memory, prompt_ids

# As ggml numbers them.
CACHE_TYPES = {"f16": 1, "q4_0": 2, "q8_0": 8}


def peer(options: argparse.Namespace) -> dict[str, Any]:
    """One run: tokens a second, peak memory."""
    from llama_cpp import Llama

    cache = CACHE_TYPES[options.peer_kv]
    model = Llama(
        options.peer,
        n_ctx=options.prompt + options.decode + 64,
        n_batch=512,
        n_ubatch=512,
        n_threads=options.threads,
        n_threads_batch=options.threads,
        type_k=cache,
        type_v=cache,
        flash_attn=True,
        swa_full=False,
        verbose=False,
    )
    prompt = prompt_ids(options.prompt, model.n_vocab())
    saved = state_file(options) if options.peer_state else None
    if saved and _note(saved).exists():
        seconds = _load(model, saved, prompt)
    else:
        model.eval(prompt[:64])
        model.reset()
        start = time.perf_counter()
        model.eval(prompt)
        seconds = time.perf_counter() - start
        if saved:
            _save(model, saved, prompt, seconds)
    start = time.perf_counter()
    for _ in range(options.decode):
        model.eval([prompt[-1]])
    end = time.perf_counter()
    return {
        "kv": options.peer_kv,
        "prefill_tokens_per_s": round(options.prompt / seconds, 2),
        "decode_tokens_per_s": round(options.decode / (end - start), 2),
        **own_memory(),
    }


def state_file(options: argparse.Namespace) -> Path:
    """Where a state lies: FILE with what it is for in its name."""
    name = f"{Path(options.peer).stem}-{options.prompt}-{options.peer_kv}-t{options.threads}"
    file = Path(options.peer_state)
    return file.with_name(f"{file.stem}-{name}{file.suffix}")


def _save(model: Any, file: Path, prompt: list[int], seconds: float) -> None:
    """llama.cpp's own state file, and beside it how long reading took."""
    import llama_cpp

    tokens = (ctypes.c_int32 * len(prompt))(*prompt)
    if not llama_cpp.llama_state_save_file(
        model.ctx, str(file).encode(), tokens, ctypes.c_size_t(len(prompt))
    ):
        raise SystemExit(f"{file}: llama.cpp could not save its state")
    _note(file).write_text(json.dumps({"prefill_seconds": seconds}))


def _load(model: Any, file: Path, prompt: list[int]) -> float:
    """Puts the state back; the seconds that reading took when it was saved."""
    import llama_cpp

    tokens, found = (ctypes.c_int32 * len(prompt))(), ctypes.c_size_t()
    loaded = llama_cpp.llama_state_load_file(
        model.ctx,
        str(file).encode(),
        tokens,
        ctypes.c_size_t(len(prompt)),
        ctypes.byref(found),
    )
    if not loaded or list(tokens) != prompt:
        raise SystemExit(f"{file}: not a state of this model and prompt; delete it")
    model.input_ids[: len(prompt)] = prompt
    model.n_tokens = len(prompt)
    seconds: float = json.loads(_note(file).read_text())["prefill_seconds"]
    return seconds


def _note(file: Path) -> Path:
    return file.with_name(file.name + ".json")
