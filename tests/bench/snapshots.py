"""Reading a document once: how long it takes to come back, and what it takes on disk.

``python -m tests.bench.snapshots --shape e2b --tokens 32768 [--kv 3,3] [--json]`` reads so many
random tokens on a published shape with synthetic weights and keeps them; then a fresh cache is
given the same document with a question. ``first_token_s`` is from there to the first token, with
the file warm; ``read_s`` what reading took. ``same_bits`` says whether the logits are those of the
cache that has read it all itself.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from engine.cache import KVCache
from engine.decoder import Decoder
from engine.native import claim_threads
from engine.options import Keep, Options, PromptRead, SnapshotPlace, Written
from engine.session import Session
from engine.snapshots import Snapshots
from tests.bench.common import kv_bits, parser_for, prompt_ids, report
from tests.bench.shapes import SHAPES, shape_config, synthetic

CHUNK = 512
OPTIONS = Options(max_tokens=4, lookup=False, keep=Keep("document"))


class Watched(Session):
    """Keeps the first logits."""

    first: torch.Tensor | None = None

    def _run(self, keep: int, *inputs: Any) -> torch.Tensor:
        logits = super()._run(keep, *inputs)
        if keep and self.first is None:
            self.first = logits
        return logits


def ask(session: Watched, prompt: list[int], kept: int) -> tuple[float, PromptRead, list[int]]:
    """Seconds to the first token, how much was restored, and the tokens written."""
    session.first, read, tokens, seconds = None, None, [], 0.0
    start = time.perf_counter()
    for event in session.generate(prompt, OPTIONS, kept):
        if isinstance(event, PromptRead):
            read = event
        elif isinstance(event, Written):
            seconds = seconds or time.perf_counter() - start
            tokens += event.tokens
    assert read is not None
    return seconds, read, tokens


def main() -> None:
    """Parses the command line and prints the figures."""
    parser = parser_for("snapshots", __doc__ or "")
    parser.add_argument("--shape", choices=SHAPES, default="e2b")
    parser.add_argument("--tokens", type=int, default=32_768)
    parser.add_argument("--question", type=int, default=24, help="tokens of the question")
    parser.add_argument("--kv", type=kv_bits, default="3,3", help="bits of keys and values")
    options = parser.parse_args()
    claim_threads()
    torch.manual_seed(0)
    config = shape_config(options.shape)
    decoder = Decoder(config, synthetic(config))
    ids = prompt_ids(options.tokens + 2 * options.question, config.vocabulary)
    document, rest = ids[: options.tokens], ids[options.tokens :]
    one, other = rest[: options.question], rest[options.question :]
    with tempfile.TemporaryDirectory() as folder:

        def session() -> Watched:
            context = options.tokens + options.question + 64
            norms = decoder.key_norms
            cache = KVCache(config, context, CHUNK, bits=options.kv, key_norms=norms)
            place = SnapshotPlace(folder, bytes(32))
            return Watched(decoder, cache, None, snapshots=Snapshots(place, "synthetic", cache))

        reader = session()
        read_s, _, _ = ask(reader, document + one, options.tokens)
        _, _, expected = ask(reader, document + other, options.tokens)
        seconds, same, restored = [], True, 0
        for _ in range(3):
            fresh = session()
            took, read, tokens = ask(fresh, document + other, options.tokens)
            assert reader.first is not None and fresh.first is not None
            same = same and tokens == expected and torch.equal(reader.first, fresh.first)
            restored = read.restored
            seconds.append(took)
        nbytes = sum(path.stat().st_size for path in Path(folder).iterdir())
    result: dict[str, Any] = {
        "shape": options.shape,
        "tokens": options.tokens,
        "kv": options.kv.name,
        "read_s": round(read_s, 1),
        "restored_tokens": restored,
        "first_token_s": round(sorted(seconds)[1], 2),
        "times_faster": round(read_s / sorted(seconds)[1], 1),
        "same_bits": same,
        "disk_mib": round(nbytes / (1 << 20), 1),
        "disk_bytes_per_token": round(nbytes / options.tokens),
    }
    report("snapshots", result, options.json)


if __name__ == "__main__":
    main()
