"""Measures what coding the KV cache costs a model, width by width, on one text.

The exact cache reads the text once, and what its last layer gives is kept; each width then reads it
too, one after the other, and the distributions of the next token are compared a few rows at a time.
So it takes one more cache than the model itself, and little else. Only positions after the first
1,024 count: up to these every cache is exact. ``kv_table`` keeps the figures.
"""

import hashlib
import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.cache import KVCache
from engine.config import SEGMENT, LayerConfig, ModelConfig, open_config
from engine.decoder import Decoder
from engine.errors import DamagedModel, UnsupportedModel
from engine.fingerprint import fingerprint
from engine.kv_table import LIMIT, Form, KVRow, KVTable
from engine.model import Model, load, open_text
from engine.options import Message
from engine.planner import plan
from engine.text import Text
from engine.widths import LEARN, KVBits

CANDIDATES = (
    KVBits(2, 2), KVBits(3, 2), KVBits(3, 3), KVBits(4, 3), KVBits(4, 4), KVBits(8, 8)
)  # fmt: skip
# Errors of a layer that others read too count more often: what it gets, and the rest.
_SHARED, _NOT_SHARED = (KVBits(4, 3), KVBits(4, 4)), KVBits(3, 3)
# Those of the very last layer pass through no other and count least: what it gets, and the rest.
_LAST, _BEFORE_LAST = KVBits(2, 2), KVBits(4, 3)
# Rows read at once: before the first that counts, and after.
_CHUNK, _COUNTED_CHUNK = 256, 64
# Rows of logits compared at once: few enough to stay in the processor's cache.
_ROWS = 4
_TURN = re.compile(r"^=== (system|user|assistant)$\n", re.MULTILINE)


@dataclass(frozen=True)
class KVProgress:
    """So many tokens have been read, by all caches together."""

    tokens: int
    of: int


def measure_model(
    path: Path,
    text: str,
    *,
    limit: float = LIMIT,
    memory: int | None = None,
    candidates: Sequence[KVBits] | None = None,
) -> Generator[KVProgress | KVTable, None, None]:
    """Opens a model and measures it on ``text`` (see :func:`conversation`): the table comes last.

    memory: bytes that may be used; None takes what is free. candidates: None takes those of
    :func:`candidates_for`. Raises MemoryExceeded, ModelError for a
    model that cannot be read, has no tokenizer, or whose cache cannot be coded here.
    """
    mark = fingerprint(path)
    tokenizer = open_text(path)
    if tokenizer is None:
        raise DamagedModel(
            str(path / "tokenizer.json"),
            "The tokenizer is missing, and without it nothing can be measured.",
            "Copy tokenizer.json and the chat template beside the weights.",
        )
    ids, form = token_ids(tokenizer, text)
    planned = plan(path, memory=memory, context=min(len(ids), open_config(path).context))
    planned.check()
    ids = ids[: planned.context]
    if len(ids) <= LEARN + SEGMENT:
        raise UnsupportedModel(
            str(path),
            f"Only {len(ids):,} tokens can be read for measuring, and the first {LEARN:,} of a "
            "text are always exact.",
            "Use the model as it is, with exact keys and values.",
        )
    model = load(path, context=1, memory=memory, bits=planned.widths.layers)
    rows = yield from measure(model, ids, candidates)
    yield KVTable(mark, text_sum(text), form, len(ids) - LEARN, rows, limit)


def measure(
    model: Model, ids: Sequence[int], candidates: Sequence[KVBits] | None = None
) -> Generator[KVProgress, None, tuple[KVRow, ...]]:
    """Reads ``ids`` with the exact cache and with each width; gives a row for each.

    Raises UnsupportedModel if no layer's keys and values can be coded here.
    """
    config, decoder = model.config, model.decoder
    candidates = candidates_for(config) if candidates is None else candidates
    wide = tuple(config.layers[index] for index in config.growing_layers)
    total = len(ids) * (1 + len(candidates))

    def fresh(layers: tuple[LayerConfig, ...], bits: KVBits | None) -> KVCache:
        some = replace(config, layers=layers)
        return KVCache(
            some,
            len(ids),
            _CHUNK,
            placement=decoder.placement,
            bits=bits,
            key_norms=decoder.key_norms,
        )

    cache = fresh(config.layers, None)
    exact: list[torch.Tensor] = []
    for states in _read(decoder, cache, ids):
        yield KVProgress(cache.length, total)
        exact.append(states)
    rows = []
    for done, kv in enumerate(candidates, 1):
        # The sliding layers' caches are the same for all, one after the other.
        for layer in wide:
            del cache.layers[layer.index]
        coded = fresh(wide, kv)
        if not coded.coded:
            raise UnsupportedModel(
                str(model.path),
                "Its keys and values cannot be coded: the size of its heads is no power of two.",
                "Use the model as it is, with exact keys and values.",
            )
        bits = coded.coded_bits
        coded.layers.update(cache.layers)
        coded.clear()
        cache = coded
        tally = Tally()
        for expected, given in zip(exact, _read(decoder, cache, ids), strict=True):
            if len(expected):
                known = log_probabilities(_logits(decoder, expected))
                tally.add(known, _logits(decoder, given))
            yield KVProgress(done * len(ids) + cache.length, total)
        if not math.isfinite(tally.kld):
            raise DamagedModel(
                str(model.path), "What it computes is not a number.", "Copy the model again."
            )
        rows.append(KVRow(kv, round(tally.kld, 6), round(tally.top1, 2), round(bits, 3)))
    return tuple(rows)


