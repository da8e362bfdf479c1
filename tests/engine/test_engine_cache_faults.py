"""Faults that caches of other engines had, tried on caches in few bits."""

from __future__ import annotations

import pytest
import torch
from kv_rows import HEADS, KV_HEADS, LAYER, SIZE, numbers, read
from tiny import VARIANTS
from tiny_session import TinyModel, random_ids

from engine.cache import ExactLayer, KVCache
from engine.coded_cache import CodedLayer
from engine.native import kernels
from engine.options import Options, PromptRead, Written
from engine.session import Session
from engine.tensors import Widths
from engine.widths import LEARN, KVBits

pytestmark = pytest.mark.skipif(kernels() is None, reason="the kernels are not built")
CONTEXT, K3V3 = 2048, KVBits(3, 3)


class Tiny(TinyModel):
    """A tiny model whose sessions have coded caches of 2,048 positions."""

    def coded(self, bits: KVBits | None = K3V3) -> KVCache:
        return self.cache(CONTEXT, 256, bits)

    def session(self) -> Session:
        return Session(self.decoder, self.coded(), None)


@pytest.fixture(scope="module", params=VARIANTS)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp(request.param), request.param, Widths(32, 32))


def ask(session: Session, prompt: list[int], most: int = 6) -> tuple[list[int], int]:
    """What is written, and how many tokens were not read again."""
    events = list(session.generate(prompt, Options(max_tokens=most)))
    reused = next(event.reused for event in events if isinstance(event, PromptRead))
    return [t for event in events if isinstance(event, Written) for t in event.tokens], reused


def test_the_last_token_counts_once_on_a_wrapped_window(tiny: Tiny) -> None:
    session, prompt = tiny.session(), random_ids(1700)
    first, _ = ask(session, prompt)
    for _ in range(2):
        again, reused = ask(session, prompt)
        assert (again, reused) == (first, 1699)
    longer = prompt + first
    assert ask(session, longer) == (ask(tiny.session(), longer)[0], len(longer) - 1)


def test_a_prefix_the_window_has_left_is_no_hit(tiny: Tiny) -> None:
    session, prompt = tiny.session(), random_ids(1900)
    ask(session, prompt)
    shorter = [*prompt[:1100], 7, 8]
    written, reused = ask(session, shorter)
    assert reused == 0
    assert written == ask(tiny.session(), shorter)[0]


def test_layers_have_heads_of_their_own_size(tiny: Tiny) -> None:
    """Global and sliding layers differ in size and number of heads; none is taken for another."""
    ids = torch.tensor(random_ids(1500))
    logits = []
    for bits in (None, KVBits(8, 8)):
        cache = tiny.coded(bits)
        with torch.inference_mode():
            parts = [tiny.decoder.forward(part, cache, len(part)) for part in ids.split(256)]
        logits.append(torch.cat(parts)[LEARN:])
    exact, coded = logits
    assert float((coded - exact).norm() / exact.norm()) < 0.02


def test_keys_are_not_taken_for_values() -> None:
    exact = read(ExactLayer(LAYER, 1500, torch.float32), 1500, [500] * 3)
    coded = read(CodedLayer(LAYER, 1500, 512, KVBits(8, 8)), 1500, [500] * 3)
    q, keys, values = numbers(1500)
    assert keys.shape[1] == values.shape[1] == KV_HEADS * SIZE
    swapped_layer = ExactLayer(LAYER, 1500, torch.float32)
    swapped_layer.append(values, keys, 0)
    high = torch.arange(1500) + 1
    swapped = swapped_layer.attend(q, HEADS, torch.zeros_like(high), high, 0.125)
    assert float((coded - exact).norm() / exact.norm()) < 0.02
    assert float((coded - swapped).norm() / swapped.norm()) > 0.5


def test_a_full_cache_stays_right(tiny: Tiny) -> None:
    prompt = random_ids(CONTEXT - 5)
    session = tiny.session()
    written, _ = ask(session, prompt, most=50)
    # One more than fits is written: the last one needs no room, as nothing follows it.
    assert len(written) == 6
    assert ask(session, prompt, most=50) == (written, len(prompt) - 1)
    cache = tiny.coded()
    ids = torch.tensor(prompt + written[:5])
    with torch.inference_mode():
        parts = [tiny.decoder.forward(part, cache, len(part)) for part in ids.split(256)]
        whole = torch.cat(parts)
        with pytest.raises(ValueError, match="do not fit"):
            tiny.decoder.forward(ids[:1], cache)
        # What was refused has changed nothing.
        cache.truncate(len(prompt))
        again = tiny.decoder.forward(ids[len(prompt) :], cache, 5)
    assert [int(row.argmax()) for row in whole[len(prompt) - 1 :]] == written
    assert torch.equal(again, whole[len(prompt) :])
