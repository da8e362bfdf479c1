"""The sampler against the definitions, and against the processors of ``transformers``."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.options import Options
from engine.sampler import Sampler


def _logits(seed: int, vocabulary: int, spread: float = 3.0) -> torch.Tensor:
    """Random logits, no two alike."""
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(vocabulary, generator=random).float()
    return torch.randn(vocabulary, generator=random).mul_(spread) + order * 1e-4


def test_greedy_takes_the_lowest_of_equal_ids() -> None:
    sampler = Sampler(Options(), [])
    logits = torch.zeros(5000)
    assert sampler.pick(logits) == 0
    logits[[700, 123, 4999]] = 2.0
    assert sampler.pick(logits) == 123


def test_logits_are_left_as_they_are() -> None:
    logits = _logits(1, 64)
    before = logits.clone()
    allowed = torch.arange(64) % 2 == 0
    options = Options(temperature=0.7, top_k=9, top_p=0.8, min_p=0.01, repetition_penalty=1.4)
    Sampler(options, [1, 2, 3]).pick(logits, allowed)
    assert torch.equal(logits, before)


@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 1.0, 1.7]), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_same_seed_same_choices(seed: int, temperature: float, top_k: int) -> None:
    options = Options(temperature=temperature, top_k=top_k, top_p=0.95, seed=seed)
    rows = [_logits(row, 300) for row in range(12)]
    texts = []
    for _ in range(2):
        sampler = Sampler(options, [5])
        texts.append([sampler.pick(row) for row in rows])
    assert texts[0] == texts[1]


def test_without_a_seed_choices_differ() -> None:
    rows = [torch.zeros(100_000) for _ in range(4)]
    texts = set()
    for _ in range(4):
        sampler = Sampler(Options(temperature=1.0), [])
        texts.add(tuple(sampler.pick(row) for row in rows))
    assert len(texts) == 4


@given(
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.3, 1.0, 2.5]),
    top_k=st.sampled_from([0, 1, 7, 300, 5000]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    penalty=st.sampled_from([1.0, 0.8, 1.3]),
)
@settings(max_examples=150, deadline=None)
def test_candidates_are_those_of_transformers(
    seed: int, temperature: float, top_k: int, top_p: float, min_p: float, penalty: float
) -> None:
    logits = _logits(seed, 3000, spread=1.5)
    prompt = [3, 14, 15, 92, 65, 3, int(logits.argmax())]
    options = Options(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=penalty,
        seed=0,
    )
    sampler = Sampler(options, prompt[:4])
    for token in prompt[4:]:
        sampler.accept(token)

    reference = LogitsProcessorList()
    if penalty != 1:
        reference.append(RepetitionPenaltyLogitsProcessor(penalty))
    reference.append(TemperatureLogitsWarper(temperature))
    if top_k:
        reference.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        reference.append(TopPLogitsWarper(top_p))
    if min_p:
        reference.append(MinPLogitsWarper(min_p))
    scores = reference(torch.tensor([prompt]), logits[None].double())
    expected = torch.softmax(scores[0], 0)

    weighed = logits if penalty == 1 else sampler._penalise(logits)
    weights, ids = sampler._candidates(weighed)
    got = torch.zeros(3000, dtype=torch.float64)
    got[torch.arange(3000) if ids is None else ids] = weights / weights.sum()
    assert torch.allclose(got, expected, atol=1e-5)
    # float32 and float64 may disagree on whether the very last token belongs.
    assert ((got > 0) != (expected > 0)).sum() <= 1
    assert expected[sampler.pick(logits)] > 0 or got[sampler.pick(logits)] > 0


def test_frequencies_follow_the_distribution() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    for options in (Options(temperature=1.0, seed=7), Options(temperature=1.0, seed=7, top_k=4)):
        sampler = Sampler(options, [])
        counts = torch.bincount(torch.tensor([sampler.pick(logits) for _ in range(4000)]))
        assert torch.allclose(counts / 4000, logits.exp(), atol=0.03)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0]), st.sampled_from([0, 3]))
@settings(max_examples=60, deadline=None)
def test_only_what_is_allowed(seed: int, temperature: float, top_k: int) -> None:
    logits = _logits(seed, 200)
    allowed = torch.rand(180, generator=torch.Generator().manual_seed(seed)) < 0.05
    allowed[17] = True
    sampler = Sampler(Options(temperature=temperature, top_k=top_k, seed=seed), [])
    for _ in range(5):
        token = sampler.pick(logits, allowed)
        assert token < 180
        assert allowed[token]


def test_penalty_discourages_what_was_accepted() -> None:
    logits = torch.tensor([1.0, 0.95, -0.5, 0.1])
    sampler = Sampler(Options(repetition_penalty=1.2), [])
    assert sampler.pick(logits) == 0
    sampler.accept(0)
    assert sampler.pick(logits) == 1
    sampler.accept(1)
    assert sampler.pick(logits) == 0


def test_a_tiny_temperature_is_greedy() -> None:
    logits = _logits(3, 1000)
    sampler = Sampler(Options(temperature=1e-9, seed=1), [])
    assert {sampler.pick(logits) for _ in range(20)} == {int(logits.argmax())}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nothing_allowed_and_no_numbers(temperature: float) -> None:
    sampler = Sampler(Options(temperature=temperature), [])
    with pytest.raises(ValueError, match="allowed"):
        sampler.pick(torch.zeros(10), torch.zeros(10, dtype=torch.bool))
    with pytest.raises(ArithmeticError):
        sampler.pick(torch.full((10,), torch.nan))