def candidates_for(config: ModelConfig) -> tuple[KVBits, ...]:
    """The widths worth measuring for a model: :data:`CANDIDATES`, and among them its own."""
    growing, last = config.growing_layers, len(config.layers) - 1
    shared = sorted(config.shared_layers.intersection(growing))
    mixed: list[KVBits] = []
    if 0 < len(shared) < len(growing):
        for bits in _SHARED:
            mixed.append(replace(_NOT_SHARED, apart=tuple((layer, bits) for layer in shared)))
    elif not shared and last in growing[1:]:
        mixed.append(replace(_BEFORE_LAST, apart=((last, _LAST),)))
    after = CANDIDATES.index(KVBits(3, 3)) + 1
    return (*CANDIDATES[:after], *mixed, *CANDIDATES[after:])


@torch.inference_mode()
def log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """log softmax of [rows, vocabulary], in place."""
    for first in range(0, len(logits), _ROWS):
        rows = logits[first : first + _ROWS]
        rows.copy_(rows.log_softmax(-1))
    return logits


@dataclass
class Tally:
    """KL divergence and agreement over the rows taken so far."""

    divergence: float = 0.0
    agreed: int = 0
    rows: int = 0

    @torch.inference_mode()
    def add(self, exact: torch.Tensor, given: torch.Tensor) -> None:
        """Takes rows: exact log probabilities and given logits, both [rows, vocabulary]."""
        for first in range(0, len(given), _ROWS):
            rows = slice(first, first + _ROWS)
            expected, got = exact[rows], given[rows].log_softmax(-1)
            self.agreed += int((got.argmax(-1) == expected.argmax(-1)).sum())
            self.divergence += float(got.neg_().add_(expected).mul_(expected.exp()).sum())
        self.rows += len(given)

    @property
    def kld(self) -> float:
        """Mean, in nats."""
        return self.divergence / self.rows

    @property
    def top1(self) -> float:
        """Per cent."""
        return 100 * self.agreed / self.rows


def token_ids(tokenizer: Text, text: str) -> tuple[list[int], Form]:
    """The text as a conversation in the model's template, or as plain text where it has none."""
    turns = conversation(text)
    if tokenizer.has_template:
        return tokenizer.chat(turns), "chat"
    return tokenizer.encode("\n\n".join(turn.text for turn in turns)), "plain"


def conversation(text: str) -> list[Message]:
    """Turns, each after a line ``=== user`` or ``=== assistant``. ValueError if there are none."""
    start, *parts = _TURN.split(text)
    if start.strip() or not parts:
        raise ValueError("the text has to begin with a line '=== user'")
    turns = zip(parts[::2], parts[1::2], strict=True)
    return [Message(role, content.strip()) for role, content in turns]  # type: ignore[arg-type]


def text_sum(text: str) -> str:
    """sha256 of a text, as :data:`engine.kv_table.TEXT` has it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _read(
    decoder: Decoder, cache: KVCache, ids: Sequence[int]
) -> Generator[torch.Tensor, None, None]:
    """The states of each chunk's rows; none of the rows that do not count."""
    while cache.length < len(ids):
        first = cache.length
        size = _COUNTED_CHUNK if first >= LEARN else min(_CHUNK, LEARN - first)
        part = torch.tensor(ids[first : first + size])
        with torch.inference_mode():
            yield decoder.states(part, cache, len(part) if first >= LEARN else 0)


def _logits(decoder: Decoder, states: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return decoder.logits(states)
