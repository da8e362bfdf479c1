"""What a coded cache costs in quality, on real weights: KL divergence and agreement of the next
token.

``python -m tests.bench.kv_quality [--text FILE …] [--tokens 3072] [--only k3v3 …] [--json]``. The
exact cache is fp32, and so are the weights. Every codec attends the first 1,024 tokens of a text
exactly; what follows is measured. ``q8_0`` and ``q4_0`` are the formats of llama.cpp,
``turboquant`` is TurboQuant alone (``kv_codecs`` has them all, and what else may be named).
``bits`` counts the bytes set aside
for each number stored. Two texts are measured unless ``--text`` names others, and the means given;
the last line is one JSON object, with each text's figures under ``texts``.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from engine.cache import KVCache
from engine.decoder import Decoder
from engine.gguf_file import gguf_tokenizer
from engine.kv_measure import Tally, log_probabilities
from engine.widths import LEARN
from tests.bench.common import parser_for
from tests.bench.kv_codecs import NAMES, codec, make_cache
from tests.bench.perplexity import LICENCES, gemma3_270m, open_decoder

CHUNK = 128
TEXTS = {
    "GPL-3 + MPL-2.0": LICENCES,
    "GFDL-1.3": (LICENCES[0].with_name("GFDL-1.3"),),
}


@torch.inference_mode()
def measure(decoder: Decoder, ids: list[int], names: list[str]) -> dict[str, dict[str, float]]:
    """Each codec's figures over the tokens after the 1,024th. One read of the text for all: what
    the exact cache gives is computed once a chunk and not kept."""
    exact = KVCache(decoder.config, len(ids), CHUNK, torch.float32)
    made = {name: make_cache(decoder.config, name, len(ids), CHUNK) for name in names}
    tallies = {name: Tally() for name in made}
    for first in range(0, len(ids), CHUNK):
        part = torch.tensor(ids[first : first + CHUNK])
        keep = len(part) if first >= LEARN else 0
        expected = log_probabilities(decoder.forward(part, exact, keep))
        for name, (cache, _) in made.items():
            given = decoder.forward(part, cache, keep)
            if keep:
                tallies[name].add(expected, given)
            del given
    return {name: figures(tallies[name], bits) for name, (_, bits) in made.items()}


def figures(tally: Tally, bits: float) -> dict[str, float]:
    """KLD, agreement in per cent, bits."""
    return {"kld": round(tally.kld, 5), "top1": round(tally.top1, 2), "bits": round(bits, 3)}


def means(texts: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean of each figure over the texts."""
    first = next(iter(texts.values()))
    return {
        name: {
            figure: round(sum(text[name][figure] for text in texts.values()) / len(texts), 5)
            for figure in first[name]
        }
        for name in first
    }


def main() -> None:
    """Prints a table for each text and the means, and a JSON object last."""
    parser = parser_for("kv_quality", __doc__ or "")
    parser.add_argument("--text", type=Path, nargs="+", help="files, read as one text")
    parser.add_argument("--tokens", type=int, default=3072, help="of each text")
    parser.add_argument("--model", type=Path, help="a GGUF file; default Gemma 3 270M")
    parser.add_argument("--only", nargs="+", default=NAMES, type=codec, metavar="CODEC")
    options = parser.parse_args()
    if options.tokens <= LEARN:
        parser.error(f"the first {LEARN:,} tokens are not measured: ask for more than that")
    files = TEXTS
    if options.text:
        files = {" + ".join(path.name for path in options.text): tuple(options.text)}
    texts: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or gemma3_270m(Path(folder))
        tokenizer = gguf_tokenizer(path)
        given = {name: _read(tokenizer, paths, options.tokens) for name, paths in files.items()}
        decoder = open_decoder(path, 32)
        for name, ids in given.items():
            texts[name] = measure(decoder, ids, options.only)
            _show(f"{name}, {len(ids):,} tokens", texts[name])
    found = means(texts)
    if len(texts) > 1:
        _show("mean", found)
    print(json.dumps({**found, "texts": texts}))


def _read(tokenizer: Any, paths: tuple[Path, ...], tokens: int) -> list[int]:
    """The first tokens of files; says so where there are fewer."""
    names = ", ".join(path.name for path in paths)
    try:
        text = "".join(path.read_text(encoding="utf-8") for path in paths)
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"{names}: The text cannot be read: {error}") from None
    ids: list[int] = tokenizer.encode(text).ids[:tokens]
    if len(ids) <= LEARN:
        raise SystemExit(
            f"{names}: The text has {len(ids):,} tokens. The first {LEARN:,} are not measured: "
            "give a longer text."
        )
    if len(ids) < tokens:
        print(f"{names}: The text has {len(ids):,} tokens, not {tokens:,}; all are measured.")
    return ids


def _show(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"{title}\n{'codec':18} {'KLD':>9} {'top-1':>7} {'bits':>6}")
    for name, row in rows.items():
        print(f"{name:18} {row['kld']:9.5f} {row['top1']:6.2f}% {row['bits']:6.3f}")
    print(flush=True)


if __name__ == "__main__":
    main()
