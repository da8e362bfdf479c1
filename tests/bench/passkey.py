"""Pass-key retrieval on real weights: is a number found again in a long text, with the exact cache
and with the coded one?

``python -m tests.bench.passkey [--lengths 4096 8192 16384 30720] [--kv 3,3] [--trials 5] [--json]``
hides "The pass key is 56148. Remember it. 56148 is the pass key." in licences, at depths spread
evenly over the trials, and lets Gemma 3 270M (the base model, so no chat) complete "What is the
pass key? The pass key is". Right is a greedy answer that begins with the five digits. The line of
a length counts answers after that question and a space, which is a token of its own and is
followed by digits; ``in_words`` counts them without the space, where the model may also go on in
words ("is the key that …"), which says more of its style than of what it remembers. Both caches
read the same prompts, of exactly the length, in chunks of 512; weights are packed in 4 bits.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from engine.cache import KVCache
from engine.decoder import Decoder
from engine.gguf_file import gguf_tokenizer
from engine.widths import KVBits
from tests.bench.common import kv_bits, parser_for, report
from tests.bench.perplexity import LICENCES, gemma3_270m, open_decoder

CHUNK = 512
NEEDLE = "\n\nThe pass key is {key}. Remember it. {key} is the pass key.\n\n"
QUESTION = "\n\nWhat is the pass key? The pass key is"
# With the space first: the shorter question is the beginning of the longer.
QUESTIONS = {"digits": QUESTION + " ", "in_words": QUESTION}
# A space and five digits, a token each, and one more to see that the number ends.
ANSWER = 7
FILLER = (
    "GPL-3", "MPL-2.0", "GFDL-1.3", "Apache-2.0", "LGPL-2.1", "MPL-1.1", "Artistic", "GPL-2",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A text, and the five digits hidden in it at a depth from 0 to 1."""

    text: list[int]
    key: str
    depth: float


class Prompts:
    """Makes trials of given lengths."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        folder = LICENCES[0].parent
        text = "\n\n".join((folder / name).read_text(encoding="utf-8") for name in FILLER)
        self._filler = self._ids(text)
        self._begin = tokenizer.encode("").ids
        self.questions = {name: self._ids(question) for name, question in QUESTIONS.items()}

    def trial(self, length: int, number: int, trials: int) -> Trial:
        """One of a length's trials: another key, another depth, and a text that begins elsewhere.

        Raises SystemExit for a length that the filler does not fill.
        """
        chance = random.Random(f"{length} {number}")
        key = str(chance.randrange(10_000, 100_000))
        needle = self._ids(NEEDLE.format(key=key))
        question = max(map(len, self.questions.values()))
        room = length - len(self._begin) - len(needle) - question
        if not 0 <= room <= len(self._filler):
            least = length - room
            raise SystemExit(
                f"a prompt of {length:,} tokens; from {least:,} to "
                f"{least + len(self._filler):,} are possible"
            )
        first = chance.randrange(len(self._filler))
        turned = self._filler[first:] + self._filler[:first]
        depth = (number + 0.5) / trials
        cut = int(room * depth)
        text = self._begin + turned[:cut] + needle + turned[cut:room]
        return Trial(text, key, depth)

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found


@torch.inference_mode()
def answer(decoder: Decoder, cache: KVCache, text: list[int], question: list[int]) -> list[int]:
    """The tokens that follow greedily; the text is read again only if the cache has lost it."""
    if cache.length and cache.can_return_to(len(text)):
        cache.truncate(len(text))
    else:
        cache.clear()
        for part in torch.tensor(text).split(CHUNK):
            decoder.forward(part, cache, keep=0)
    given = question
    written: list[int] = []
    while len(written) < ANSWER:
        written.append(int(decoder.forward(torch.tensor(given), cache).argmax()))
        given = written[-1:]
    return written


def is_right(text: str, key: str) -> bool:
    """Whether the answer begins with the five digits, and no sixth."""
    return re.match(rf"\s*{key}(?!\d)", text) is not None


def main() -> None:
    """Counts right answers for each length and cache."""
    parser = parser_for("passkey", __doc__ or "")
    parser.add_argument("--lengths", type=int, nargs="+", default=[4096, 8192, 16384, 30720])
    parser.add_argument("--kv", type=kv_bits, metavar="K,V", default="3,3", help="bits of a number")
    parser.add_argument("--trials", type=int, default=5, help="prompts of each length")
    parser.add_argument("--model", type=Path, help="a GGUF file; default Gemma 3 270M")
    options = parser.parse_args()
    caches: dict[str, KVBits | None] = {"exact": None, options.kv.name: options.kv}
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or gemma3_270m(Path(folder))
        tokenizer = gguf_tokenizer(path)
        decoder = open_decoder(path, 4)
        prompts = Prompts(tokenizer)
    right = {
        question: {str(length): dict.fromkeys(caches, 0) for length in options.lengths}
        for question in QUESTIONS
    }
    for length in options.lengths:
        for number in range(options.trials):
            trial = prompts.trial(length, number, options.trials)
            for name, width in caches.items():
                cache = KVCache(
                    decoder.config,
                    length + ANSWER,
                    CHUNK,
                    bits=width,
                    key_norms=decoder.key_norms,
                )
                for question, ids in prompts.questions.items():
                    start = time.perf_counter()
                    text = tokenizer.decode(answer(decoder, cache, trial.text, ids))
                    right[question][str(length)][name] += is_right(text, trial.key)
                    seconds = time.perf_counter() - start
                    print(
                        f"{length:6} depth {trial.depth:3.0%} {name:6} {question:8} {trial.key} "
                        f"{text!r} {seconds:.1f} s",
                        flush=True,
                    )
    result: dict[str, Any] = {
        "trials": options.trials,
        **right["digits"],
        "in_words": right["in_words"],
    }
    report("passkey", result, options.json)


if __name__ == "__main__":
    main()
